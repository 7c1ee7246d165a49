//! The child side of a context, which an endpoint gets as its first argument.

use std::fmt;
use std::marker::PhantomData;
use std::ops::Deref;

use super::handle::ContextHandle;
use super::sending::{Allows, SendStarted};
use super::stream::MsgStream;
use crate::proto::payload::Payload;
use crate::session::{Check, Opener, Overflow};

/// State of a [`Context`] before its first value was sent.
#[derive(Debug)]
pub enum Unstarted {}

/// State of a [`Context`] after its first value was sent.
#[derive(Debug)]
pub enum Started {}

/// The state in which a [`Context`] sends its first value: it has not done so yet.
#[diagnostic::on_unimplemented(
    message = "the context has started already: `started` is called once",
    label = "not available after `started`",
    note = "send further values through the stream: `let mut stream = ctx.open_stream();`"
)]
pub trait CanStart {}

impl CanStart for Unstarted {}

/// The state in which a [`Context`] may open its stream: it has sent its first value.
#[diagnostic::on_unimplemented(
    message = "the context has not started: `open_stream` comes after `started`",
    label = "not available before `started`",
    note = "send the first value and go on with the context it returns: `let ctx = ctx.started(value).await?;`"
)]
pub trait HasStarted {}

impl HasStarted for Started {}

/// The child side of a context, linked to the task in another actor that opened it.
///
/// `S` is the type of the first value, `Tx` of the values that this side streams, `Rx` of those it receives. A single
/// type stands for all three. `State` is [`Unstarted`] or [`Started`]; a helper or a field for a started context names
/// it: `Context<S, Tx, Rx, Started>`.
///
/// The endpoint's future is dropped at its next await when the other side fails, asks for the cancellation, or is lost;
/// [`cancelled`](ContextHandle::cancelled) becomes ready before that, and [`shield`](crate::shield) defers it. Dropping
/// the context ends nothing, but its stream can then never be opened, and the other side gets an error if it sends.
pub struct Context<S, Tx = S, Rx = Tx, State = Unstarted> {
    handle: ContextHandle,
    opener: Opener,
    types: PhantomData<Types<S, Tx, Rx, State>>,
}

/// Variance: the context consumes `S` and `Tx`, produces `Rx`, and holds none of them.
type Types<S, Tx, Rx, State> = fn(S, Tx) -> (Rx, State);

impl<S, Tx, Rx, State> Context<S, Tx, Rx, State> {
    pub(super) fn new(opener: Opener) -> Self {
        Self { handle: ContextHandle::new(opener.session().clone()), opener, types: PhantomData }
    }

    /// Sends the first value, for which the opening task waits. It takes `self` by value, because it is called exactly
    /// once.
    ///
    /// The value is first encoded and decoded again, so that a serde mistake is an error here and not at the other end.
    ///
    /// # Errors
    /// The value was not sent: it does not encode or its encoding is not an `S`
    /// ([`Error::MsgType`](crate::Error::MsgType)), or it is larger than `frame_bytes_max`.
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
    /// As [`started`](Self::started), within the limits of the check.
    ///
    /// # Cancel safety
    /// As [`started`](Self::started).
    pub fn started_with<V>(self, value: V, check: Check<S>) -> SendStarted<S, Tx, Rx, S::Held>
    where
        State: CanStart,
        S: Allows<V>,
    {
        SendStarted::new(self.opener, S::hold(value), check)
    }

    /// Opens the stream and consumes the context, which has only one stream. Take a [`handle`](ContextHandle::handle)
    /// first if a task needs the context beside the stream.
    ///
    /// This neither waits nor fails: the stream's `receive` and `send` return any failure.
    ///
    /// ```
    /// # use tractor_core as tractor;
    /// # async fn example(ctx: tractor::Context<u64>) -> tractor::Result<()> {
    /// let mut stream = ctx.started(0).await?.open_stream();
    /// while let Some(number) = stream.receive().await? {
    ///     stream.send(number + 1).await?;
    /// }
    /// # Ok(())
    /// # }
    /// ```
    #[must_use = "a stream that is dropped is closed"]
    pub fn open_stream(self) -> MsgStream<Tx, Rx>
    where
        State: HasStarted,
        Tx: Payload,
        Rx: Payload,
    {
        MsgStream::open(self.handle, self.opener, Overflow::default())
    }

    /// Opens the stream with a policy for values that this side does not receive fast enough.
    ///
    /// ```
    /// # use tractor_core as tractor;
    /// # use tractor::{Context, Overflow};
    /// # async fn example(ctx: Context<u64>) -> tractor::Result<()> {
    /// let stream = ctx.started(0).await?.open_stream_with(Overflow::Buffer);
    /// # Ok(())
    /// # }
    /// ```
    #[must_use = "a stream that is dropped is closed"]
    pub fn open_stream_with(self, overflow: Overflow) -> MsgStream<Tx, Rx>
    where
        State: HasStarted,
        Tx: Payload,
        Rx: Payload,
    {
        MsgStream::open(self.handle, self.opener, overflow)
    }
}

impl<S, Tx, Rx, State> Deref for Context<S, Tx, Rx, State> {
    type Target = ContextHandle;

    fn deref(&self) -> &ContextHandle {
        &self.handle
    }
}

impl<S, Tx, Rx, State> fmt::Debug for Context<S, Tx, Rx, State> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.handle.fmt_as("Context", f)
    }
}
