//! The task that owns a socket: writes what was appended, reads what arrives.
//!
//! # Invariants
//! 1. Handlers run on the driver's task, one frame at a time, in arrival order, and never block or await.
//! 2. A frame is a slice of the read buffer; no bytes are copied per message.
//! 3. Everything a handler appends is written in the same turn.
//! 4. A peer that floods the connection cannot keep the thread: after [`READS_PER_TURN`] reads, after
//!    [`REQUESTS_PER_TURN`] requests, or when these have [`ANSWERS_PER_TURN`] answered, others run.
//! 5. What the peer wrote before it closed is handled, also where a write was the first to fail.
//! 6. Whatever a slice of a read buffer keeps alive beyond the buffer in use is on the connection's account.

use std::future::poll_fn;
use std::io;
use std::ops::Range;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::{Buf, Bytes, BytesMut};
use tokio::io::AsyncWrite;
use tokio_util::io::poll_read_buf;

use super::budget::{Held, Kind};
use super::channel::{ANSWERS_PER_TURN, Channel, Work};
use super::pause::Pause;
use super::transport::Transport;
use crate::error::CloseReason;
use crate::proto::frame::{self, FrameTooLarge};
use crate::proto::limits::FRAME_HEAD_BYTES;

/// Room made for the first read; doubled whenever a read fills it.
const READ_BYTES_MIN: usize = 8 * 1024;
/// Most room made for a read.
const READ_BYTES_MAX: usize = 256 * 1024;
/// A read buffer that is larger, for a large frame, is on the account, and given back once nothing more is there to
/// read.
const READ_BYTES_FREE: usize = 2 * READ_BYTES_MAX;
/// Reads done before the driver lets other tasks run.
const READS_PER_TURN: usize = 4;
/// Requests taken in before it does.
pub(super) const REQUESTS_PER_TURN: usize = 256;
/// Turns that the driver leaves to one connection that is being closed: more than it needs, unless something blocks it.
const TURNS_WAITED_MAX: u32 = 16;
/// A drained write buffer larger than this is given back to the allocator.
const WRITE_BYTES_KEPT: usize = 256 * 1024;

/// What a connection's frames are handed to.
pub(crate) trait FrameHandler {
    /// Takes one frame: `body` is its range in `chunk`.
    ///
    /// An error closes the connection.
    fn frame(&mut self, chunk: &Bytes, body: Range<usize>) -> Result<(), CloseReason>;

    /// How much of a frame over the limit it looks at.
    fn oversized_head(&self) -> usize {
        0
    }

    /// Takes the beginning of a frame over the limit, which was skipped.
    ///
    /// An error closes the connection.
    fn oversized(&mut self, _head: &[u8], error: &FrameTooLarge) -> Result<(), CloseReason> {
        Err(CloseReason::Protocol(error.to_string().into()))
    }

    /// Copies what it keeps of the frames so far: too little of it keeps too many read buffers alive.
    fn let_go(&mut self);

    /// How many requests it has taken so far. Each of them is work for this actor, however short it is.
    fn requests(&self) -> usize {
        0
    }

    /// Says why the connection is about to be closed, to a peer that may still be reading.
    fn closing(&mut self, reason: &CloseReason);
}

/// Runs a connection until it ends, and says why it did. The channel is closed when this returns.
///
/// `unread` holds bytes that were read during the handshake and not consumed.
///
/// # Cancel safety
/// Dropping the future closes the socket; frames in the write buffer are lost and the channel reports
/// [`CloseReason::Local`].
pub(crate) async fn drive(
    io: Transport,
    channel: Channel,
    unread: BytesMut,
    handler: &mut impl FrameHandler,
) -> CloseReason {
    let (pin, pin_bytes) = (pin_of(&channel), unread.capacity());
    let mut driver = Driver {
        io,
        read: unread,
        pin,
        pin_bytes,
        pinned_before: 0,
        chunk: Bytes::new(),
        at: 0,
        skip: 0,
        skipped: None,
        waited: (0, 0),
        write: Vec::new(),
        written: 0,
        is_deaf: false,
        read_bytes: READ_BYTES_MIN,
        pause: None,
        end: End(Some(channel)),
    };
    // The task's waker stays the same.
    poll_fn(|cx| {
        driver.end.channel().account().register(cx.waker().clone());
        Poll::Ready(())
    })
    .await;
    let reason = poll_fn(|cx| driver.poll(cx, handler)).await;
    driver.end.with(reason.clone());
    reason
}

/// The memory behind a read buffer, as it stands on the account. Each chunk has it.
fn pin_of(channel: &Channel) -> Arc<Held> {
    Arc::new(channel.account().hold(Kind::Pinned, 0))
}

/// What may stay in read buffers before it is copied: enough for a stream whose reader keeps up.
fn pinned_max(channel: &Channel) -> usize {
    channel.limits().stream_window_bytes.saturating_mul(2).max(4 * READ_BYTES_MAX)
}

struct Driver {
    io: Transport,
    read: BytesMut,
    /// Of the memory behind `read`, which has this size.
    pin: Arc<Held>,
    pin_bytes: usize,
    /// Bytes that slices of former read buffers kept alive when they were last copied.
    pinned_before: usize,
    /// Complete frames, handled up to here.
    chunk: Bytes,
    at: usize,
    /// Bytes to be thrown away: of a frame over the limit.
    skip: usize,
    skipped: Option<(Box<[u8]>, FrameTooLarge)>,
    /// Turns left to connections that are being closed, after so many closings.
    waited: (usize, u32),
    write: Vec<u8>,
    written: usize,
    /// The peer takes nothing any more. It may have left something to read, and then the end.
    is_deaf: bool,
    /// Room to make for the next read.
    read_bytes: usize,
    /// Between two turns, while others have something to do.
    pause: Option<Arc<Pause>>,
    end: End,
}

/// Closes the channel however the driver ends.
struct End(Option<Channel>);

impl End {
    fn channel(&self) -> &Channel {
        self.0.as_ref().expect("taken only by `with` and `drop`, which end the driver")
    }

    fn with(&mut self, reason: CloseReason) {
        if let Some(channel) = self.0.take() {
            channel.ended(reason);
        }
    }
}

impl Drop for End {
    fn drop(&mut self) {
        self.with(CloseReason::Local);
    }
}

impl Driver {
    fn poll(&mut self, cx: &mut Context<'_>, handler: &mut impl FrameHandler) -> Poll<CloseReason> {
        if let Some(pause) = &self.pause {
            if !pause.is_over() {
                return Poll::Pending;
            }
            self.pause = None;
        }
        let account = self.end.channel().account();
        account.wake_closing();
        if let Some(reason) = account.over().cloned() {
            return self.close(cx, handler, reason);
        }
        let mut reads = 0;
        loop {
            // Looked at before each chunk: the last one may have closed them.
            if self.waits_for_others() {
                self.pause = Some(Pause::begin(cx));
                return Poll::Pending;
            }
            // Bytes left over from the handshake, or from the last turn, may hold whole frames.
            let dispatched = match self.dispatch(handler) {
                Ok(dispatched) => dispatched,
                Err(reason) => {
                    // Say what can still be said, such as the answer to the frame that ended the connection.
                    let _already_ending = self.flush(cx);
                    return Poll::Ready(reason);
                }
            };
            if let Err(reason) = self.flush(cx) {
                return match self.end.channel().account().over().cloned() {
                    Some(reason) => self.close(cx, handler, reason),
                    None => Poll::Ready(reason),
                };
            }
            // What was appended before the driver's waker was registered in `flush` may have put others over the
            // budget.
            self.end.channel().account().wake_closing();
            if reads == READS_PER_TURN || dispatched == Dispatched::Enough {
                self.pause = Some(Pause::begin(cx));
                return Poll::Pending;
            }
            match self.fill(cx, handler) {
                Poll::Ready(Ok(0)) => {
                    return Poll::Ready(if self.read.is_empty() && self.skip == 0 {
                        CloseReason::Eof
                    } else {
                        CloseReason::Truncated
                    });
                }
                Poll::Ready(Ok(_)) => self.end.channel().hear(),
                Poll::Ready(Err(error)) => return Poll::Ready(error.into()),
                Poll::Pending => {
                    if self.read.is_empty() && self.pin_bytes > READ_BYTES_FREE {
                        self.retire();
                        self.read = BytesMut::new();
                        self.pin_bytes = 0;
                    }
                    return Poll::Pending;
                }
            }
            reads += 1;
        }
    }

    /// Whether connections are being closed. What they have is free only once their drivers have run, and their tasks
    /// are dropped; each closing is left a few turns for that.
    #[inline]
    fn waits_for_others(&mut self) -> bool {
        let Some(closings) = self.end.channel().account().others_leave() else { return false };
        if self.waited.0 != closings {
            self.waited = (closings, 0);
        }
        let waits = self.waited.1 < TURNS_WAITED_MAX;
        self.waited.1 += u32::from(waits);
        waits
    }

    #[cold]
    fn close(
        &mut self,
        cx: &mut Context<'_>,
        handler: &mut impl FrameHandler,
        reason: CloseReason,
    ) -> Poll<CloseReason> {
        handler.closing(&reason);
        let _already_ending = self.flush(cx);
        Poll::Ready(reason)
    }

    /// Writes until nothing is left or the socket is full; to a peer that is deaf nothing.
    fn flush(&mut self, cx: &mut Context<'_>) -> Result<(), CloseReason> {
        loop {
            while !self.is_deaf && self.written < self.write.len() {
                match Pin::new(&mut self.io).poll_write(cx, &self.write[self.written..]) {
                    Poll::Ready(Ok(n)) if n > 0 => self.written += n,
                    Poll::Ready(Ok(_) | Err(_)) => {
                        // So that reading comes to its end, also where the peer has only stopped to listen.
                        self.io.shutdown_read();
                        self.is_deaf = true;
                    }
                    Poll::Pending => {
                        return match self.end.channel().poll_overflowed(cx) {
                            Poll::Ready(reason) => Err(reason),
                            Poll::Pending => Ok(()),
                        };
                    }
                }
            }
            self.written = 0;
            self.write.clear();
            self.write.shrink_to(WRITE_BYTES_KEPT);
            match self.end.channel().poll_work(cx, &mut self.write) {
                Work::Bytes => {}
                Work::Idle => return Ok(()),
                Work::Done(reason) => return Err(reason),
            }
        }
    }

    fn fill(&mut self, cx: &mut Context<'_>, handler: &mut impl FrameHandler) -> Poll<io::Result<usize>> {
        // Frames still in use pin the whole buffer: a fresh one for every small read would multiply what a peer can
        // make this actor hold.
        if self.read.capacity() - self.read.len() < self.read_bytes / 4
            && !self.read.try_reclaim(self.read_bytes)
        {
            self.renew(handler);
        }
        let room = self.read.capacity() - self.read.len();
        let polled = poll_read_buf(Pin::new(&mut self.io), cx, &mut self.read);
        if self.read.len() == self.read.capacity() && room >= self.read_bytes {
            self.read_bytes = (self.read_bytes * 2).min(READ_BYTES_MAX);
        }
        polled
    }

    /// Makes room for a read in new memory, or in more of the old if nothing else uses that.
    #[cold]
    fn renew(&mut self, handler: &mut impl FrameHandler) {
        if self.retire() {
            let account = self.end.channel().account();
            let (pinned, is_tight) = (account.amount(Kind::Pinned), account.is_tight());
            let more_max = if is_tight { READ_BYTES_MAX } else { pinned_max(self.end.channel()) };
            self.pinned_before = self.pinned_before.min(pinned);
            if pinned > self.pinned_before.saturating_add(more_max) {
                handler.let_go();
                self.pinned_before = self.end.channel().account().amount(Kind::Pinned);
            }
        }
        self.read.reserve(self.read_bytes);
        self.pin_bytes = self.read.capacity();
        self.pin.grow(self.pin_bytes.saturating_sub(READ_BYTES_FREE));
    }

    /// The read buffer is about to be left. Returns whether slices keep it alive, which puts all of it on the account.
    fn retire(&mut self) -> bool {
        let is_kept = Arc::strong_count(&self.pin) > 1;
        if is_kept {
            self.pin.grow(self.pin_bytes);
        }
        self.pin = pin_of(self.end.channel());
        is_kept
    }

    /// Hands complete frames in the read buffer to the handler.
    fn dispatch(&mut self, handler: &mut impl FrameHandler) -> Result<Dispatched, CloseReason> {
        let (grown, asked) = (self.end.channel().grown(), handler.requests());
        let max = self.end.channel().limits().frame_bytes_max;
        loop {
            let resumed = self.at < self.chunk.len();
            if !resumed && self.skip > 0 {
                self.skip_more(handler)?;
            }
            let oversized = if resumed { None } else { self.cut(max) };
            while let Ok(Some(body)) = frame::next_frame(&self.chunk[self.at..], max) {
                let body = self.at + body.start..self.at + body.end;
                self.at = body.end;
                handler.frame(&self.chunk, body)?;
                let answers = self.end.channel().grown().wrapping_sub(grown);
                if answers >= ANSWERS_PER_TURN || handler.requests() - asked >= REQUESTS_PER_TURN {
                    // The rest, and what is too large behind it, is found again.
                    return Ok(Dispatched::Enough);
                }
            }
            (self.at, self.chunk) = (0, Bytes::new());
            match oversized {
                Some(error) if !self.skip_oversized(handler, &error)? => return Ok(Dispatched::All),
                None if !resumed => return Ok(Dispatched::All),
                Some(_) | None => {}
            }
        }
    }

    /// Takes complete frames out of the read buffer. Returns what is wrong with the frame behind them, if it is too
    /// large.
    #[inline]
    fn cut(&mut self, max: usize) -> Option<FrameTooLarge> {
        let mut complete = 0;
        let oversized = loop {
            match frame::next_frame(&self.read[complete..], max) {
                Ok(Some(body)) => complete += body.end,
                Ok(None) => break None,
                Err(error) => break Some(error),
            }
        };
        (self.at, self.chunk) = (0, Bytes::new());
        if complete > 0 {
            self.chunk = self.pin.clone().over(self.read.split_to(complete).freeze());
        }
        oversized
    }

    /// Begins to skip a frame that is too large, once as much of it is there as the handler looks at. Returns whether
    /// it is.
    #[cold]
    fn skip_oversized(
        &mut self,
        handler: &mut impl FrameHandler,
        error: &FrameTooLarge,
    ) -> Result<bool, CloseReason> {
        let looks_at = handler.oversized_head().min(error.size);
        let Some(head) = self.read.get(FRAME_HEAD_BYTES..FRAME_HEAD_BYTES + looks_at) else {
            return Ok(false);
        };
        if looks_at == 0 {
            handler.oversized(head, error)?;
        }
        self.skipped = Some((head.into(), error.clone()));
        self.skip = FRAME_HEAD_BYTES + error.size;
        Ok(true)
    }

    /// Goes on skipping. The handler is told at the end of the frame: an answer might have its sender break off
    /// within it.
    #[cold]
    fn skip_more(&mut self, handler: &mut impl FrameHandler) -> Result<(), CloseReason> {
        let there = self.skip.min(self.read.len());
        self.read.advance(there);
        self.skip -= there;
        let at_end = self.skipped.take_if(|_| self.skip == 0);
        at_end.map_or(Ok(()), |(head, error)| handler.oversized(&head, &error))
    }
}

/// How far a turn has come with the frames that were read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Dispatched {
    All,
    /// There may be more: others shall run first.
    Enough,
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::net::{Appended, Budget};
    use crate::proto::limits::Limits;
    use crate::proto::msg::Msg;

    /// Counts frames.
    struct Counter(usize);

    impl FrameHandler for Counter {
        fn frame(&mut self, _chunk: &Bytes, _body: Range<usize>) -> Result<(), CloseReason> {
            self.0 += 1;
            Ok(())
        }

        fn let_go(&mut self) {}
        fn closing(&mut self, _reason: &CloseReason) {}
    }

    #[tokio::test]
    async fn what_the_peer_wrote_before_it_closed_is_read_where_a_write_fails_first() {
        let (ours, theirs) = tokio::net::UnixStream::pair().expect("a pair");
        rustix::io::write(&theirs, &[1, 0, 0, 0, 0xc0].repeat(1000)).expect("it fits");
        drop(theirs);
        let channel = Channel::new(Limits::default(), None, Budget::new(usize::MAX).open(false));
        assert!(matches!(channel.send(&Msg::Ready { image: None }), Appended::Yes(_)));
        let mut counter = Counter(0);
        drive(Transport::Uds(ours), channel, BytesMut::new(), &mut counter).await;
        assert_eq!(counter.0, 1000);
    }

    #[tokio::test]
    async fn a_peer_that_takes_nothing_and_stays_is_left() {
        let (ours, theirs) = tokio::net::UnixStream::pair().expect("a pair");
        rustix::net::shutdown(&theirs, rustix::net::Shutdown::Read).expect("it is open");
        let channel = Channel::new(Limits::default(), None, Budget::new(usize::MAX).open(false));
        _ = channel.send(&Msg::Ready { image: None });
        let reason = drive(Transport::Uds(ours), channel, BytesMut::new(), &mut Counter(0)).await;
        assert!(matches!(reason, CloseReason::Eof), "{reason}");
    }

    #[tokio::test]
    async fn a_peer_that_does_not_read_loses_its_connection_once_the_backlog_is_full() {
        let (ours, _theirs) = tokio::io::duplex(16);
        let channel = Channel::new(
            Limits::default().write_backlog_bytes_max(1024),
            None,
            Budget::new(usize::MAX).open(false),
        );
        let appending = channel.clone();
        let driver = tokio::spawn(async move {
            drive(Transport::Mem(ours), channel, BytesMut::new(), &mut Counter(0)).await
        });
        // The driver first gets stuck in a write; what comes then must still reach it.
        while matches!(appending.send(&Msg::Ready { image: None }), Appended::Yes(_)) {
            tokio::task::yield_now().await;
        }
        let reason =
            tokio::time::timeout(Duration::from_secs(10), driver).await.expect("it ends").expect("well");
        assert!(reason.to_string().contains("write_backlog_bytes_max"), "{reason}");
        assert!(matches!(
            appending.send(&Msg::Ready { image: None }),
            Appended::Closed(CloseReason::Protocol(_))
        ));
    }
}
