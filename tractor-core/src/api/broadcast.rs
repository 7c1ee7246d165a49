//! Several readers of one stream in one actor: a local fan-out.
//!
//! No task stands in between. A reader that has read every value taken so far takes the next one from the stream's
//! inbox and leaves it in the [`Ring`] for the others. So the fastest reader sets the pace; it waits only if a reader
//! that is not slow would lose a value.
//!
//! # Invariants
//! 1. A value goes from the inbox into the ring under one lock, within one poll: a dropped future loses none.
//! 2. Lock order: the ring, then the session end, then the waiting readers. A reader is woken, and its waker cloned or
//!    dropped, under none of them.
//! 3. The inbox has one waker, that of the whole fan-out; it wakes every waiting reader, and the first one polled takes
//!    the value.

use std::collections::BTreeMap;
use std::fmt;
use std::future::poll_fn;
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker, ready};

use bytes::Bytes;
use futures_core::Stream;
use tokio::task::coop::poll_proceed;
use tokio::time::Instant;

use super::futures::{Receiving, Source};
use super::ring::{Read, ReaderKey, Ring};
use super::sending::{Allows, SendItem};
use super::stream::decode;
use crate::error::{Error, Lagged, Result};
use crate::proto::codec::{PldKind, YieldHead};
use crate::proto::id::Cid;
use crate::proto::payload::Payload;
use crate::session::{Expiry, SessionEnd, Taken, detached, in_order};

/// One of several readers of a stream; made by [`MsgStream::subscribe`](super::MsgStream::subscribe).
///
/// A subscriber gets, in order, every value that no reader had taken before it subscribed. Only a slow subscriber loses
/// values. It may be moved into a task of its own; dropping it affects no other reader. It is also a [`Stream`], which
/// goes on after [`Error::Lagged`] and ends after the failure of its dialog.
pub struct StreamSubscriber<Tx, Rx = Tx> {
    reader: Reader,
    head: YieldHead,
    receiving: Receiving,
    /// A lag is logged instead of returned.
    lag_logged: bool,
    types: PhantomData<fn(Tx) -> Rx>,
}

/// The readers of a stream, as seen at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SubscriberStatistics {
    /// For each reader, the number of values that wait for it, in the order of subscription; the stream itself comes
    /// first.
    pub backlogs: Vec<usize>,
    /// Values that can wait for a slow reader.
    pub ring_size: usize,
    /// Readers that wait for a value.
    pub waiting: usize,
}

impl<Tx: Payload, Rx: Payload> StreamSubscriber<Tx, Rx> {
    pub(super) fn new(reader: Reader) -> Self {
        let head = YieldHead::new(&reader.fan.session.cid);
        Self { reader, head, receiving: Receiving::default(), lag_logged: false, types: PhantomData }
    }

    /// Waits for the next value; `None` once the other side has closed the stream.
    ///
    /// # Errors
    /// [`Error::Lagged`], once, when this reader was slow and has lost values; it goes on with the oldest value that is
    /// left. [`MsgStream::subscribe`](super::MsgStream::subscribe) defines slow. Otherwise as
    /// [`MsgStream::receive`](super::MsgStream::receive).
    ///
    /// # Cancel safety
    /// Cancel safe: a dropped future loses no value, neither for this subscriber nor for others.
    pub async fn receive(&mut self) -> Result<Option<Rx>> {
        loop {
            let received = self.reader.receive().await;
            if !self.logs(received.as_ref().err()) {
                return received;
            }
        }
    }

    /// Logs a lag if the reader wants that. Returns whether it did.
    fn logs(&self, error: Option<&Error>) -> bool {
        let Some(Error::Lagged(lagged)) = error.filter(|_| self.lag_logged) else { return false };
        tracing::warn!(cid = %self.cid(), "{lagged}");
        true
    }

    /// Sends one value on the stream, as [`MsgStream::send`](super::MsgStream::send); possible while the stream itself
    /// is neither closed nor dropped.
    ///
    /// # Errors
    /// As [`MsgStream::send`](super::MsgStream::send).
    ///
    /// # Cancel safety
    /// A dropped future has sent nothing, unless it was ready.
    pub fn send<V>(&self, value: V) -> SendItem<'_, Tx, Tx::Held>
    where
        Tx: Allows<V>,
    {
        SendItem::new(&self.reader.fan.session, &self.head, Tx::hold(value))
    }

    /// One more subscriber, for the values that no reader has taken yet. It returns lags as errors.
    pub fn subscribe(&self) -> Self {
        Self::new(self.reader.fan.reader())
    }

    /// Logs lost values and goes on, instead of returning [`Error::Lagged`].
    #[must_use]
    pub fn lag_logged(mut self) -> Self {
        self.lag_logged = true;
        self
    }

    /// The progress of this stream's readers.
    pub fn statistics(&self) -> SubscriberStatistics {
        let ring = self.reader.fan.ring();
        SubscriberStatistics {
            backlogs: ring.backlogs(),
            ring_size: ring.size(),
            waiting: self.reader.fan.waiting.lock().len(),
        }
    }

    /// The context's id.
    pub fn cid(&self) -> Cid {
        self.reader.fan.session.cid
    }
}

impl<Tx: Payload, Rx: Payload> Stream for StreamSubscriber<Tx, Rx> {
    type Item = Result<Rx>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Rx>>> {
        let this = self.get_mut();
        loop {
            let session = &this.reader.fan.session;
            let next = ready!(this.receiving.poll_next(session, Source::Among(&this.reader), cx));
            let error = next.as_ref().and_then(|next| next.as_ref().err());
            if !this.logs(error) {
                return Poll::Ready(next);
            }
        }
    }
}

impl<Tx, Rx> fmt::Debug for StreamSubscriber<Tx, Rx> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StreamSubscriber").field("cid", &self.reader.fan.session.cid).finish_non_exhaustive()
    }
}

/// The receiving side of a stream with several readers.
pub(super) struct FanOut {
    session: Arc<SessionEnd>,
    /// See the invariants.
    ring: Mutex<Ring<Bytes>>,
    waiting: Arc<Waiting>,
    /// Wakes all of `waiting`; made once, so that `will_wake` recognizes it.
    waker: Waker,
}

impl FanOut {
    pub(super) fn new(session: Arc<SessionEnd>) -> Arc<Self> {
        let size = session.peer.channel.limits().inbox_messages_max;
        let waiting = Arc::new(Waiting::default());
        let waker = Waker::from(waiting.clone());
        session.add_stream_handle();
        // The waker of a task that waited alone. Left there, it would be dropped under the ring's lock.
        drop(session.take_reader());
        Arc::new(Self { session, ring: Mutex::new(Ring::new(size)), waiting, waker })
    }

    fn ring(&self) -> MutexGuard<'_, Ring<Bytes>> {
        self.ring.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A new reader, of the values taken from the inbox from now on.
    pub(super) fn reader(self: &Arc<Self>) -> Reader {
        Reader { key: self.ring().enter(), fan: self.clone() }
    }
}

/// One reader of a fan-out.
pub(super) struct Reader {
    fan: Arc<FanOut>,
    key: ReaderKey,
}

impl Reader {
    pub(super) fn fan(&self) -> &Arc<FanOut> {
        &self.fan
    }

    /// Waits for this reader's next value.
    pub(super) async fn receive<Rx: Payload>(&self) -> Result<Option<Rx>> {
        let awaited = Awaited(self);
        let mut full = None;
        let value = poll_fn(|cx| self.poll(cx, &mut full)).await;
        drop(awaited);
        match in_order(value).await? {
            Some(value) => decode(&self.fan.session, PldKind::Yield, &value).map(Some),
            None => Ok(None),
        }
    }

    /// `full` is the timer of the wait for others; it belongs to one value.
    pub(super) fn poll(
        &self,
        cx: &mut Context<'_>,
        full: &mut Option<Expiry>,
    ) -> Poll<Result<Option<Bytes>>> {
        // Before the lock, because this wakes the task if its turn is over.
        let turn = ready!(poll_proceed(cx));
        let polled = self.poll_in_turn(cx, full);
        if polled.is_ready() {
            turn.made_progress();
        }
        polled
    }

    fn poll_in_turn(&self, cx: &mut Context<'_>, full: &mut Option<Expiry>) -> Poll<Result<Option<Bytes>>> {
        let fan = &*self.fan;
        // An unused waker is dropped after the locks.
        let waker = cx.waker().clone();
        let mut ring = fan.ring();
        let (now, was_full) = (Instant::now(), ring.is_full());
        match ring.read(self.key, now) {
            Read::Value(value) => {
                let has_room = was_full && !ring.is_full();
                drop(ring);
                if has_room {
                    fan.waiting.wake_all();
                }
                return Poll::Ready(Ok(Some(value)));
            }
            Read::Lost(dropped) => {
                return Poll::Ready(Err(Lagged::new(dropped, "Limits::inbox_messages_max").into()));
            }
            Read::AtHead => {}
        }
        // This comes before the look into the inbox: a later arrival wakes this reader.
        let replaced = fan.waiting.add(self.key, waker);
        let inbox = Context::from_waker(&fan.waker);
        if ring.is_full() {
            let queued = fan.session.poll_queued(&inbox);
            let until = if queued == Poll::Ready(true) { ring.full_until(now) } else { None };
            if queued.is_pending() || until.is_some() {
                drop(ring);
                drop(replaced);
                *full = until.map(Expiry::new);
                if full.as_mut().is_some_and(|expiry| expiry.poll(cx).is_ready()) {
                    cx.waker().wake_by_ref();
                }
                return Poll::Pending;
            }
        }
        let taken = fan.session.poll_take(&inbox);
        if let Poll::Ready(Ok(Some(Taken { value, .. }))) = &taken {
            ring.push(self.key, detached(value.clone()));
        }
        drop(ring);
        drop(replaced);
        *full = None;
        let taken = ready!(taken);
        // The end or the failure stays in the inbox, where every reader finds it.
        drop(fan.waiting.remove(self.key));
        fan.waiting.wake_all();
        Poll::Ready(taken.map(|taken| taken.map(|taken| fan.session.accept(taken))))
    }
}

impl Drop for FanOut {
    fn drop(&mut self) {
        self.session.drop_stream_handle();
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        drop(self.fan.waiting.remove(self.key));
        self.fan.ring().leave(self.key);
        // Others may have waited for this reader.
        self.fan.waiting.wake_all();
    }
}

/// A reader's future that may be dropped while it waits.
struct Awaited<'a>(&'a Reader);

impl Drop for Awaited<'_> {
    fn drop(&mut self) {
        drop(self.0.fan.waiting.remove(self.0.key));
    }
}

/// The readers that wait for a value, with one waker each.
#[derive(Default)]
struct Waiting(Mutex<BTreeMap<ReaderKey, Waker>>);

impl Waiting {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<ReaderKey, Waker>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    #[must_use = "a waker is dropped after the locks"]
    fn add(&self, key: ReaderKey, waker: Waker) -> Option<Waker> {
        self.lock().insert(key, waker)
    }

    #[must_use = "a waker is dropped after the locks"]
    fn remove(&self, key: ReaderKey) -> Option<Waker> {
        self.lock().remove(&key)
    }

    fn wake_all(&self) {
        let wakers = std::mem::take(&mut *self.lock());
        for waker in wakers.into_values() {
            waker.wake();
        }
    }
}

impl Wake for Waiting {
    fn wake(self: Arc<Self>) {
        self.wake_all();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.wake_all();
    }
}
