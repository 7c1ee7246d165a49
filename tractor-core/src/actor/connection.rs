//! The start and the end of an actor's connections.

use std::sync::Arc;

use bytes::BytesMut;

use super::core::Actor;
use super::dispatch::Dispatch;
use crate::error::{CloseReason, Error};
use crate::net::{Channel, OtherEnd, Transport, drive};
use crate::proto::id::{Aid, Caps};
use crate::session::Peer;

/// A connection after its handshake.
#[derive(Debug)]
pub(crate) struct Connected {
    pub(crate) io: Transport,
    /// Bytes that were read with the handshake, and follow it.
    pub(crate) unread: BytesMut,
    /// The other end.
    pub(crate) aid: Aid,
    /// Extensions both ends announced.
    pub(crate) caps: Caps,
    pub(crate) link: Link,
}

/// The role of a connection, as this end sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Link {
    /// To the actor that started this one.
    Parent,
    /// To an actor that this one has started.
    Child,
    /// To another actor, which this one has connected to.
    Dialed,
    /// To another actor, which has connected to this one.
    Accepted,
}

impl Link {
    /// Whether this end makes dialog ids of the connecting side. The two ends make ids of different kinds.
    fn is_dialer(self) -> bool {
        matches!(self, Self::Parent | Self::Dialed)
    }

    /// Whether the end of the connection is the end of an actor.
    fn supervises(self) -> bool {
        matches!(self, Self::Parent | Self::Child)
    }
}

/// Starts the driver of a connection as a task. When it ends, every dialog on it gets the error of `on_end`.
pub(crate) fn attach<F, Fut>(actor: &Actor, connected: Connected, on_end: F) -> Arc<Peer>
where
    F: FnOnce(Arc<Peer>, CloseReason) -> Fut + Send + 'static,
    Fut: Future<Output = Error> + Send + 'static,
{
    let (peer, driver) = open(actor, connected, on_end);
    actor.spawn_link(driver);
    peer
}

/// As [`attach`], for a task that drives the connection itself.
pub(crate) fn open<F, Fut>(
    actor: &Actor,
    connected: Connected,
    on_end: F,
) -> (Arc<Peer>, impl Future<Output = ()> + Send + use<F, Fut>)
where
    F: FnOnce(Arc<Peer>, CloseReason) -> Fut + Send,
    Fut: Future<Output = Error> + Send,
{
    let Connected { io, unread, aid, caps, link } = connected;
    let is_member = io.other_end() == OtherEnd::OurUser || caps.contains(Caps::AUTH);
    let account = actor.inner.budget.open(link.supervises());
    let channel = Channel::new(actor.limits().clone(), aid.frame_bytes_max, account);
    // A stranger may claim to be our child.
    let child = actor.child(&aid.uid).filter(|_| is_member);
    let (timeouts, dialer) = (actor.timeouts().clone(), link.is_dialer());
    let mut peer = Peer::new(&actor.aid(), timeouts, aid, caps, channel.clone(), dialer, child);
    peer.is_member = is_member;
    peer.is_family = link.supervises();
    let peer = Arc::new(peer);
    actor.add_peer(&peer);
    // Made outside of the task, because the runtime may end before the task runs.
    let ending = Ending { actor: actor.clone(), peer: peer.clone(), error: None };
    let mut dispatch = Dispatch::new(actor.clone(), peer.clone());
    let task_peer = peer.clone();
    let driver = async move {
        let (peer, mut ending) = (task_peer, ending);
        let reason = drive(io, channel, unread, &mut dispatch).await;
        drop(dispatch);
        peer.drained.cancel();
        if let CloseReason::OverBudget(_) = reason {
            tracing::warn!(peer = %peer.aid.uid, "connection ended: {reason}");
        } else {
            tracing::debug!(peer = %peer.aid.uid, "connection ended: {reason}");
        }
        ending.error = Some(on_end(peer, reason).await);
    };
    (peer, driver)
}

/// Ends all dialogs of a connection when its task ends, even if a panic or the end of the runtime cuts the task short.
struct Ending {
    actor: Actor,
    peer: Arc<Peer>,
    error: Option<Error>,
}

impl Drop for Ending {
    fn drop(&mut self) {
        let Self { actor, peer, error } = self;
        peer.drained.cancel();
        let error = error.take().unwrap_or_else(|| peer.closed_error(CloseReason::Local));
        peer.lose(&error);
        actor.remove_peer(peer);
    }
}
