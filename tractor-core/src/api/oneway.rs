//! One-way streams: an endpoint that only sends, and the scope that receives from it.

use std::fmt;
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures_core::Stream;
use futures_sink::Sink;

use super::futures::{Receiving, Source, Unsent};
use super::sending::{Allows, SendItem};
use super::stream::Receive;
use crate::error::{Error, Result};
use crate::proto::codec::YieldHead;
use crate::proto::payload::Payload;
use crate::session::{Batch, SessionEnd};

/// The sending end of a one-way stream, handed to an endpoint annotated with `#[tractor::stream]`.
///
/// The stream ends when the endpoint returns.
///
/// It is also a [`Sink`]. Flushing sends the value; closing only flushes.
pub struct StreamSender<T> {
    session: Arc<SessionEnd>,
    head: YieldHead,
    unsent: Unsent,
    types: PhantomData<fn(T)>,
}

impl<T: Payload> StreamSender<T> {
    pub(super) fn new(session: Arc<SessionEnd>) -> Self {
        let head = YieldHead::new(&session.cid);
        Self { session, head, unsent: Unsent::default(), types: PhantomData }
    }

    /// Sends one value, waiting while the receiver has no room.
    ///
    /// # Errors
    /// The receiver is lost; the value cannot be encoded or is larger than `frame_bytes_max`.
    ///
    /// # Cancel safety
    /// A dropped future has sent nothing, unless it was ready.
    #[inline]
    pub fn send<V>(&self, value: V) -> SendItem<'_, T, T::Held>
    where
        T: Allows<V>,
    {
        SendItem::new(&self.session, &self.head, T::hold(value))
    }
}

impl<T: Payload> Sink<T> for StreamSender<T> {
    type Error = Error;

    fn poll_ready(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        self.poll_flush(cx)
    }

    fn start_send(self: Pin<&mut Self>, value: T) -> Result<()> {
        let Self { session, head, unsent, .. } = self.get_mut();
        unsent.start(session, head, value)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        self.get_mut().unsent.poll_sent(cx)
    }

    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        self.poll_flush(cx)
    }
}

impl<T> fmt::Debug for StreamSender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StreamSender").field("endpoint", &self.session.endpoint).finish_non_exhaustive()
    }
}

/// The receiving end of a one-way stream, inside [`Portal::open_stream_from`](super::Portal::open_stream_from).
/// Dropping it cancels the endpoint.
///
/// It is also a [`Stream`] of `Result<T>`, which ends after the failure of its dialog.
pub struct ReceiveStream<T> {
    pub(super) session: Arc<SessionEnd>,
    batch: Batch,
    receiving: Receiving,
    types: PhantomData<fn() -> T>,
}

impl<T: Payload> ReceiveStream<T> {
    pub(super) fn new(session: Arc<SessionEnd>) -> Self {
        let (batch, receiving) = Default::default();
        Self { session, batch, receiving, types: PhantomData }
    }

    /// Waits for the next value; `None` once the endpoint has returned.
    ///
    /// # Errors
    /// The endpoint failed, was cancelled or is lost; this error comes after the values that arrived before it. Or the
    /// value is not a `T`.
    ///
    /// # Cancel safety
    /// Cancel safe: a dropped future loses no value.
    #[inline]
    pub fn receive(&mut self) -> impl Future<Output = Result<Option<T>>> + Send + use<'_, T> {
        Receive::new(&self.session, &mut self.batch)
    }
}

impl<T: Payload> Stream for ReceiveStream<T> {
    type Item = Result<T>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<T>>> {
        let Self { session, batch, receiving, .. } = self.get_mut();
        receiving.poll_next(session, Source::Alone(batch), cx)
    }
}

impl<T> Drop for ReceiveStream<T> {
    fn drop(&mut self) {
        self.session.put_back(&mut self.batch);
        self.session.stop_receiving();
    }
}

impl<T> fmt::Debug for ReceiveStream<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReceiveStream").field("endpoint", &self.session.endpoint).finish_non_exhaustive()
    }
}
