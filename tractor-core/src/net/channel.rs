//! The sending end of a connection, shared by all of its senders.
//!
//! ```text
//! Open --close()--> Flushing --everything written--> Closed(Local)
//!   |                  |
//!   +-- the peer does not read: Overflowed --> Closed(Protocol)
//!   |                  +-- nor in the time it has: GivenUp --> Closed(Local)
//!   |                  |
//!   +---- driver ended, for whatever reason ----> Closed(reason)
//! ```
//!
//! Messages are written straight into the write buffer, under its lock; values are encoded before that. The first
//! message appended to an idle connection wakes the driver, which swaps the buffer for an empty one and writes it out:
//! messages appended back to back share a write.
//!
//! # Invariants
//! 1. The write buffer always holds whole frames.
//! 2. Frames leave in the order in which they were appended.
//! 3. Once closed, nothing is appended and no task waits for room.

use std::pin::pin;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use tokio::sync::Notify;

use super::budget::{Account, Held, Kind, STEP};
use super::outgoing::{Frame, Outgoing};

use crate::error::CloseReason;
use crate::proto::codec;
use crate::proto::frame::FrameTooLarge;
use crate::proto::limits::{FRAME_BYTES_MAX_LEAST, Limits};
use crate::proto::msg::Msg;
use crate::wakers::{Slot, Wake, Woken, poll_or_register};

/// Bytes of answers after which the driver lets other tasks run.
pub(super) const ANSWERS_PER_TURN: usize = 256 * 1024;

/// The sending end of a connection. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Channel {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    /// Held for the time of one encode or one buffer swap.
    wbuf: Mutex<WriteBuf>,
    /// Notified when the buffer was drained, or nothing will be written any more.
    room: Notify,
    account: Arc<Account>,
    /// Count of the bytes appended beyond the first [`STEP`] of a buffer. The driver reads it without the lock, and
    /// ends its turn when it has grown by [`ANSWERS_PER_TURN`].
    grown: AtomicUsize,
    limits: Limits,
    /// The number of reads that brought bytes. Written by the driver.
    heard: AtomicU64,
}

#[derive(Debug)]
struct WriteBuf {
    out: Outgoing,
    /// Bytes of the buffer that are booked on the account, and the length at which more are booked.
    booked: usize,
    look_at: usize,
    /// Booked bytes of the buffer that the driver is writing.
    writing: usize,
    state: State,
    /// Largest frame body that both ends accept.
    frame_bytes_max: usize,
    /// The driver's waker while it sleeps; a sender with work for it wakes it.
    driver: Slot,
    /// The driver's waker while the socket takes nothing; the sender that overflows the buffer wakes it.
    stuck: Slot,
}

#[derive(Debug, Clone)]
enum State {
    Open,
    Flushing,
    /// This many bytes wait, more than `write_backlog_bytes_max`; the driver is about to give up.
    Overflowed(usize),
    /// Closed by this side, but the peer does not take the remaining bytes; the driver is about to give up.
    GivenUp,
    Closed(CloseReason),
}

/// The result of an append.
#[derive(Debug)]
pub(crate) enum Appended {
    /// The frame will be written. Dropping this wakes the driver: a caller that holds a lock keeps it until it has
    /// released the lock.
    Yes(Wake),
    /// The frame is larger than the limit and was not appended.
    TooLarge(FrameTooLarge),
    /// The connection is closed, or closing.
    Closed(CloseReason),
}

/// The result of the driver's look for work.
pub(crate) enum Work {
    /// Bytes to write are in the driver's buffer.
    Bytes,
    /// Nothing to write; the driver's waker is registered.
    Idle,
    /// Everything is written and nothing more will be, for this reason.
    Done(CloseReason),
}

fn overflow(waiting: usize) -> CloseReason {
    let text = format!("it does not read: {waiting} bytes wait for it (`Limits::write_backlog_bytes_max`)");
    CloseReason::Protocol(text.into())
}

/// Every peer accepts messages without a payload.
fn both_accept(limits: &Limits, peer_bytes_max: usize) -> usize {
    limits.frame_bytes_max.min(peer_bytes_max.max(FRAME_BYTES_MAX_LEAST))
}

impl Channel {
    /// `peer_bytes_max` is the largest frame body that the peer has said it accepts.
    pub(crate) fn new(limits: Limits, peer_bytes_max: Option<usize>, account: Arc<Account>) -> Self {
        let frame_bytes_max = both_accept(&limits, peer_bytes_max.unwrap_or(usize::MAX));
        let wbuf = WriteBuf {
            out: Outgoing::default(),
            booked: 0,
            look_at: STEP.min(limits.write_backlog_bytes_max),
            writing: 0,
            state: State::Open,
            frame_bytes_max,
            driver: Slot::default(),
            stuck: Slot::default(),
        };
        let (wbuf, room) = (Mutex::new(wbuf), Notify::new());
        let (grown, heard) = (AtomicUsize::new(0), AtomicU64::new(0));
        Self { shared: Arc::new(Shared { wbuf, room, account, grown, limits, heard }) }
    }

    /// Sets the largest frame body that the peer accepts.
    pub(crate) fn peer_accepts(&self, bytes_max: usize) {
        self.lock().frame_bytes_max = both_accept(&self.shared.limits, bytes_max);
    }

    #[inline]
    fn lock(&self) -> MutexGuard<'_, WriteBuf> {
        // A panic of an encoder leaves the buffer whole, see `Frame`.
        self.shared.wbuf.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn limits(&self) -> &Limits {
        &self.shared.limits
    }

    /// Records that the peer has sent something. Only the driver calls it.
    pub(super) fn hear(&self) {
        let heard = &self.shared.heard;
        heard.store(heard.load(Ordering::Relaxed).wrapping_add(1), Ordering::Relaxed);
    }

    /// A count that grows with whatever arrives from the peer.
    pub(crate) fn heard(&self) -> u64 {
        self.shared.heard.load(Ordering::Relaxed)
    }

    /// Largest frame body that both ends accept.
    pub(crate) fn frame_bytes_max(&self) -> usize {
        self.lock().frame_bytes_max
    }

    /// Appends one frame whose body `encode` writes.
    #[inline]
    pub(crate) fn append(&self, encode: impl FnOnce(&mut Vec<u8>)) -> Appended {
        self.append_frame(|frame| encode(frame.bytes()))
    }

    /// As [`append`](Self::append), for a frame that may have a large payload, which is handed over.
    #[inline]
    pub(crate) fn append_frame(&self, encode: impl FnOnce(&mut Frame<'_>)) -> Appended {
        self.buffer().append(encode)
    }

    /// The write buffer, locked.
    #[inline]
    pub(crate) fn buffer(&self) -> Buffer<'_> {
        Buffer { wbuf: self.lock(), channel: self }
    }

    /// Books the growth of the buffer. Returns whether to wake the driver: the connection is over a limit, or others
    /// have to be closed, whose drivers this one then wakes.
    #[cold]
    fn book(&self, wbuf: &mut WriteBuf) -> bool {
        let Shared { limits, account, grown, .. } = &*self.shared;
        let booked = wbuf.out.len().next_multiple_of(STEP);
        let more = booked - wbuf.booked;
        let has_closed = account.add(Kind::Unsent, more);
        wbuf.booked = booked;
        wbuf.look_at = booked.min(limits.write_backlog_bytes_max);
        let is_over = wbuf.out.len() > limits.write_backlog_bytes_max || account.over().is_some();
        if is_over {
            wbuf.state = State::Overflowed(wbuf.out.len());
        }
        grown.fetch_add(if is_over { more.max(ANSWERS_PER_TURN) } else { more }, Ordering::Relaxed);
        is_over || has_closed
    }

    /// The account of the connection's waiting bytes.
    pub(crate) fn account(&self) -> &Arc<Account> {
        &self.shared.account
    }

    /// The count of appended bytes beyond the first step of each buffer.
    #[inline]
    pub(super) fn grown(&self) -> usize {
        self.shared.grown.load(Ordering::Relaxed)
    }

    /// Appends one message.
    pub(crate) fn send(&self, msg: &Msg) -> Appended {
        self.append(|out| codec::encode(msg, out))
    }

    /// Whether `write_buffer_bytes_max` or more is waiting to be written.
    #[inline]
    pub(crate) fn is_full(&self) -> bool {
        let buffer = self.buffer();
        matches!(buffer.wbuf.state, State::Open) && buffer.is_full()
    }

    /// Books bytes that wait for room in the buffer. For callers that hold no lock.
    pub(crate) fn hold_unsent(&self, bytes: usize) -> Held {
        self.shared.grown.fetch_add(bytes, Ordering::Relaxed);
        self.shared.account.hold(Kind::Waiting, bytes)
    }

    /// Waits while `write_buffer_bytes_max` or more is waiting to be written.
    ///
    /// # Cancel safety
    /// Cancel safe.
    #[inline]
    pub(crate) async fn wait_room(&self) {
        while self.is_full() {
            let mut room = pin!(self.shared.room.notified());
            room.as_mut().enable();
            if self.is_full() {
                room.await;
            }
        }
    }

    /// Notified when there may be room again.
    pub(crate) fn room(&self) -> &Notify {
        &self.shared.room
    }

    /// Closes the channel once everything appended so far is written.
    pub(crate) fn close(&self) {
        let mut woken = Woken::default();
        let mut wbuf = self.lock();
        if matches!(wbuf.state, State::Open) {
            wbuf.state = State::Flushing;
        }
        woken.add(wbuf.driver.take());
    }

    /// Ends the connection even if not everything is written: the peer had enough time to read it.
    pub(crate) fn give_up(&self) {
        let mut woken = Woken::default();
        let mut wbuf = self.lock();
        if matches!(wbuf.state, State::Open | State::Flushing) {
            wbuf.state = State::GivenUp;
        }
        woken.add(wbuf.driver.take());
        woken.add(wbuf.stuck.take());
    }

    /// Why a driver whose socket takes nothing must give up. If it need not yet, it is woken once it must.
    pub(super) fn poll_overflowed(&self, cx: &Context<'_>) -> Poll<CloseReason> {
        poll_or_register(
            cx,
            || self.lock(),
            |wbuf| &mut wbuf.stuck,
            |wbuf| match wbuf.state {
                State::Overflowed(waiting) => Poll::Ready(overflow(waiting)),
                State::GivenUp => Poll::Ready(CloseReason::Local),
                State::Open | State::Flushing | State::Closed(_) => Poll::Pending,
            },
        )
    }

    /// The driver has ended: nothing will be written any more.
    pub(super) fn ended(&self, reason: CloseReason) {
        let mut wbuf = self.lock();
        wbuf.state = State::Closed(reason);
        let unsent = std::mem::take(&mut wbuf.out);
        let booked = std::mem::take(&mut wbuf.booked) + std::mem::take(&mut wbuf.writing);
        drop(wbuf);
        drop(unsent);
        self.shared.account.sub(Kind::Unsent, booked);
        self.shared.room.notify_waiters();
    }

    /// Swaps appended bytes into the driver's empty buffer, or registers the driver's waker.
    pub(super) fn poll_work(&self, cx: &mut Context<'_>, into: &mut Outgoing) -> Work {
        debug_assert!(into.is_empty());
        let found = poll_or_register(
            cx,
            || self.lock(),
            |wbuf| &mut wbuf.driver,
            |wbuf| {
                let written = std::mem::take(&mut wbuf.writing);
                if written > 0 {
                    self.shared.account.sub(Kind::Unsent, written);
                }
                if !wbuf.out.is_empty() {
                    std::mem::swap(&mut wbuf.out, into);
                    wbuf.writing = std::mem::take(&mut wbuf.booked);
                    wbuf.look_at = STEP.min(self.shared.limits.write_backlog_bytes_max);
                    return Poll::Ready(Work::Bytes);
                }
                match wbuf.state {
                    State::Flushing | State::GivenUp => Poll::Ready(Work::Done(CloseReason::Local)),
                    // Too late: the frames refused meanwhile are missing.
                    State::Overflowed(waiting) => Poll::Ready(Work::Done(overflow(waiting))),
                    State::Open | State::Closed(_) => Poll::Pending,
                }
            },
        );
        let Poll::Ready(work) = found else { return Work::Idle };
        if let Work::Bytes = work {
            self.shared.room.notify_waiters();
        }
        work
    }
}

/// The write buffer, locked. Nobody else appends to it meanwhile.
pub(crate) struct Buffer<'a> {
    wbuf: MutexGuard<'a, WriteBuf>,
    channel: &'a Channel,
}

impl Buffer<'_> {
    /// Whether `write_buffer_bytes_max` or more is waiting to be written.
    #[inline]
    pub(crate) fn is_full(&self) -> bool {
        self.wbuf.out.len() >= self.channel.shared.limits.write_buffer_bytes_max
    }

    /// Appends one frame. The result is to be dropped after the lock.
    #[inline]
    pub(crate) fn append(&mut self, encode: impl FnOnce(&mut Frame<'_>)) -> Appended {
        let wbuf = &mut *self.wbuf;
        match &wbuf.state {
            State::Open => {}
            State::Flushing | State::Overflowed(_) | State::GivenUp => {
                return Appended::Closed(CloseReason::Local);
            }
            State::Closed(reason) => return Appended::Closed(reason.clone()),
        }
        let bytes_max = wbuf.frame_bytes_max;
        let mut frame = wbuf.out.begin_frame();
        encode(&mut frame);
        if let Err(mut error) = frame.end(bytes_max) {
            error.of_peer = bytes_max < self.channel.shared.limits.frame_bytes_max;
            return Appended::TooLarge(error);
        }
        drop(frame);
        let mut driver = wbuf.driver.take();
        if wbuf.out.len() > wbuf.look_at && self.channel.book(wbuf) {
            // Both slots are of one task.
            driver = wbuf.stuck.take().or(driver);
        }
        Appended::Yes(Wake(driver))
    }
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::task::Waker;

    use super::*;
    use crate::net::Budget;

    fn channel(limits: Limits) -> Channel {
        Channel::new(limits, None, Budget::new(usize::MAX).open(false))
    }

    #[test]
    fn a_frame_whose_encoder_panics_is_cut_off() {
        let channel = channel(Limits::default());
        assert!(matches!(channel.send(&Msg::Ready { image: None }), Appended::Yes(_)));
        let whole = channel.lock().out.len();
        let panicked = catch_unwind(AssertUnwindSafe(|| {
            channel.append(|out| {
                out.extend_from_slice(b"half");
                panic!("on purpose");
            })
        }));
        assert!(panicked.is_err());
        assert_eq!(channel.lock().out.len(), whole);
    }

    #[test]
    fn a_frame_over_the_limit_is_not_appended() {
        let channel = channel(Limits::default().frame_bytes_max(4));
        let appended = channel.send(&Msg::Ready { image: None });
        assert!(
            matches!(&appended, Appended::TooLarge(error) if error.to_string().contains("frame_bytes_max"))
        );
        assert!(channel.lock().out.is_empty());
    }

    #[test]
    fn a_backlog_over_the_limit_closes_the_channel() {
        let channel = channel(Limits::default().write_backlog_bytes_max(64));
        while matches!(channel.send(&Msg::Ready { image: None }), Appended::Yes(_)) {}
        let mut cx = Context::from_waker(Waker::noop());
        let Poll::Ready(stuck) = channel.poll_overflowed(&cx) else {
            panic!("the backlog is over its limit")
        };
        let mut taken = Outgoing::default();
        assert!(matches!(channel.poll_work(&mut cx, &mut taken), Work::Bytes));
        let waited = taken.len();
        taken = Outgoing::default();
        let Work::Done(written) = channel.poll_work(&mut cx, &mut taken) else {
            panic!("something is missing")
        };
        for reason in [stuck, written] {
            let text = format!("{waited} bytes wait for it (`Limits::write_backlog_bytes_max`)");
            assert!(reason.to_string().contains(&text), "{reason} does not say {text}");
        }
    }
}
