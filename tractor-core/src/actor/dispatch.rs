//! What each frame of a connection does, in arrival order.
//!
//! # Invariants
//! 1. Nothing here waits: a slow endpoint, a full inbox or a slow teardown never stalls the connection.
//! 2. A frame that cannot be understood costs its sender at most this connection; whoever can act is told.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use bytes::Bytes;

use super::core::Actor;
use super::invoke::{Invocation, RequestTask};
use super::linked::Linked;
use super::peer::{Peer, Refused};
use super::selfcall;
use crate::error::{self, CloseReason, Error, type_names};
use crate::ipc::FrameHandler;
use crate::proto::codec::{self, DecodeError};
use crate::proto::dialog::{Received, Side};
use crate::proto::id::Cid;
use crate::proto::msg::{Msg, Start};

/// Hands the frames of one connection to its dialogs.
pub(super) struct Dispatch {
    actor: Actor,
    peer: Arc<Peer>,
    /// The dialog of the last streamed value: values mostly come in runs.
    last: Option<Arc<Linked>>,
    bad_frames: usize,
}

impl FrameHandler for Dispatch {
    #[inline]
    fn frame(&mut self, chunk: &Bytes, body: Range<usize>) -> Result<(), CloseReason> {
        if let Some((cid, payload_at)) = codec::peek_yield(&chunk[body.clone()]) {
            let payload = || chunk.slice(body.start + payload_at..body.end);
            if self.last.as_ref().is_none_or(|last| last.cid.as_bytes() != cid) {
                let cid = std::str::from_utf8(cid).ok().and_then(Cid::new);
                self.last = cid.and_then(|cid| self.peer.dialog(&cid));
            }
            if let Some(last) = &self.last {
                if last.handle(Received::Yield(payload())) {
                    self.peer.forget(last.cid);
                    self.last = None;
                }
                return Ok(());
            }
        }
        match codec::decode_within(&chunk.slice(body), self.peer.channel.limits().nesting_depth_max) {
            Ok(msg) => self.message(msg),
            Err(error) => self.undecodable(&error),
        }
    }
}

impl Dispatch {
    pub(super) fn new(actor: Actor, peer: Arc<Peer>) -> Self {
        Self { actor, peer, last: None, bad_frames: 0 }
    }

    fn message(&mut self, msg: Msg) -> Result<(), CloseReason> {
        match msg {
            Msg::Start(start) => return self.start(*start),
            Msg::StartAck { cid, functype } => self.deliver(cid, Received::StartAck(functype)),
            Msg::Started { cid, pld } => self.deliver(cid, Received::Started(pld)),
            Msg::Yield { cid, pld } => self.deliver(cid, Received::Yield(pld)),
            Msg::Stop { cid } => self.deliver(cid, Received::Stop),
            Msg::Return { cid, pld } => self.deliver(cid, Received::Return(pld)),
            Msg::CancelAck { cid, pld } => self.deliver(cid, Received::CancelAck(pld)),
            Msg::Credit { cid, bytes } => self.deliver(cid, Received::Credit(bytes)),
            Msg::Error(error) => match error.cid {
                Some(cid) => self.deliver(cid, Received::Error(error)),
                None if error.boxed_type_str == type_names::CONTEXT_CANCELLED => {
                    tracing::debug!(peer = %self.peer.aid.uid, "the peer's runtime ends in good order");
                    self.peer.ended_in_order.store(true, Ordering::Release);
                }
                None => {
                    let text = Error::from(Arc::from(error)).to_string();
                    tracing::warn!(peer = %self.peer.aid.uid, "the peer's runtime failed: {text}");
                    return Err(CloseReason::PeerFailed(text.into()));
                }
            },
            Msg::Ready => self.peer.ready.cancel(),
            Msg::Aid(_) | Msg::SpawnSpec(_) | Msg::Auth { .. } => {
                let text = format!("`{}` came after the handshake", msg.name());
                tracing::warn!(peer = %self.peer.aid.uid, "closing the connection: {text}");
                return Err(CloseReason::Protocol(text.into()));
            }
        }
        Ok(())
    }

    fn deliver(&mut self, cid: Cid, msg: Received<Bytes, Box<crate::proto::msg::ErrorMsg>>) {
        let name = msg.name();
        let Some(linked) = self.peer.dialog(&cid) else {
            tracing::debug!(%cid, peer = %self.peer.aid.uid, "`{name}` for a dialog that is over or unknown");
            return;
        };
        if linked.handle(msg) {
            self.peer.forget(cid);
        }
    }

    fn undecodable(&mut self, error: &DecodeError) -> Result<(), CloseReason> {
        tracing::warn!(peer = %self.peer.aid.uid, "undecodable frame: {error}");
        if error.is_bad_frame() {
            self.bad_frames += 1;
            if self.bad_frames > self.peer.channel.limits().bad_frames_max {
                let text = format!("{} frames were no MessagePack (`bad_frames_max`)", self.bad_frames);
                return Err(CloseReason::Protocol(text.into()));
            }
        }
        if let Some(cid) = error.cid() {
            let mut msg = error::local(&self.peer.us, type_names::MSG_TYPE_ERROR, error.to_string());
            msg.cid = Some(cid);
            // A child side reports it as its one outcome, when its task has ended.
            let is_child = self.peer.dialog(&cid).is_some_and(|linked| linked.side() == Side::Child);
            if !is_child {
                self.peer.send_error(msg.clone());
            }
            self.deliver(cid, Received::Error(Box::new(msg)));
        }
        Ok(())
    }

    // ---- requests ----------------------------------------------------------------------------------------------

    fn start(&mut self, start: Start) -> Result<(), CloseReason> {
        let cid = start.cid;
        if start.uid != self.peer.aid.uid {
            let text = format!(
                "a request names {} as its sender, the handshake named {}",
                start.uid, self.peer.aid.uid
            );
            self.refuse(cid, type_names::RUNTIME_FAILURE, text.clone());
            return Err(CloseReason::Protocol(text.into()));
        }
        if start.ns == selfcall::NAMESPACE {
            selfcall::run(&self.actor, &self.peer, &start);
            return Ok(());
        }
        if let Some(canceller) = self.actor.cancel_requested() {
            let us = &self.peer.us;
            let mut msg = error::cancelled(us, &self.peer.aid.uid, canceller.as_ref().unwrap_or(us));
            msg.cid = Some(cid);
            self.peer.send_error(msg);
            return Ok(());
        }
        match self.actor.inner.allow.find(&self.peer.us, &start.ns, &start.func) {
            Ok(entry) => self.invoke(entry, start),
            Err(mut msg) => {
                msg.cid = Some(cid);
                self.peer.send_error(msg);
            }
        }
        Ok(())
    }

    fn refuse(&self, cid: Cid, type_name: &str, text: String) {
        tracing::debug!(%cid, peer = %self.peer.aid.uid, "refused a request: {text}");
        let mut msg = error::local(&self.peer.us, type_name, text);
        msg.cid = Some(cid);
        self.peer.send_error(msg);
    }

    fn invoke(&mut self, entry: &'static super::exposed::EndpointEntry, start: Start) {
        let cid = start.cid;
        let endpoint = entry.label();
        let linked = Arc::new(Linked::new(self.peer.clone(), cid, Side::Child, entry.kind, endpoint));
        let invocation = Invocation { linked: linked.clone(), kwargs: start.kwargs };
        let future = match (entry.invoke)(&invocation) {
            Ok(future) => future,
            Err(problem) => {
                return self.refuse(cid, type_names::TYPE_ERROR, format!("{}(): {problem}", start.func));
            }
        };
        match self.peer.enter(linked.clone()) {
            Ok(()) => {}
            Err(Refused::Closed) => return,
            Err(Refused::Duplicate) => {
                return self.refuse(
                    cid,
                    type_names::MESSAGING_ERROR,
                    format!("the context id {cid} is in use"),
                );
            }
            Err(Refused::TooMany(max)) => {
                let text =
                    format!("{max} contexts are open on this connection (`contexts_per_connection_max`)");
                return self.refuse(cid, type_names::RUNTIME_FAILURE, text);
            }
        }
        // An id may be used again after its dialog; values now belong to the new one.
        self.last = None;
        if let Some(canceller) = self.actor.cancel_requested() {
            // The request slipped in while the actor was cancelling its others.
            linked.cancel(canceller.clone().unwrap_or_else(|| self.peer.us.clone()));
        }
        // A closed channel is reported by the loss of the dialog.
        _ = self.peer.channel.send(&Msg::StartAck { cid, functype: entry.kind });
        self.actor.run_request(RequestTask::new(self.actor.clone(), linked, future));
    }
}
