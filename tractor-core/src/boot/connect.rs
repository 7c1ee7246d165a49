//! Connecting to an actor that is neither parent nor child of this one.

use super::serve::policy;
use crate::actor::{Connected, attach, try_current_actor};
use crate::api::Portal;
use crate::error::{Error, RuntimeFailure};
use crate::net::{self, Introduction, introduce};
use crate::proto::addr::Addr;
use crate::proto::handshake::Role;

/// Connects to the actor that listens on an address, as a scope: the connection is closed when the body has ended.
///
/// Over TCP both actors must belong to one tree: they prove to each other that they know its secret.
///
/// # Errors
/// The body's own error; [`Error::Runtime`] when there is no connection; [`Error::NoRuntime`] outside of any actor.
///
/// # Cancel safety
/// Dropping the future closes the connection.
pub async fn connect<T, E, F>(addr: &Addr, body: F) -> Result<T, E>
where
    F: AsyncFnOnce(&Portal) -> Result<T, E>,
    E: From<Error>,
{
    let actor = try_current_actor()?;
    let failed = |problem: &dyn std::fmt::Display| {
        Error::Runtime(RuntimeFailure::new(format!("no connection to {addr}: {problem}")))
    };
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
        Ok(met) => met.map_err(|error| failed(&error))?,
        Err(_elapsed) => return Err(failed(&"no handshake in time (`Timeouts::handshake`)").into()),
    };
    let connected =
        Connected { io: met.io, unread: met.frames.into_rest(), aid: met.aid, caps: met.caps, dialer: true };
    let peer = attach(&actor, connected, |peer, reason| std::future::ready(peer.closed_error(reason)));
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

/// Closes the connection of a scope that is dropped.
struct Closing(Portal);

impl Drop for Closing {
    fn drop(&mut self) {
        self.0.peer.channel.close();
    }
}
