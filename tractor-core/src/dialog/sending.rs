//! What may be sent, and the futures of sending it.
//!
//! These futures are named types on purpose. Made by an `async fn`, a future has the type of the value in its own type,
//! and rustc then repeats its complaint about a wrong value for the call and for the `.await`.

use std::borrow::Borrow;
use std::fmt;
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as TaskContext, Poll};

use super::child::{Context, Started};
use super::stream::MsgStream;
use crate::actor::{How, Linked, Overflow, Room};
use crate::error::Result;
use crate::proto::codec::{PldKind, YieldHead};
use crate::proto::payload::Payload;

/// Values that a payload contract of type `T` allows: a `T`, or a reference to one.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be sent here: the payload contract says `{T}`",
    label = "the contract says `{T}`",
    note = "send a value of type `{T}` or a reference to one, or change the types in the endpoint's attribute"
)]
pub trait PayloadOf<T>: Sized {
    /// What is kept while the value waits for room.
    #[doc(hidden)]
    type Held: Borrow<T>;
    #[doc(hidden)]
    fn hold(self) -> Self::Held;
}

#[diagnostic::do_not_recommend]
impl<T: Payload> PayloadOf<T> for T {
    type Held = T;

    fn hold(self) -> T {
        self
    }
}

#[diagnostic::do_not_recommend]
impl<T: Payload> PayloadOf<T> for &T {
    type Held = Self;

    fn hold(self) -> Self {
        self
    }
}

/// Sends one value of a stream; made by `send`.
#[must_use = "futures do nothing unless awaited"]
pub struct SendItem<'a, T, Held> {
    linked: &'a Linked,
    head: &'a YieldHead,
    held: Held,
    waiting: Option<Room<'a>>,
    types: PhantomData<fn(T)>,
}

// Nothing in it is pinned in place.
impl<T, Held> Unpin for SendItem<'_, T, Held> {}

impl<'a, T, Held> SendItem<'a, T, Held> {
    pub(super) fn new(linked: &'a Linked, head: &'a YieldHead, held: Held) -> Self {
        Self { linked, head, held, waiting: None, types: PhantomData }
    }
}

impl<T: Payload, Held: Borrow<T>> Future for SendItem<'_, T, Held> {
    type Output = Result<()>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<Self::Output> {
        let Self { linked, head, held, waiting, .. } = self.get_mut();
        if waiting.is_none() && linked.plds.is_strict() {
            linked.with_checked(PldKind::Yield, (*held).borrow(), &How::Decodes, |_| ())?;
        }
        linked.poll_send(cx, head, (*held).borrow(), waiting)
    }
}

impl<T, Held> fmt::Debug for SendItem<'_, T, Held> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SendItem").field("endpoint", &self.linked.endpoint).finish_non_exhaustive()
    }
}

/// Sends the first value of a context; made by [`Context::started`].
#[must_use = "futures do nothing unless awaited"]
pub struct SendStarted<S, Tx, Rx, Held> {
    linked: Arc<Linked>,
    held: Held,
    how: How<S>,
    types: PhantomData<fn(S, Tx) -> Rx>,
}

impl<S, Tx, Rx, Held> SendStarted<S, Tx, Rx, Held> {
    pub(super) fn new(linked: Arc<Linked>, held: Held, how: How<S>) -> Self {
        Self { linked, held, how, types: PhantomData }
    }
}

impl<S: Payload, Tx, Rx, Held: Borrow<S>> Future for SendStarted<S, Tx, Rx, Held> {
    type Output = Result<Context<S, Tx, Rx, Started>>;

    fn poll(self: Pin<&mut Self>, _cx: &mut TaskContext<'_>) -> Poll<Self::Output> {
        let sent = self.linked.send_started(self.held.borrow(), &self.how);
        Poll::Ready(sent.map(|()| Context::new(self.linked.clone())))
    }
}

impl<S, Tx, Rx, Held> fmt::Debug for SendStarted<S, Tx, Rx, Held> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SendStarted").field("endpoint", &self.linked.endpoint).finish_non_exhaustive()
    }
}

/// Opens the stream of a context; made by [`Context::open_stream`].
#[must_use = "futures do nothing unless awaited"]
pub struct OpenStream<'a, Tx, Rx> {
    linked: &'a Arc<Linked>,
    overflow: Overflow,
    types: PhantomData<fn(Tx) -> Rx>,
}

impl<'a, Tx, Rx> OpenStream<'a, Tx, Rx> {
    pub(super) fn new(linked: &'a Arc<Linked>, overflow: Overflow) -> Self {
        Self { linked, overflow, types: PhantomData }
    }
}

impl<Tx: Payload, Rx: Payload> Future for OpenStream<'_, Tx, Rx> {
    type Output = Result<MsgStream<Tx, Rx>>;

    fn poll(self: Pin<&mut Self>, _cx: &mut TaskContext<'_>) -> Poll<Self::Output> {
        let opened = self.linked.open_stream(self.overflow);
        Poll::Ready(opened.map(|()| MsgStream::new(self.linked.clone())))
    }
}

impl<Tx, Rx> fmt::Debug for OpenStream<'_, Tx, Rx> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OpenStream").field("endpoint", &self.linked.endpoint).finish_non_exhaustive()
    }
}
