//! Connecting to an actor that is neither parent nor child of this one.

use std::sync::atomic::Ordering;

use rustix::process::Pid;

use super::serve::policy;
use crate::actor::{Actor, Connected, Link, attach, try_current_actor};
use crate::api::Portal;
use crate::error::{ActorDied, Because, CloseReason, Error, Unreachable};
use crate::net::{self, HandshakeError, Introduction, introduce};
use crate::process::has_ended;
use crate::proto::addr::Addr;
use crate::proto::handshake::Role;
use crate::session::Peer;

/// Connects to the actor that listens on an address, as a scope: the connection is closed when the body has ended.
///
/// Over TCP both actors must belong to one tree: they prove to each other that they know its secret.
///
/// # Errors
/// The body's own error; [`Error::Unreachable`] when there is no connection, [`Error::Died`] where this actor has seen
/// the one die that listened there; [`Error::NoRuntime`] outside of any actor.
///
/// # Cancel safety
/// Dropping the future closes the connection.
pub async fn connect<T, E, F>(addr: &Addr, body: F) -> Result<T, E>
where
    F: AsyncFnOnce(&Portal) -> Result<T, E>,
    E: From<Error>,
{
    let actor = try_current_actor()?;
    let meeting = async {
        let io = net::connect(addr).await?;
        let with = Introduction {
            ours: actor.aid().clone(),
            role: Role::Connector,
            policy: policy(&actor, io.other_end()),
            limits: actor.limits(),
        };
        introduce(io, with).await
    };
    let met = match tokio::time::timeout(actor.timeouts().handshake, meeting).await {
        Ok(met) => met.map_err(|error| not_met(&actor, addr, &error))?,
        Err(_elapsed) => {
            let unreachable = Unreachable::new(addr.clone(), "no handshake in time (`Timeouts::handshake`)");
            return Err(Error::from(unreachable).into());
        }
    };
    actor.deaths().forget(addr);
    let process = met.io.process_of_other_end();
    let connected = Connected {
        io: met.io,
        unread: met.frames.into_rest(),
        aid: met.aid,
        caps: met.caps,
        link: Link::Dialed,
    };
    let (witness, whom) = (actor.clone(), addr.clone());
    let peer = attach(&actor, connected, async move |peer, reason| {
        cause_of_loss(&witness, &whom, process, &peer, reason).await
    });
    let closing = Closing(Portal::new(peer));
    let result = body(&closing.0).await;
    closing.0.peer.channel.close();
    let drained = closing.0.peer.drained.clone();
    let drain = actor.timeouts().drain;
    if tokio::time::timeout(drain, drained.cancelled()).await.is_err() {
        tracing::warn!("the peer did not take the last messages within {drain:?} (`Timeouts::drain`)");
        closing.0.peer.channel.give_up();
    }
    result
}

/// Why there is no connection to an address.
fn not_met(actor: &Actor, addr: &Addr, error: &HandshakeError) -> Error {
    match actor.deaths().at(addr) {
        Some(died) if error.is_about_nobody() => Error::from(died).unsent(),
        Some(_) | None => Unreachable::new(addr.clone(), error.to_string()).into(),
    }
}

/// The error of everybody who waits on a connection when it ends: that the actor at the other end has died, if its
/// process has ended and nobody has said why.
async fn cause_of_loss(
    actor: &Actor,
    addr: &Addr,
    process: Option<Pid>,
    peer: &Peer,
    reason: CloseReason,
) -> Error {
    let is_silent = matches!(reason, CloseReason::Eof | CloseReason::Truncated | CloseReason::Io(_));
    // Who speaks the base protocol alone has no word for a good end.
    let is_unexplained = is_silent && !peer.caps.is_empty() && !peer.ended_in_order.load(Ordering::Acquire);
    match process {
        Some(process) if is_unexplained && has_ended(process, peer.timeouts.exit_status).await => {
            let pid = process.as_raw_nonzero().get().cast_unsigned();
            let died = ActorDied::new(peer.aid.uid.name(), pid, Because::Unknown, None);
            actor.deaths().add(addr.clone(), &died);
            died.into()
        }
        Some(_) | None => peer.closed_error(reason),
    }
}

/// Closes the connection of a scope that is dropped.
struct Closing(Portal);

impl Drop for Closing {
    fn drop(&mut self) {
        self.0.peer.channel.close();
    }
}
