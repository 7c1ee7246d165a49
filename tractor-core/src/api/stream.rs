//! The two-way stream of a context.

use std::fmt;
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use futures_core::Stream;
use futures_sink::Sink;

use super::broadcast::{FanOut, Reader, StreamSubscriber};
use super::futures::{Receiving, Source, Unsent};
use super::handle::{ContextHandle, NoResult};
use super::sending::{Allows, SendItem};
use crate::error::{Blame, Error, Result};
use crate::proto::codec::{PldKind, YieldHead};
use crate::proto::id::Cid;
use crate::proto::payload::{Payload, PayloadError};
use crate::session::{Batch, InOrder, Next, Opener, Overflow, SessionEnd};

/// The two-way stream of a context: this side sends `Tx` and receives `Rx`. On the parent side, `R` is the type of the
/// context's result.
///
/// Between Rust peers a sender waits while the receiver's window (`stream_window_bytes`) is full. Dropping the stream
/// closes it, in both directions. Once no handle of it can read any more, subscribers included, arriving values are
/// thrown away, and:
///
/// * on the parent side: the endpoint can keep sending, as if its values were read, because the parent side waits for
///   its outcome;
/// * on the child side: the parent side's `send` fails with [`Error::Unread`] as soon as it learns of this. The context
///   goes on, and [`wait_for_result`](ContextHandle::wait_for_result) gives its result.
///
/// It is also a [`Stream`] of `Result<Rx>` and a [`Sink`] of `Tx`, for the combinators of `futures` and `tokio-stream`.
/// As a stream it ends after the failure of its dialog. As a sink it sends its value on a flush and finishes on a
/// close; a value that was not flushed before a drop is not sent.
///
/// A helper for streams of either side is generic over `R`:
///
/// ```
/// # use tractor_core::{self as tractor, MsgStream, Result};
/// async fn greet<R>(
///     stream: &mut MsgStream<String, u64, R>,
/// ) -> Result<Option<u64>> {
///     stream.send("hello".to_owned()).await?;
///     stream.receive().await
/// }
/// ```
pub struct MsgStream<Tx, Rx = Tx, R = NoResult> {
    handle: ContextHandle<R>,
    head: YieldHead,
    /// This stream as one of several readers; `None` while it is the only one.
    reader: Option<Reader>,
    batch: Batch,
    receiving: Receiving,
    unsent: Unsent,
    types: PhantomData<fn(Tx) -> Rx>,
}

impl<Tx: Payload, Rx: Payload, R> MsgStream<Tx, Rx, R> {
    pub(super) fn open(handle: ContextHandle<R>, opener: Opener, overflow: Overflow) -> Self {
        let session = handle.session();
        session.open_stream(overflow);
        drop(opener);
        let head = YieldHead::new(&session.cid);
        let (batch, receiving, unsent) = Default::default();
        Self { handle, head, reader: None, batch, receiving, unsent, types: PhantomData }
    }

    /// Waits for the next value; `None` once the other side has closed the stream.
    ///
    /// # Errors
    /// * The other side failed, was cancelled or is lost. This error comes after the values that arrived before it.
    /// * The value is not an `Rx`.
    /// * There are subscribers, and this handle was slow and has lost values ([`Error::Lagged`]).
    ///
    /// # Cancel safety
    /// Cancel safe: a dropped future loses no value.
    #[inline]
    pub async fn receive(&mut self) -> Result<Option<Rx>> {
        receive_from(self.handle.session(), Source::of(&mut self.batch, self.reader.as_ref())).await
    }

    /// Sends one value, waiting while the receiver has no room. Pass it by value or, unless it is one type of a union,
    /// by reference. Because both work, rustc cannot infer the type of an `x.into()` here: write `u64::from(x)`.
    ///
    /// # Errors
    /// The other side failed, was cancelled or is lost; it reads no more
    /// ([`Error::Unread`]); the stream is closed; the value cannot be encoded or is larger than
    /// `frame_bytes_max`.
    ///
    /// # Cancel safety
    /// A dropped future has sent nothing, unless it was ready.
    #[inline]
    pub fn send<V>(&self, value: V) -> SendItem<'_, Tx, Tx::Held>
    where
        Tx: Allows<V>,
    {
        SendItem::new(self.handle.session(), &self.head, Tx::hold(value))
    }

    /// Splits the stream into one handle per direction, for a task that sends and receives at the same time.
    pub fn split(&mut self) -> (StreamTx<'_, Tx>, StreamRx<'_, Rx>) {
        let session = self.handle.session();
        let (receiving, unsent) = Default::default();
        let tx = StreamTx { session, head: &self.head, unsent, types: PhantomData };
        let (reader, batch) = (self.reader.as_ref(), &mut self.batch);
        (tx, StreamRx { session, reader, batch, receiving, types: PhantomData })
    }

    /// One more reader of this stream, which may live in a task of its own. It gets every value that no reader has
    /// taken before.
    ///
    /// The fastest reader sets the pace. Up to `inbox_messages_max` values (64 by default, a field of
    /// [`Limits`](crate::proto::limits::Limits)) are kept for the others. When a reader is that far behind, the fastest
    /// waits for it, and once the window is full the sender waits, too. So a reader whose task has not run yet loses
    /// nothing.
    ///
    /// The others do not wait for a slow reader. Once they wait for it, a reader has 200 ms to read as many values as
    /// are kept, or all there are; one that needs longer is slow. It loses the oldest values, and learns how many. The
    /// others wait for it again once it has read that many values within that time.
    ///
    /// From the first call on, this handle is one of the readers: if it does not read, it is a slow one. A subscriber
    /// still reads after this handle was closed, until the context ends.
    ///
    /// ```
    /// # use tractor_core as tractor;
    /// # async fn example(stream: &mut tractor::MsgStream<u64>) -> tractor::Result<()> {
    /// let mut one = stream.subscribe();
    /// let mut two = stream.subscribe();
    /// let (first, second) = tokio::join!(one.receive(), two.receive());
    /// assert_eq!(first?, second?);
    /// # Ok(())
    /// # }
    /// ```
    pub fn subscribe(&mut self) -> StreamSubscriber<Tx, Rx> {
        let session = self.handle.session();
        session.put_back(&mut self.batch);
        let own = self.reader.get_or_insert_with(|| FanOut::new(session.clone()).reader());
        StreamSubscriber::new(own.fan().reader())
    }

    /// Ends this side's sending; receiving goes on. The other side gets `None` after the last value.
    pub fn finish(&self) {
        self.handle.session().send_stop();
    }

    /// Closes the stream: nothing more is sent or received on this side. Dropping it does the same.
    pub fn close(self) {
        drop(self);
    }

    /// A handle of the context, which may go into any task.
    #[must_use]
    pub fn handle(&self) -> ContextHandle<R> {
        self.handle.clone()
    }

    /// The context's id.
    pub fn cid(&self) -> Cid {
        self.handle.session().cid
    }
}

/// On the parent side.
impl<Tx: Payload, Rx: Payload, R: Payload> MsgStream<Tx, Rx, R> {
    /// Closes the stream and waits for the endpoint's final value. Values that have not been received are discarded.
    ///
    /// # Errors
    /// As [`ContextHandle::wait_for_result`].
    ///
    /// # Cancel safety
    /// Closes at its first poll. A [`handle`](Self::handle) can wait for the result again.
    pub async fn wait_for_result(self) -> Result<R> {
        let handle = self.handle();
        drop(self);
        handle.wait_for_result().await
    }
}

#[inline]
async fn receive_from<Rx: Payload>(session: &SessionEnd, source: Source<'_>) -> Result<Option<Rx>> {
    match source {
        Source::Alone(batch) => Receive::new(session, batch).await,
        Source::Among(reader) => reader.receive().await,
    }
}

/// Waits for a value of a stream and decodes it.
///
/// Not an `async fn`, which would move the value once more.
pub(super) struct Receive<'a, T> {
    session: &'a SessionEnd,
    batch: &'a mut Batch,
    order: InOrder,
    types: PhantomData<fn() -> T>,
}

impl<'a, T> Receive<'a, T> {
    #[inline]
    pub(super) fn new(session: &'a SessionEnd, batch: &'a mut Batch) -> Self {
        Self { session, batch, order: InOrder::default(), types: PhantomData }
    }
}

impl<T: Payload> Future for Receive<'_, T> {
    type Output = Result<Option<T>>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Self { session, batch, order, .. } = self.get_mut();
        // Every other way is a call that returns the result, so that this one moves the value only once.
        if let Some(item) = ready!(session.poll_next_of(cx, batch)) {
            let depth_max = session.peer.channel.limits().nesting_depth_max;
            return match T::decode_at_once(&item, session.format, depth_max) {
                Some(value) => Poll::Ready(Ok(Some(value))),
                None => decode_item(session, &item),
            };
        }
        poll_receive(session, batch, order, cx)
    }
}

#[inline(never)]
fn decode_item<T: Payload>(session: &SessionEnd, item: &[u8]) -> Poll<Result<Option<T>>> {
    Poll::Ready(decode(session, PldKind::Yield, item).map(Some))
}

#[inline(never)]
fn poll_receive<T: Payload>(
    session: &SessionEnd,
    batch: &mut Batch,
    order: &mut InOrder,
    cx: &mut Context<'_>,
) -> Poll<Result<Option<T>>> {
    match session.poll_recv(cx, batch) {
        Poll::Ready(Ok(next)) => Poll::Ready(decode_next(session, batch, &next)),
        Poll::Ready(Err(error)) => order.poll(cx, Err(error)),
        Poll::Pending => Poll::Pending,
    }
}

/// Decodes the value found, if there is one.
pub(super) fn decode_next<T: Payload>(
    session: &SessionEnd,
    batch: &mut Batch,
    next: &Next,
) -> Result<Option<T>> {
    match next {
        Next::Batched => {
            let item = session.next_of(batch);
            item.map(|item| decode(session, PldKind::Yield, &item)).transpose()
        }
        Next::Value(value) => decode(session, PldKind::Yield, value).map(Some),
        Next::End => Ok(None),
    }
}

/// Decodes a payload of the peer and checks it.
#[inline]
pub(super) fn decode<T: Payload>(session: &SessionEnd, kind: PldKind, value: &[u8]) -> Result<T> {
    let depth_max = session.peer.channel.limits().nesting_depth_max;
    match T::decode_payload(value, session.format, depth_max) {
        Ok(value) => Ok(value),
        Err(problem) => Err(bad_value(session, kind, value, T::shown(), problem)),
    }
}

/// The error for a value of the peer that is not of the type `expected`.
#[cold]
fn bad_value(
    session: &SessionEnd,
    kind: PldKind,
    value: &[u8],
    expected: &'static str,
    problem: PayloadError,
) -> Error {
    let error = session.mismatch(kind, value, expected, problem, Blame::Peer);
    if kind == PldKind::Yield {
        session.keep_type_error(&error);
    }
    error.into()
}

impl<Tx, Rx: Payload, R> Stream for MsgStream<Tx, Rx, R> {
    type Item = Result<Rx>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Rx>>> {
        let Self { handle, reader, batch, receiving, .. } = self.get_mut();
        receiving.poll_next(handle.session(), Source::of(batch, reader.as_ref()), cx)
    }
}

impl<Tx: Payload, Rx: Payload, R> Sink<Tx> for MsgStream<Tx, Rx, R> {
    type Error = Error;

    fn poll_ready(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        self.poll_flush(cx)
    }

    fn start_send(self: Pin<&mut Self>, value: Tx) -> Result<()> {
        let Self { handle, head, unsent, .. } = self.get_mut();
        unsent.start(handle.session(), head, value)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        self.get_mut().unsent.poll_sent(cx)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        ready!(self.as_mut().poll_flush(cx))?;
        self.finish();
        Poll::Ready(Ok(()))
    }
}

impl<Tx, Rx, R> Drop for MsgStream<Tx, Rx, R> {
    fn drop(&mut self) {
        let session = self.handle.session();
        session.send_stop();
        session.put_back(&mut self.batch);
        session.drop_stream_handle();
    }
}

impl<Tx, Rx, R> fmt::Debug for MsgStream<Tx, Rx, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.handle.fmt_as("MsgStream", f)
    }
}

/// The sending half of a split [`MsgStream`]; a [`Sink`] as that is.
pub struct StreamTx<'a, Tx> {
    session: &'a Arc<SessionEnd>,
    head: &'a YieldHead,
    unsent: Unsent,
    types: PhantomData<fn(Tx)>,
}

impl<Tx: Payload> StreamTx<'_, Tx> {
    /// As [`MsgStream::send`].
    ///
    /// # Errors
    /// As [`MsgStream::send`].
    ///
    /// # Cancel safety
    /// As [`MsgStream::send`].
    pub fn send<V>(&self, value: V) -> SendItem<'_, Tx, Tx::Held>
    where
        Tx: Allows<V>,
    {
        SendItem::new(self.session, self.head, Tx::hold(value))
    }

    /// As [`MsgStream::finish`].
    pub fn finish(&self) {
        self.session.send_stop();
    }
}

impl<Tx: Payload> Sink<Tx> for StreamTx<'_, Tx> {
    type Error = Error;

    fn poll_ready(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        self.poll_flush(cx)
    }

    fn start_send(self: Pin<&mut Self>, value: Tx) -> Result<()> {
        let Self { session, head, unsent, .. } = self.get_mut();
        unsent.start(session, head, value)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        self.get_mut().unsent.poll_sent(cx)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        ready!(self.as_mut().poll_flush(cx))?;
        self.finish();
        Poll::Ready(Ok(()))
    }
}

/// The receiving half of a split [`MsgStream`]; a [`Stream`] as that is.
pub struct StreamRx<'a, Rx> {
    session: &'a SessionEnd,
    reader: Option<&'a Reader>,
    batch: &'a mut Batch,
    receiving: Receiving,
    types: PhantomData<fn() -> Rx>,
}

impl<Rx: Payload> StreamRx<'_, Rx> {
    /// As [`MsgStream::receive`].
    ///
    /// # Errors
    /// As [`MsgStream::receive`].
    ///
    /// # Cancel safety
    /// As [`MsgStream::receive`].
    pub async fn receive(&mut self) -> Result<Option<Rx>> {
        receive_from(self.session, Source::of(self.batch, self.reader)).await
    }
}

impl<Rx: Payload> Stream for StreamRx<'_, Rx> {
    type Item = Result<Rx>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Rx>>> {
        let Self { session, reader, batch, receiving, .. } = self.get_mut();
        receiving.poll_next(session, Source::of(batch, *reader), cx)
    }
}

// Derives would require payloads that are `Debug`.

impl<Tx> fmt::Debug for StreamTx<'_, Tx> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StreamTx").field("endpoint", &self.session.endpoint).finish_non_exhaustive()
    }
}

impl<Rx> fmt::Debug for StreamRx<'_, Rx> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StreamRx").field("endpoint", &self.session.endpoint).finish_non_exhaustive()
    }
}
