//! A handle of a context, to keep beside its stream.

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::cancel::CancelContext;
use super::portal::Portal;
use super::stream::decode;
use crate::error::{Error, MessagingError, Result};
use crate::proto::codec::PldKind;
use crate::proto::dialog::Side;
use crate::proto::id::{Cid, Uid};
use crate::proto::payload::Payload;
use crate::session::{ContextState, Outcome, SessionEnd, UntilCancelled, in_order};

/// The result type on the endpoint's own side, which has no result to wait for.
#[derive(Debug, Clone, Copy)]
pub enum NoResult {}

/// A handle of a context: it cancels the context, watches for its end, and gives its state. On the parent side it also
/// waits for the result, an `R`.
///
/// Both sides have one: [`Context`](super::Context) and [`ParentContext`](super::ParentContext) deref to theirs, and
/// [`handle`](Self::handle) gives a clone, which may go into any task. It borrows nothing and keeps nothing alive: the
/// scope owns the context. A handle that outlives its context reports the outcome.
///
/// ```
/// # use tractor_core::{self as tractor, Context};
/// // #[tractor::context(started = (), recv = u64)]
/// async fn sums(ctx: Context<(), (), u64>) -> tractor::Result<()> {
///     let ctx = ctx.started(()).await?;
///     let handle = ctx.handle();
///     let mut stream = ctx.open_stream();
///     let mut sum = 0;
///     loop {
///         tokio::select! {
///             next = stream.receive() => match next? {
///                 Some(number) => sum += number,
///                 None => break,
///             },
///             () = handle.cancelled() => break,
///         }
///     }
///     tractor::shield(async { println!("{sum}") }).await;
///     Ok(())
/// }
/// ```
pub struct ContextHandle<R = NoResult> {
    session: Arc<SessionEnd>,
    result: PhantomData<fn() -> R>,
}

/// On the parent side.
impl<R: Payload> ContextHandle<R> {
    /// Waits for the endpoint's final value. Any number of tasks may wait, any number of times.
    ///
    /// Streamed values are kept for the stream's reader as long as the stream, a subscriber or a half of it lives;
    /// values that no handle can read any more are discarded. So if a stream is held but not read, an endpoint that
    /// sends more than the window waits, and this future with it.
    ///
    /// # Errors
    /// The endpoint failed, was cancelled by any actor or is lost, or the value is not an `R`.
    ///
    /// # Cancel safety
    /// Cancel safe.
    pub async fn wait_for_result(&self) -> Result<R> {
        let outcome = self.session.result().await;
        in_order(self.result_of(outcome)).await
    }

    /// Asks for the cancellation of the endpoint, and waits until it is acknowledged. The result tells whether that
    /// happened within [`Timeouts::context_cancel`](crate::proto::limits::Timeouts::context_cancel), or within the
    /// [`timeout`](CancelContext::timeout) given.
    ///
    /// The scope's body goes on until the endpoint's end arrives. If the body then waits for something other than this
    /// context, it is dropped. Leaving the scope waits for that end, however late it is. A cancellation that this side
    /// asked for is not an error of the scope.
    ///
    /// # Errors
    /// None today.
    ///
    /// # Cancel safety
    /// The request is sent at the first poll and stays sent.
    pub fn cancel(&self) -> CancelContext {
        CancelContext::new(self.session.clone())
    }

    /// Whether the context has ended with the cancellation that this side asked for: a
    /// [`ContextCancelled`](crate::error::ContextCancelled) of the endpoint that names this actor, after
    /// [`cancel`](Self::cancel). Such an end is not an error of the scope.
    ///
    /// It stays `false` when the endpoint returned or failed before the request took effect, and when another actor
    /// cancelled it first.
    pub fn cancel_acked(&self) -> bool {
        self.session.cancel_acked()
    }

    /// Whether the endpoint has ended, with any result.
    pub fn has_outcome(&self) -> bool {
        self.session.has_outcome()
    }

    /// The outcome if it has arrived, without waiting: the result of [`wait_for_result`](Self::wait_for_result).
    /// Streamed values that came before it can still be received.
    pub fn outcome(&self) -> Option<Result<R>> {
        self.session.outcome().map(|outcome| self.result_of(outcome))
    }

    fn result_of(&self, outcome: Outcome) -> Result<R> {
        match outcome {
            Outcome::Returned(value) => decode(&self.session, PldKind::Return, &value),
            Outcome::Failed(error) => Err(error),
            Outcome::StreamDone => {
                let text = "the endpoint ended as a one-way stream";
                Err(MessagingError::new(text, Some(self.session.cid)).into())
            }
        }
    }
}

impl<R> ContextHandle<R> {
    pub(super) fn new(session: Arc<SessionEnd>) -> Self {
        Self { session, result: PhantomData }
    }

    pub(super) fn session(&self) -> &Arc<SessionEnd> {
        &self.session
    }

    /// Waits until the context must end, or has ended: its cancellation was requested, the other side failed or is
    /// lost, or the endpoint has returned. [`canceller`](Self::canceller) then gives the responsible actor.
    ///
    /// An endpoint is dropped at its next await after that. Put a cleanup that awaits into a [`shield`](crate::shield),
    /// and enter it without another await before it:
    ///
    /// ```
    /// # use tractor_core::{self as tractor, Context};
    /// # async fn next_job() {}
    /// # async fn put_back_jobs() {}
    ///
    /// // #[tractor::context(started = ())]
    /// async fn works(ctx: Context<(), (), ()>) -> tractor::Result<()> {
    ///     let ctx = ctx.started(()).await?;
    ///     loop {
    ///         tokio::select! {
    ///             () = next_job() => {}
    ///             () = ctx.cancelled() => break,
    ///         }
    ///     }
    ///     tractor::shield(put_back_jobs()).await;
    ///     Ok(())                                          // still ends as cancelled
    /// }
    /// ```
    ///
    /// The future does not borrow the handle. An endpoint that waits for it is polled once more before it is dropped,
    /// so it never misses the end.
    ///
    /// # Cancel safety
    /// Cancel safe.
    pub fn cancelled(&self) -> UntilCancelled {
        UntilCancelled::new(self.session.clone())
    }

    /// One more handle of the same context.
    #[must_use]
    pub fn handle(&self) -> Self {
        self.clone()
    }

    /// Whether this side has called `cancel`.
    pub fn cancel_called(&self) -> bool {
        self.session.cancel_called()
    }

    /// The actor that is responsible for the end of the context. `None` while the context goes on, and when it ended
    /// with a result.
    ///
    /// In an endpoint this is the actor that asked for the cancellation first, or whose failure or loss ended the
    /// context. On the parent side this is the current actor if a cancellation names it. Otherwise it is the actor
    /// whose task failed, was cancelled or is lost; the error then names the canceller.
    pub fn canceller(&self) -> Option<Uid> {
        self.session.responsible()
    }

    /// The failure that ended the context, if one did. On the parent side an acknowledged cancellation counts as a
    /// failure.
    pub fn maybe_error(&self) -> Option<Error> {
        self.session.failed_with()
    }

    /// The side of the context on which this handle is.
    pub fn side(&self) -> Side {
        self.session.side()
    }

    /// The state of the context, or how it ended.
    pub fn state(&self) -> ContextState {
        self.session.state()
    }

    /// When the context must have ended, on the runtime's clock; `None` without a deadline. Each side enforces it by
    /// its own clock.
    pub fn deadline(&self) -> Option<Instant> {
        self.session.deadline.map(|deadline| deadline.at)
    }

    /// The time that is left until the [`deadline`](Self::deadline).
    pub fn remaining(&self) -> Option<Duration> {
        self.deadline().map(|at| at.saturating_duration_since(Instant::now()))
    }

    /// A portal to the actor at the other end, over the same connection.
    pub fn portal(&self) -> Portal {
        Portal::new(self.session.peer.clone())
    }

    /// The actor at the other end.
    pub fn peer(&self) -> &Uid {
        &self.session.peer.aid.uid
    }

    /// The context's id.
    pub fn cid(&self) -> Cid {
        self.session.cid
    }

    pub(super) fn fmt_as(&self, name: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct(name)
            .field("endpoint", &self.session.endpoint)
            .field("peer", self.peer())
            .field("cid", &self.session.cid)
            .field("state", &self.state())
            .finish()
    }
}

/// On the child side.
impl ContextHandle<NoResult> {
    /// Cancels the context from its endpoint's side: the endpoint's future is dropped at its next await, and the other
    /// side gets a [`ContextCancelled`](crate::error::ContextCancelled) that names this actor.
    pub fn cancel(&self) {
        self.session.cancel_here();
    }
}

impl<R> Clone for ContextHandle<R> {
    fn clone(&self) -> Self {
        Self::new(self.session.clone())
    }
}

impl<R> fmt::Debug for ContextHandle<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.fmt_as("ContextHandle", f)
    }
}
