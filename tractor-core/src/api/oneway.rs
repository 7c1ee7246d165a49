//! One-way streams: an endpoint that only sends, and the scope that receives from it.

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use super::sending::{Allows, SendItem};
use super::stream::receive;
use crate::error::Result;
use crate::proto::codec::YieldHead;
use crate::proto::payload::Payload;
use crate::session::SessionEnd;

/// The sending end of a one-way stream, handed to an endpoint annotated with `#[tractor::stream]`.
///
/// The stream ends when the endpoint returns.
pub struct StreamSender<T> {
    session: Arc<SessionEnd>,
    head: YieldHead,
    types: PhantomData<fn(T)>,
}

impl<T: Payload> StreamSender<T> {
    pub(super) fn new(session: Arc<SessionEnd>) -> Self {
        let head = YieldHead::new(&session.cid);
        Self { session, head, types: PhantomData }
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

impl<T> fmt::Debug for StreamSender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StreamSender").field("endpoint", &self.session.endpoint).finish_non_exhaustive()
    }
}

/// The receiving end of a one-way stream, inside [`Portal::open_stream_from`](super::Portal::open_stream_from).
/// Dropping it cancels the endpoint.
pub struct ReceiveStream<T> {
    pub(super) session: Arc<SessionEnd>,
    types: PhantomData<fn() -> T>,
}

impl<T: Payload> ReceiveStream<T> {
    pub(super) fn new(session: Arc<SessionEnd>) -> Self {
        Self { session, types: PhantomData }
    }

    /// Waits for the next value; `None` once the endpoint has returned.
    ///
    /// # Errors
    /// The endpoint failed, was cancelled or is lost: this comes after the values that arrived before. Or the value is
    /// no `T`.
    ///
    /// # Cancel safety
    /// Cancel safe: a dropped future loses no value.
    #[inline]
    pub async fn receive(&mut self) -> Result<Option<T>> {
        receive(&self.session).await
    }
}

impl<T> Drop for ReceiveStream<T> {
    fn drop(&mut self) {
        self.session.stop_receiving();
    }
}

impl<T> fmt::Debug for ReceiveStream<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReceiveStream").field("endpoint", &self.session.endpoint).finish_non_exhaustive()
    }
}
