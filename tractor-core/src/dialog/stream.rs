//! The two-way stream of a context.

use std::borrow::Borrow;
use std::fmt;
use std::future::poll_fn;
use std::marker::PhantomData;
use std::sync::Arc;

use bytes::Bytes;

use super::broadcast::{FanOut, Reader, StreamSubscriber};
use super::rule::StreamRules;
use super::sending::{Allows, SendItem};
use crate::actor::{Linked, Rule};
use crate::error::{Blame, Result};
use crate::proto::codec::{PldKind, YieldHead};
use crate::proto::id::Cid;
use crate::proto::payload::Payload;

/// The two-way stream of a context: this side sends `Tx` and receives `Rx`.
///
/// Between Rust peers a sender waits while the receiver's window (`stream_window_bytes`) is full. Dropping the stream
/// closes it. At the side that has opened the context it is part of a [`ParentStream`](super::ParentStream).
pub struct MsgStream<Tx, Rx = Tx> {
    linked: Arc<Linked>,
    head: YieldHead,
    /// This handle as one of several readers; `None` while it is the only one.
    reader: Option<Reader>,
    rules: StreamRules<Tx, Rx>,
    types: PhantomData<fn(Tx) -> Rx>,
}

impl<Tx: Payload, Rx: Payload> MsgStream<Tx, Rx> {
    pub(super) fn new(linked: Arc<Linked>, rules: StreamRules<Tx, Rx>) -> Self {
        linked.add_stream_handle();
        let head = YieldHead::new(&linked.cid);
        Self { linked, head, reader: None, rules, types: PhantomData }
    }

    /// Sends one value, waiting while the receiver has no room. It is given by value or, unless it is one type of a union, by
    /// reference; as it may be either, rustc does not infer the type of an `x.into()` here: write `u64::from(x)`.
    ///
    /// # Errors
    /// The other side failed, was cancelled or is lost; the stream is closed; the value cannot be encoded or is larger
    /// than `frame_bytes_max`.
    ///
    /// # Cancel safety
    /// A dropped future has sent nothing, unless it was ready.
    #[inline]
    pub fn send<V>(&self, value: V) -> SendItem<'_, Tx, Tx::Held>
    where
        Tx: Allows<V>,
    {
        self.send_held(Tx::hold(value))
    }

    #[inline]
    pub(super) fn send_held<Held: Borrow<Tx>>(&self, held: Held) -> SendItem<'_, Tx, Held> {
        SendItem::new(&self.linked, &self.head, self.rules.send, held)
    }

    /// From now on every value of this context is encoded and decoded once more before it is sent, and checked against the
    /// attribute's `validate`: a bad value is an error of `send` and not of the receiver. That costs about as much as sending
    /// and receiving it.
    ///
    /// ```
    /// # use tractor_core as tractor;
    /// # async fn example(ctx: tractor::Context<u64>) -> tractor::Result<()> {
    /// let mut ctx = ctx.started(0).await?;
    /// let stream = ctx.open_stream().await?.strict();
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn strict(self) -> Self {
        self.linked.be_strict();
        self
    }

    /// Waits for the next value; `None` once the other side has closed the stream.
    ///
    /// # Errors
    /// The other side failed, was cancelled or is lost: this comes after the values that arrived before. Or the value
    /// is no `Rx`, or one that the attribute's `validate` refuses. Or, once there are subscribers, this handle was slower than they and has lost values
    /// ([`Error::Lagged`](crate::Error::Lagged)).
    ///
    /// # Cancel safety
    /// Cancel safe: a dropped future loses no value.
    #[inline]
    pub async fn receive(&mut self) -> Result<Option<Rx>> {
        self.receive_next().await
    }

    #[inline]
    async fn receive_next(&self) -> Result<Option<Rx>> {
        match &self.reader {
            None => receive(&self.linked, self.rules.recv).await,
            Some(reader) => reader.receive(self.rules.recv).await,
        }
    }

    /// One more reader of this stream, which may live in a task of its own. Every reader gets every value that nobody has
    /// received yet.
    ///
    /// The fastest reader sets the pace. The others find up to `inbox_messages_max` (a field of
    /// [`Limits`](crate::proto::limits::Limits)) values kept for them; who falls further behind loses the oldest, and is told
    /// how many. Before a value would be lost, the one who is about to take the next lets the others run, once. From the first
    /// call on, this handle is one reader among the others. A subscriber outlives
    /// the closing of this handle, but not the context.
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
        let own = self.reader.get_or_insert_with(|| FanOut::new(self.linked.clone()).reader());
        StreamSubscriber::new(own.fan().reader(), self.rules)
    }

    /// Ends this side's sending and goes on receiving. The other side gets `None` after the last value.
    ///
    /// # Errors
    /// The stream was never opened, which cannot happen through this handle.
    pub fn finish(&self) -> Result<()> {
        self.linked.send_stop()
    }

    /// Closes the stream: nothing more is sent or received on this side. The handle is used up; dropping it does the same,
    /// without a word about failures.
    ///
    /// # Errors
    /// As [`finish`](Self::finish).
    ///
    /// # Cancel safety
    /// Closes at its first poll, without waiting.
    pub async fn close(self) -> Result<()> {
        self.linked.send_stop()
    }

    /// Both directions as handles of their own, for a task that sends and receives at the same time.
    pub fn split(&mut self) -> (StreamTx<'_, Tx, Rx>, StreamRx<'_, Tx, Rx>) {
        (StreamTx { stream: self }, StreamRx { stream: self })
    }

    /// The context's id.
    pub fn cid(&self) -> Cid {
        self.linked.cid
    }
}

/// Waits for a value of a stream and decodes it.
#[inline]
pub(super) async fn receive<Rx: Payload>(linked: &Linked, rule: Option<Rule<Rx>>) -> Result<Option<Rx>> {
    match poll_fn(|cx| linked.poll_recv(cx)).await? {
        Some(value) => decode(linked, PldKind::Yield, rule, &value).map(Some),
        None => Ok(None),
    }
}

/// Decodes a payload of the peer and checks it.
#[inline]
pub(super) fn decode<T: Payload>(
    linked: &Linked,
    kind: PldKind,
    rule: Option<Rule<T>>,
    value: &Bytes,
) -> Result<T> {
    let depth_max = linked.peer.channel.limits().nesting_depth_max;
    T::decode_payload(value, linked.format, depth_max)
        .and_then(|decoded| linked.check_rule(rule, &decoded).map(|()| decoded))
        .map_err(|problem| {
            let error = linked.mismatch(kind, value, T::shown(), problem, Blame::Peer);
            if kind == PldKind::Yield {
                linked.keep_type_error(&error);
            }
            error.into()
        })
}

impl<Tx, Rx> Drop for MsgStream<Tx, Rx> {
    fn drop(&mut self) {
        // The only failure is a stream that was never open, and this one was.
        _ = self.linked.send_stop();
        self.linked.drop_stream_handle();
    }
}

impl<Tx, Rx> fmt::Debug for MsgStream<Tx, Rx> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MsgStream")
            .field("endpoint", &self.linked.endpoint)
            .field("cid", &self.linked.cid)
            .field("state", &self.linked.phase_name())
            .finish()
    }
}

/// The sending half of a split [`MsgStream`].
pub struct StreamTx<'a, Tx, Rx> {
    stream: &'a MsgStream<Tx, Rx>,
}

impl<Tx: Payload, Rx: Payload> StreamTx<'_, Tx, Rx> {
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
        self.send_held(Tx::hold(value))
    }

    pub(super) fn send_held<Held: Borrow<Tx>>(&self, held: Held) -> SendItem<'_, Tx, Held> {
        self.stream.send_held(held)
    }

    /// As [`MsgStream::finish`].
    ///
    /// # Errors
    /// As [`MsgStream::finish`].
    pub fn finish(&self) -> Result<()> {
        self.stream.finish()
    }
}

/// The receiving half of a split [`MsgStream`].
pub struct StreamRx<'a, Tx, Rx> {
    stream: &'a MsgStream<Tx, Rx>,
}

impl<Tx: Payload, Rx: Payload> StreamRx<'_, Tx, Rx> {
    /// As [`MsgStream::receive`].
    ///
    /// # Errors
    /// As [`MsgStream::receive`].
    ///
    /// # Cancel safety
    /// As [`MsgStream::receive`].
    pub async fn receive(&mut self) -> Result<Option<Rx>> {
        self.stream.receive_next().await
    }
}

// Derived, these would ask for payloads that are `Debug`.

impl<Tx, Rx> fmt::Debug for StreamTx<'_, Tx, Rx> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StreamTx").field("stream", self.stream).finish()
    }
}

impl<Tx, Rx> fmt::Debug for StreamRx<'_, Tx, Rx> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StreamRx").field("stream", self.stream).finish()
    }
}
