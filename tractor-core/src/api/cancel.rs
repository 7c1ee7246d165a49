//! Requests to cancel, with their options.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use super::portal::Portal;
use crate::error::{ActorTooSlow, Result};
use crate::session::{ActorEnd, SessionEnd};

/// A request to end a whole actor; await it. Made by [`Portal::cancel_actor`].
#[derive(Debug, Clone)]
#[must_use = "the request is sent by awaiting this"]
pub struct CancelActor {
    portal: Portal,
    /// `None` for the actor's own `Timeouts`.
    limit: Option<Duration>,
}

impl CancelActor {
    pub(super) fn new(portal: Portal) -> Self {
        Self { portal, limit: None }
    }

    /// Waits this long for the acknowledgement, instead of
    /// [`Timeouts::actor_cancel`](crate::proto::limits::Timeouts::actor_cancel): a child gets this much time to end its
    /// tasks before it is signalled. Of several requests for one child the shortest time counts.
    pub fn timeout(mut self, limit: Duration) -> Self {
        self.limit = Some(limit);
        self
    }

    async fn ask(self) -> Result<ActorEnd> {
        let Self { portal: Portal { peer, .. }, limit } = self;
        if let Some(child) = &peer.child {
            child.ask(limit);
            return Ok(child.gone().await);
        }
        let (limit, knob) = match limit {
            Some(limit) => (limit, "CancelActor::timeout"),
            None => (peer.timeouts.actor_cancel, "Timeouts::actor_cancel"),
        };
        match tokio::time::timeout(limit, peer.request_end()).await {
            Ok(answer) => answer.map(|()| ActorEnd::Acknowledged),
            Err(_elapsed) => Err(ActorTooSlow::new(peer.aid.uid.clone(), limit, knob).into()),
        }
    }
}

impl IntoFuture for CancelActor {
    type Output = Result<ActorEnd>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.ask())
    }
}

/// A request to cancel the endpoint of a context; await it. Made by
/// [`ContextHandle::cancel`](super::ContextHandle::cancel).
#[must_use = "the request is sent by awaiting this"]
pub struct CancelContext {
    session: Arc<SessionEnd>,
    limit: Duration,
}

impl CancelContext {
    pub(super) fn new(session: Arc<SessionEnd>) -> Self {
        let limit = session.peer.timeouts.context_cancel;
        Self { session, limit }
    }

    /// Waits this long for the acknowledgement, instead of
    /// [`Timeouts::context_cancel`](crate::proto::limits::Timeouts::context_cancel).
    pub fn timeout(mut self, limit: Duration) -> Self {
        self.limit = limit;
        self
    }

    async fn ask(self) -> Result<bool> {
        self.session.cancel_remote();
        Ok(tokio::time::timeout(self.limit, self.session.settled()).await.is_ok())
    }
}

impl IntoFuture for CancelContext {
    type Output = Result<bool>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.ask())
    }
}

impl fmt::Debug for CancelContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CancelContext")
            .field("endpoint", &self.session.endpoint)
            .field("limit", &self.limit)
            .finish()
    }
}
