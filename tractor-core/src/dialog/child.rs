//! The child side of a context: what an endpoint is handed.

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::named::{AllowsIn, InBody};
use super::portal::Portal;
use super::rule::Rules;
use super::sending::{Allows, OpenStream, SendStarted};
use crate::actor::{Check, Linked, Overflow, UntilCancelled};
use crate::error::Error;
use crate::proto::dialog::Side;
use crate::proto::id::{Cid, Uid};

/// State of a [`Context`] before its first value was sent.
#[derive(Debug)]
pub enum Opening {}

/// State of a [`Context`] after its first value was sent.
#[derive(Debug)]
pub enum Started {}

/// States in which a [`Context`] sends its first value: before it has.
#[diagnostic::on_unimplemented(
    message = "the context has started already: `started` is called once",
    label = "not available after `started`",
    note = "send further values through the stream: `let mut stream = ctx.open_stream().await?;`"
)]
pub trait CanStart {}

impl CanStart for Opening {}

/// [`CanStart`], for a context that the body of the endpoint `E` was given: rustc then names the endpoint.
#[diagnostic::on_unimplemented(
    message = "the context of `{E}` has started already: `started` is called once",
    label = "not available after `started`",
    note = "send further values through the stream: `let mut stream = ctx.open_stream().await?;`"
)]
pub trait CanStartIn<E>: CanStart {}

impl<E> CanStartIn<E> for Opening {}

/// States in which a [`Context`] may stream: after its first value.
#[diagnostic::on_unimplemented(
    message = "the context has not started: `open_stream` comes after `started`",
    label = "not available before `started`",
    note = "send the first value and go on with the context it returns: `let mut ctx = ctx.started(value).await?;`"
)]
pub trait CanStream {}

impl CanStream for Started {}

/// [`CanStream`], for a context that the body of the endpoint `E` was given: rustc then names the endpoint.
#[diagnostic::on_unimplemented(
    message = "the context of `{E}` has not started: `open_stream` comes after `started`",
    label = "not available before `started`",
    note = "send the first value and go on with the context it returns: `let mut ctx = ctx.started(value).await?;`"
)]
pub trait CanStreamIn<E>: CanStream {}

impl<E> CanStreamIn<E> for Started {}

/// The child side of a context, linked to the task in another actor that opened it.
///
/// `S` is the type of the first value, `Tx` of the values this side streams, `Rx` of those it receives; with one type
/// given it is all three. The endpoint's future is dropped at its next await when the other side fails, asks for the
/// cancellation, or is lost; [`cancelled`](Self::cancelled) notices first, and [`shield`](crate::shield) defers it.
pub struct Context<S, Tx = S, Rx = Tx, State = Opening> {
    linked: Arc<Linked>,
    rules: Rules<S, Tx, Rx>,
    types: PhantomData<Types<S, Tx, Rx, State>>,
}

/// Consumes `S` and `Tx`, produces `Rx`; never holds any of them.
type Types<S, Tx, Rx, State> = fn(S, Tx) -> (Rx, State);

impl<S, Tx, Rx, State> Context<S, Tx, Rx, State> {
    pub(super) fn new(linked: Arc<Linked>, rules: Rules<S, Tx, Rx>) -> Self {
        Self { linked, rules, types: PhantomData }
    }

    /// Sends the first value, which the opening task is waiting for. Exactly once, hence by value.
    ///
    /// The value is encoded and decoded again first, so that a mistake in it is an error here and not at the other end.
    ///
    /// # Errors
    /// [`Error::MsgType`] when the value does not encode, its encoding is no `S`, or it is refused by
    /// the attribute's `validate`, in which case it has not been sent; or it is larger than `frame_bytes_max`.
    ///
    /// # Cancel safety
    /// Sends at its first poll, without waiting.
    pub fn started<V>(self, value: V) -> SendStarted<S, Tx, Rx, S::Held>
    where
        State: CanStart,
        S: Allows<V>,
    {
        self.started_with(value, Check::DECODES)
    }

    /// Sends the first value, checked as [`Check`] says.
    ///
    /// ```
    /// # use tractor_core as tractor;
    /// # use tractor::{Check, Context};
    /// # async fn example(ctx: Context<Vec<u64>>) -> tractor::Result<()> {
    /// let ctx = ctx.started_with(vec![1, 2], Check::same()).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// As [`started`](Self::started), as far as it is checked.
    ///
    /// # Cancel safety
    /// As [`started`](Self::started).
    pub fn started_with<V>(self, value: V, check: Check<S>) -> SendStarted<S, Tx, Rx, S::Held>
    where
        State: CanStart,
        S: Allows<V>,
    {
        SendStarted::new(self.linked, self.rules, S::hold(value), check)
    }

    /// Opens the stream. Once per context: a closed stream is not reopened, a new context is. The macros refuse a second call
    /// where they see one; any other is an error when it runs.
    ///
    /// # Errors
    /// The stream was opened before.
    ///
    /// # Cancel safety
    /// Opens at its first poll, without waiting.
    pub fn open_stream(&mut self) -> OpenStream<'_, Tx, Rx>
    where
        State: CanStream,
    {
        OpenStream::new(&self.linked, Overflow::default(), self.rules.stream)
    }

    /// Opens the stream, and says what happens when this side does not receive fast enough.
    ///
    /// ```
    /// # use tractor_core as tractor;
    /// # use tractor::{Context, Overflow};
    /// # async fn example(ctx: Context<u64>) -> tractor::Result<()> {
    /// let mut ctx = ctx.started(0).await?;
    /// let stream = ctx.open_stream_with(Overflow::Buffer).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// As [`open_stream`](Self::open_stream).
    ///
    /// # Cancel safety
    /// As [`open_stream`](Self::open_stream).
    pub fn open_stream_with(&mut self, overflow: Overflow) -> OpenStream<'_, Tx, Rx>
    where
        State: CanStream,
    {
        OpenStream::new(&self.linked, overflow, self.rules.stream)
    }

    // What the macros make of the calls in an endpoint's own body, for rustc to name the endpoint.

    /// As [`started`](Self::started).
    #[doc(hidden)]
    pub fn __tractor_started<B: InBody, V>(
        self,
        value: V,
    ) -> SendStarted<S, Tx, Rx, <S as AllowsIn<V, B::Endpoint>>::Held>
    where
        State: CanStartIn<B::Endpoint>,
        S: AllowsIn<V, B::Endpoint>,
    {
        self.__tractor_started_with::<B, V>(value, Check::DECODES)
    }

    /// As [`started_with`](Self::started_with).
    #[doc(hidden)]
    pub fn __tractor_started_with<B: InBody, V>(
        self,
        value: V,
        check: Check<S>,
    ) -> SendStarted<S, Tx, Rx, <S as AllowsIn<V, B::Endpoint>>::Held>
    where
        State: CanStartIn<B::Endpoint>,
        S: AllowsIn<V, B::Endpoint>,
    {
        SendStarted::new(self.linked, self.rules, S::hold(value), check)
    }

    /// As [`open_stream`](Self::open_stream).
    #[doc(hidden)]
    pub fn __tractor_open_stream<B: InBody>(&mut self) -> OpenStream<'_, Tx, Rx>
    where
        State: CanStreamIn<B::Endpoint>,
    {
        self.open_stream()
    }

    /// As [`open_stream_with`](Self::open_stream_with).
    #[doc(hidden)]
    pub fn __tractor_open_stream_with<B: InBody>(&mut self, overflow: Overflow) -> OpenStream<'_, Tx, Rx>
    where
        State: CanStreamIn<B::Endpoint>,
    {
        self.open_stream_with(overflow)
    }

    /// Cancels this context from its child side: the endpoint's future is dropped at its next await, and the parent side
    /// gets a [`ContextCancelled`](crate::error::ContextCancelled) that names this actor.
    pub fn cancel(&self) {
        self.linked.cancel_here();
    }

    /// Waits until this side must end: somebody asked for the cancellation, the other side failed or is lost, or the
    /// endpoint has returned. [`canceller`](Self::canceller) then says who is responsible.
    ///
    /// The endpoint is dropped at its next await after that. A cleanup that waits goes into a [`shield`](crate::shield),
    /// which must be entered without another await:
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
    /// The future does not borrow the context. An endpoint in which one is waiting is polled once more before it is
    /// dropped, so that the end is never missed.
    ///
    /// # Cancel safety
    /// Cancel safe.
    pub fn cancelled(&self) -> UntilCancelled {
        UntilCancelled::new(self.linked.clone())
    }

    /// Whether this side has called [`cancel`](Self::cancel).
    pub fn cancel_called(&self) -> bool {
        self.linked.cancel_called()
    }

    /// Who is responsible for the end of this context: whoever asked for the cancellation first, or the actor whose
    /// failure or loss ended it. `None` as long as it goes on.
    pub fn canceller(&self) -> Option<Uid> {
        self.linked.responsible()
    }

    /// Why the other side ended this context, if it has failed or is lost. A cancellation is no failure.
    pub fn maybe_error(&self) -> Option<Error> {
        self.linked.failed_with()
    }

    /// Which side this is: the one that runs the endpoint.
    pub fn side(&self) -> Side {
        self.linked.side()
    }

    /// The other side.
    pub fn peer_side(&self) -> Side {
        self.linked.side().other()
    }

    /// What the context is doing, for people: `pre-started`, `started`, `streaming` or `streaming-finished`; once it must
    /// end, `self-cancelled` (by this side), `peer-cancelled` (by the other), `actor-cancelled` (with this whole actor),
    /// `deadline-exceeded` or `errored`.
    pub fn state(&self) -> &'static str {
        self.linked.state()
    }

    /// When this context must have ended, on the runtime's clock; `None` without a deadline. Both sides keep to it, each by
    /// its own clock.
    pub fn deadline(&self) -> Option<Instant> {
        self.linked.deadline.map(|deadline| deadline.at)
    }

    /// The time that is left until the [`deadline`](Self::deadline).
    pub fn remaining(&self) -> Option<Duration> {
        self.deadline().map(|at| at.saturating_duration_since(Instant::now()))
    }

    /// A portal to the actor at the other end, over the same connection.
    pub fn portal(&self) -> Portal {
        Portal::new(self.linked.peer.clone())
    }

    /// The actor at the other end.
    pub fn peer(&self) -> &Uid {
        &self.linked.peer.aid.uid
    }

    /// The context's id.
    pub fn cid(&self) -> Cid {
        self.linked.cid
    }
}

impl<S, Tx, Rx, State> fmt::Debug for Context<S, Tx, Rx, State> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context")
            .field("endpoint", &self.linked.endpoint)
            .field("peer", self.peer())
            .field("cid", &self.linked.cid)
            .field("state", &self.state())
            .finish()
    }
}
