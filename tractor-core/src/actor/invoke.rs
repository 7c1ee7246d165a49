//! The task of a request: polls the endpoint inline, spawns it if it waits, catches panics, drops the endpoint on
//! cancellation, waits for the teardowns that it leaves, and always concludes the dialog.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio_util::task::task_tracker::TaskTrackerToken;

use super::core::Actor;
use super::current::task_span;
use super::exposed::EndpointFuture;
use crate::error::Panicked;
use crate::net::{Held, Kind};
use crate::proto::limits::REQUEST_BYTES;
use crate::proto::trace::TraceContext;
use crate::session::{Ended, Expiry, SessionEnd, catching, in_scope, incoming};

/// The data that an endpoint is invoked with.
#[derive(Debug)]
pub(crate) struct Invocation<'a> {
    pub(crate) actor: Actor,
    pub(crate) session: Arc<SessionEnd>,
    pub(crate) kwargs: &'a [u8],
}

/// The task of one accepted request.
///
/// ```text
/// Running --endpoint has returned, and is down--> Over
///    |                                             ^
///    +-- fails, panics, is dropped --> Leaving ----+ everything that it has left behind is down
/// ```
///
/// # Cancel safety
/// Dropping it drops the endpoint's future and concludes the dialog.
pub(super) struct RequestTask {
    session: Arc<SessionEnd>,
    /// Names the task to every subscriber of `tracing`.
    span: tracing::Span,
    stage: Stage,
    /// The timer of the caller's deadline; `None` without a deadline, and after it.
    expiry: Option<Expiry>,
    /// A request to end the actor waits for its endpoints, but not for their teardowns: the actor itself waits for
    /// those.
    running: Option<TaskTrackerToken>,
    /// The size of its arguments on the wire.
    args_bytes: usize,
    /// Counts those bytes while the request waits.
    held: Option<Held>,
}

enum Stage {
    Running(EndpointFuture),
    /// The endpoint has ended with this outcome.
    Leaving(Ended),
    /// The dialog is concluded.
    Over,
}

impl RequestTask {
    pub(super) fn new(
        session: Arc<SessionEnd>,
        endpoint: EndpointFuture,
        args_bytes: usize,
        trace: Option<&TraceContext>,
    ) -> Self {
        let span = task_span(&session);
        if let Some(trace) = trace {
            incoming(trace, &span);
        }
        let expiry = session.deadline.map(|deadline| Expiry::new(deadline.at));
        let stage = Stage::Running(endpoint);
        Self { session, span, stage, expiry, running: None, args_bytes, held: None }
    }

    /// Called when the request waits: a request to end the actor then waits for the endpoint, and the arguments count
    /// as data that waits on the connection.
    pub(super) fn count(&mut self, actor: &Actor) {
        if let Stage::Running(_) = self.stage {
            self.running = Some(actor.inner.requests.token());
        }
        let account = self.session.peer.channel.account();
        self.held = Some(account.hold(Kind::Running, self.args_bytes.saturating_add(REQUEST_BYTES)));
    }

    pub(super) fn session(&self) -> &Arc<SessionEnd> {
        &self.session
    }

    /// Polls the deadline. Ready when the time is over: the endpoint is then not polled again, because its own requests
    /// fail by the same deadline.
    fn poll_expired(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(expiry) = &mut self.expiry else { return Poll::Pending };
        std::task::ready!(expiry.poll(cx));
        self.expiry = None;
        self.session.expire();
        self.session.poll_ending(cx)
    }

    /// Waits for the end of the endpoint. `None` when it has concluded its dialog.
    fn poll_endpoint(&mut self, cx: &mut Context<'_>) -> Poll<Option<Ended>> {
        if self.poll_expired(cx).is_ready() {
            return Poll::Ready(Some(Ended::Dropped));
        }
        let Stage::Running(endpoint) = &mut self.stage else { return Poll::Ready(None) };
        match catching(|| in_scope(self.session.deadline, || endpoint.as_mut().poll(cx))) {
            Ok(Poll::Ready(Ok(()))) => Poll::Ready(None),
            Ok(Poll::Ready(Err(failure))) => Poll::Ready(Some(Ended::Failed(failure))),
            Ok(Poll::Pending) => self.session.poll_ending(cx).map(|()| Some(Ended::Dropped)),
            Err(panic) => {
                let Panicked { message, location } = &panic;
                tracing::error!(endpoint = %self.session.endpoint, "panicked: {message} at {location}");
                Poll::Ready(Some(Ended::Failed(Box::new(panic.pack(&self.session.peer.us)))))
            }
        }
    }

    /// Drops the endpoint's future, which runs user destructors.
    fn leave(&mut self, ended: Option<Ended>) {
        let endpoint = std::mem::replace(&mut self.stage, ended.map_or(Stage::Over, Stage::Leaving));
        if let Err(panic) = catching(|| in_scope(self.session.deadline, || drop(endpoint))) {
            tracing::error!(
                endpoint = %self.session.endpoint,
                "a destructor panicked while the task was cancelled: {}", panic.message
            );
        }
    }

    fn conclude(&mut self) {
        if let Stage::Leaving(ended) = std::mem::replace(&mut self.stage, Stage::Over) {
            self.session.conclude(ended);
        }
    }
}

impl Future for RequestTask {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = &mut *self;
        let span = this.span.clone();
        let _inside = span.enter();
        if let Stage::Running(_) = this.stage {
            match this.poll_endpoint(cx) {
                // The endpoint's future has ended, and no longer holds user values.
                Poll::Ready(None) => this.stage = Stage::Over,
                Poll::Ready(ended) => this.leave(ended),
                Poll::Pending => {
                    this.session.acknowledge();
                    return Poll::Pending;
                }
            }
        }
        if let Stage::Leaving(_) = this.stage
            && this.session.poll_down(cx).is_pending()
        {
            this.running = None;
            return Poll::Pending;
        }
        this.conclude();
        Poll::Ready(())
    }
}

impl Drop for RequestTask {
    fn drop(&mut self) {
        if let Stage::Running(_) = self.stage {
            self.leave(Some(Ended::Dropped));
        }
        self.conclude();
    }
}
