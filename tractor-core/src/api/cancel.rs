//! Requests to cancel, with their options.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use super::portal::Portal;
use crate::error::{Error, Result};
use crate::session::SessionEnd;

/// A request to end a whole actor; await it. Made by [`Portal::cancel_actor`].
#[derive(Debug, Clone)]
#[must_use = "the request is sent by awaiting this"]
pub struct CancelActor {
    portal: Portal,
    /// `None` for the actor's own `Timeouts`.
    limit: Option<Duration>,
    raises: bool,
}

impl CancelActor {
    pub(super) fn new(portal: Portal) -> Self {
        Self { portal, limit: None, raises: false }
    }

    /// Waits this long for the acknowledgement, instead of
    /// [`Timeouts::actor_cancel`](crate::proto::limits::Timeouts::actor_cancel).
    pub fn timeout(mut self, limit: Duration) -> Self {
        self.limit = Some(limit);
        self
    }

    /// Fails with [`Error::TooSlow`] when the actor does not acknowledge in time, instead of telling `false`.
    pub fn raise_on_timeout(mut self) -> Self {
        self.raises = true;
        self
    }

    async fn ask(self) -> Result<bool> {
        let Self { portal, limit, raises } = self;
        let (limit, knob) = match limit {
            Some(limit) => (limit, "CancelActor::timeout"),
            None => (portal.peer.timeouts.actor_cancel, "Timeouts::actor_cancel"),
        };
        match portal.peer.request_end(limit, knob).await {
            Ok(()) => Ok(true),
            Err(error @ Error::TooSlow(_)) if raises => Err(error),
            Err(error) => {
                tracing::warn!(peer = %portal.uid(), "cancel request not acknowledged: {error}");
                Ok(false)
            }
        }
    }
}

impl IntoFuture for CancelActor {
    type Output = Result<bool>;
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
