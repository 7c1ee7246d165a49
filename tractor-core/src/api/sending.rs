//! The values that may be sent, and the futures that send them.
//!
//! These futures are named types on purpose. The type of an `async fn`'s future would contain the type of the value,
//! and rustc would report a wrong value twice: for the call and for the `.await`.

use std::borrow::Borrow;
use std::fmt;
use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context as TaskContext, Poll, ready};

use super::child::{Context, Started};
use crate::error::{Error, Result};
use crate::proto::codec::YieldHead;
use crate::proto::payload::Payload;
use crate::session::{Check, Encoded, InOrder, Opener, Outcome, Room, SessionEnd};

/// A payload contract that allows values of type `V`: the type itself, a reference to it, or, for the unions that the
/// attributes make of `A | B`, one of its types.
#[diagnostic::on_unimplemented(
    message = "`{V}` cannot be sent here: the payload contract says `{Self}`",
    label = "the contract says `{Self}`",
    note = "send a value of type `{Self}` or a reference to one, or change the types in the endpoint's attribute"
)]
pub trait Allows<V>: Sized {
    /// The part that is kept while the value waits for room.
    #[doc(hidden)]
    type Held: Borrow<Self>;
    #[doc(hidden)]
    fn hold(value: V) -> Self::Held;
}

#[diagnostic::do_not_recommend]
impl<T: Payload> Allows<T> for T {
    type Held = T;

    fn hold(value: T) -> T {
        value
    }
}

#[diagnostic::do_not_recommend]
impl<'v, T: Payload> Allows<&'v T> for T {
    type Held = &'v T;

    fn hold(value: &'v T) -> &'v T {
        value
    }
}

/// A union one of whose types is `None`, so that an `Option` may be sent.
pub trait OrNone: From<Option<Self::Some>> {
    /// The type inside of the `Option`.
    type Some;
}

// rustc's list of values that may be sent shows the types of the attribute, without this one.
#[diagnostic::do_not_recommend]
impl<U: OrNone> Allows<Option<U::Some>> for U {
    type Held = U;

    fn hold(value: Option<U::Some>) -> U {
        U::from(value)
    }
}

/// Sends one value of a stream; made by `send`.
#[must_use = "futures do nothing unless awaited"]
// The value is the first field: a copy of the whole then reads it in the pieces in which it was written.
#[repr(C)]
pub struct SendItem<'a, T, Held> {
    held: Held,
    session: &'a SessionEnd,
    head: &'a YieldHead,
    /// The encoded value, once this was polled.
    encoded: Encoded,
    waiting: Option<Room<'a>>,
    order: InOrder,
    types: PhantomData<fn(T)>,
}

// Nothing in it is pinned in place.
impl<T, Held> Unpin for SendItem<'_, T, Held> {}

impl<'a, T, Held> SendItem<'a, T, Held> {
    #[inline]
    pub(super) fn new(session: &'a SessionEnd, head: &'a YieldHead, held: Held) -> Self {
        Self {
            held,
            session,
            head,
            encoded: Encoded::default(),
            waiting: None,
            order: InOrder::default(),
            types: PhantomData,
        }
    }
}

impl<T: Payload, Held: Borrow<T>> Future for SendItem<'_, T, Held> {
    type Output = Result<()>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<Self::Output> {
        let Self { session, head, held, encoded, waiting, order, .. } = self.get_mut();
        if encoded.is_none() {
            *encoded = session.encode_item((*held).borrow())?;
        }
        match ready!(session.poll_send(cx, head, encoded, waiting)) {
            Ok(()) => Poll::Ready(Ok(())),
            failed => order.poll(cx, failed),
        }
    }
}

impl<T, Held> fmt::Debug for SendItem<'_, T, Held> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SendItem").field("endpoint", &self.session.endpoint).finish_non_exhaustive()
    }
}

/// Sends the first value of a context; made by [`Context::started`].
#[must_use = "futures do nothing unless awaited"]
pub struct SendStarted<S, Tx, Rx, Held> {
    /// `Some` until the value was sent.
    opener: Option<Opener>,
    held: Held,
    check: Check<S>,
    /// Waits for the reason why the connection has ended.
    loss: Option<Pin<Box<dyn Future<Output = Outcome> + Send>>>,
    types: PhantomData<fn(S, Tx) -> Rx>,
}

// Nothing in it is pinned in place.
impl<S, Tx, Rx, Held> Unpin for SendStarted<S, Tx, Rx, Held> {}

impl<S, Tx, Rx, Held> SendStarted<S, Tx, Rx, Held> {
    pub(super) fn new(opener: Opener, held: Held, check: Check<S>) -> Self {
        Self { opener: Some(opener), held, check, loss: None, types: PhantomData }
    }
}

impl<S: Payload, Tx, Rx, Held: Borrow<S>> Future for SendStarted<S, Tx, Rx, Held> {
    type Output = Result<Context<S, Tx, Rx, Started>>;

    fn poll(self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<Self::Output> {
        let Self { opener, held, check, loss, .. } = self.get_mut();
        let Some(session) = opener.as_ref().map(|opener| opener.session().clone()) else {
            panic!("`SendStarted` polled after it was ready")
        };
        if loss.is_none() {
            match session.send_started((*held).borrow(), check) {
                Ok(()) => return Poll::Ready(Ok(Context::new(opener.take().expect("it was checked above")))),
                Err(Error::Closed(_)) => {}
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
        // Every task on a connection gets the same error.
        let loss = loss.get_or_insert_with(|| Box::pin(async move { session.result().await }));
        match ready!(loss.as_mut().poll(cx)) {
            Outcome::Failed(error) => Poll::Ready(Err(error)),
            Outcome::Returned(_) | Outcome::StreamDone => unreachable!("outcomes of a parent side"),
        }
    }
}

impl<S, Tx, Rx, Held> fmt::Debug for SendStarted<S, Tx, Rx, Held> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let endpoint = self.opener.as_ref().map(|opener| &opener.session().endpoint);
        f.debug_struct("SendStarted").field("endpoint", &endpoint).finish_non_exhaustive()
    }
}
