//! The runtime's own methods: requests with the namespace `self`.
//!
//! Their set is closed, and so is that of the methods that may wait ([`Actor::method`]), of which a registrar has more.
//! Any other name is answered with an error.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use serde::Serialize;

use super::core::Actor;
use crate::error::{self, type_names};
use crate::net::Appended;
use crate::proto::args::{ArgTuple, no_defaults};
use crate::proto::codec::{self, PldKind};
use crate::proto::dialog::Side;
use crate::proto::id::Cid;
use crate::proto::msg::{FuncType, Msg, Start};
use crate::proto::payload::{self, PayloadFormat};
use crate::session::Peer;

/// The namespace of the runtime's own methods.
pub(super) const NAMESPACE: &str = "self";

/// The deepest nesting of a value of the runtime's methods.
const ANSWER_DEPTH_MAX: usize = 8;
/// How many requests of one peer to end the actor wait for its tasks; further requests are acknowledged at once.
const CANCELS_PENDING_MAX: usize = 16;

/// Runs one of the runtime's methods. Nothing here waits; slow methods get a task.
pub(super) fn run(actor: &Actor, peer: &Arc<Peer>, start: &Start) {
    let cid = start.cid;
    let depth_max = peer.channel.limits().nesting_depth_max;
    match start.func.as_str() {
        "cancel" if !peer.is_member => {
            let text = "only an actor that knows the secret of its tree can end an actor".to_owned();
            refuse(peer, cid, type_names::RUNTIME_FAILURE, text);
        }
        "cancel" => {
            accept(peer, cid);
            if peer.cancels_pending.fetch_add(1, Ordering::Relaxed) >= CANCELS_PENDING_MAX {
                peer.cancels_pending.fetch_sub(1, Ordering::Relaxed);
                return peer.acknowledge_cancel(cid);
            }
            let (actor, peer) = (actor.clone(), peer.clone());
            actor.clone().spawn_link(async move {
                actor.cancel_requests(Some(peer.aid.uid.clone())).await;
                peer.acknowledge_cancel(cid);
                peer.cancels_pending.fetch_sub(1, Ordering::Relaxed);
                // The parent's connection is closed last, any other peer's now.
                if actor.parent_peer().is_none_or(|parent| !Arc::ptr_eq(parent, &peer)) {
                    actor.say_goodbye(&peer);
                    peer.channel.close();
                }
                actor.stop();
            });
        }
        "_cancel_task" => {
            match <(String,)>::decode(&["cid"], no_defaults, peer.format(false), depth_max, &start.kwargs) {
                Ok((target,)) => {
                    accept(peer, cid);
                    cancel_task(peer, cid, &target);
                }
                Err(problem) => {
                    refuse(peer, cid, type_names::TYPE_ERROR, format!("_cancel_task(): {problem}"))
                }
            }
        }
        "addrs" => answer(peer, cid, &actor.addrs()),
        "describe" if !peer.is_member => {
            let text = "only an actor that knows the secret of its tree gets a report".to_owned();
            refuse(peer, cid, type_names::RUNTIME_FAILURE, text);
        }
        "describe" => answer(peer, cid, &actor.report()),
        other => {
            let text = format!(
                "the runtime has no method `self:{other}` (it has `addrs`, `cancel`, `_cancel_task`, `describe`, \
                 `find_supervised` and `listen`)"
            );
            refuse(peer, cid, type_names::ATTRIBUTE_ERROR, text);
        }
    }
}

/// Cancels the task that this same connection started under `target`. The acknowledgement is sent when the task has
/// ended, and at once for an unknown or finished task.
fn cancel_task(peer: &Peer, request: Cid, target: &str) {
    let session = Cid::new(target)
        .and_then(|target| peer.dialog(target.as_bytes()))
        .filter(|session| session.side() == Side::Child);
    if session.is_none_or(|session| session.cancel_for(peer.aid.uid.clone(), request)) {
        peer.acknowledge_cancel(request);
    }
}

/// Accepts a request and answers it. If the answer is too large for the peer, the request is refused.
fn answer(peer: &Peer, cid: Cid, value: &impl Serialize) {
    accept(peer, cid);
    let mut bytes = Vec::new();
    payload::encode(value, PayloadFormat::Base, ANSWER_DEPTH_MAX, &mut bytes)
        .expect("the runtime's own values are plain and flat");
    let returned = peer.channel.append(|out| codec::encode_pld(PldKind::Return, &cid, &bytes, out));
    if let Appended::TooLarge(error) = returned {
        refuse(peer, cid, type_names::RUNTIME_FAILURE, error.to_string());
    }
}

fn accept(peer: &Peer, cid: Cid) {
    // The loss of the connection's dialogs reports a closed channel.
    _ = peer.channel.send(&Msg::StartAck { cid, functype: FuncType::AsyncFunc });
}

fn refuse(peer: &Peer, cid: Cid, type_name: &str, text: String) {
    let mut msg = error::local(&peer.us, type_name, text);
    msg.cid = Some(cid);
    peer.send_error(msg);
}
