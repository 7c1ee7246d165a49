//! Running one request: poll inline, spawn if it waits, catch panics, drop on cancellation, always conclude.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;

use super::core::Actor;
use super::current::{in_task, task_span};
use super::exposed::EndpointFuture;
use crate::session::{Ended, Expiry, SessionEnd, catching};

/// What an endpoint is invoked with.
#[derive(Debug)]
pub(crate) struct Invocation {
    pub(crate) session: Arc<SessionEnd>,
    pub(crate) kwargs: Bytes,
}

/// The task of one accepted request.
///
/// # Cancel safety
/// Dropping it drops the endpoint's future and concludes the dialog.
pub(super) struct RequestTask {
    actor: Actor,
    session: Arc<SessionEnd>,
    /// Names the task to every subscriber of `tracing`.
    span: tracing::Span,
    /// `None` once the dialog is concluded.
    endpoint: Option<EndpointFuture>,
    /// Until the time that the caller has given is over; `None` without a deadline, and after it.
    expiry: Option<Expiry>,
}

impl RequestTask {
    pub(super) fn new(actor: Actor, session: Arc<SessionEnd>, endpoint: EndpointFuture) -> Self {
        let span = task_span(&session);
        let expiry = session.deadline.map(|deadline| Expiry::new(deadline.at));
        Self { actor, session, span, endpoint: Some(endpoint), expiry }
    }

    pub(super) fn session(&self) -> &Arc<SessionEnd> {
        &self.session
    }

    /// Looks at the clock. Ready when the time is over and the endpoint shall not be polled again: it would only find that
    /// its own requests have run out of the same time.
    fn poll_expired(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(expiry) = &mut self.expiry else { return Poll::Pending };
        std::task::ready!(expiry.poll(cx));
        self.expiry = None;
        self.session.expire();
        self.session.poll_ending(cx)
    }

    fn conclude(&mut self, ended: Ended<'_>) {
        self.drop_endpoint();
        self.session.conclude(ended);
    }

    /// Drops the endpoint's future, in which user destructors run.
    fn drop_endpoint(&mut self) {
        let endpoint = self.endpoint.take();
        if let Err(panic) = catching(|| in_task(&self.actor, &self.session, || drop(endpoint))) {
            tracing::error!(
                endpoint = %self.session.endpoint,
                "a destructor panicked while the task was cancelled: {}", panic.message
            );
        }
    }
}

impl Future for RequestTask {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = &mut *self;
        let span = this.span.clone();
        let _inside = span.enter();
        if this.endpoint.is_some() && this.poll_expired(cx).is_ready() {
            this.conclude(Ended::Dropped);
            return Poll::Ready(());
        }
        let Some(endpoint) = &mut this.endpoint else { return Poll::Ready(()) };
        let polled = catching(|| in_task(&this.actor, &this.session, || endpoint.as_mut().poll(cx)));
        match polled {
            Ok(Poll::Ready(())) => {
                this.drop_endpoint();
                Poll::Ready(())
            }
            Ok(Poll::Pending) => {
                std::task::ready!(this.session.poll_ending(cx));
                this.conclude(Ended::Dropped);
                Poll::Ready(())
            }
            Err(panic) => {
                tracing::error!(endpoint = %this.session.endpoint, "panicked: {} at {}", panic.message, panic.location);
                this.conclude(Ended::Panicked(panic));
                Poll::Ready(())
            }
        }
    }
}

impl Drop for RequestTask {
    fn drop(&mut self) {
        if self.endpoint.is_some() {
            self.conclude(Ended::Dropped);
        }
    }
}
