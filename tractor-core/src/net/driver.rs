//! The task that owns a socket: writes appended frames, reads arriving ones.
//!
//! # Invariants
//! 1. Handlers run on the driver's task, one frame at a time, in arrival order, and never block or await.
//! 2. A frame is a slice of the read buffer; no bytes are copied per message.
//! 3. Everything a handler appends is written in the same turn.
//! 4. A peer that floods the connection cannot occupy the thread: other tasks run after [`READS_PER_TURN`] reads, after
//!    [`REQUESTS_PER_TURN`] requests, or after [`ANSWERS_PER_TURN`] bytes of answers.
//! 5. Frames that the peer wrote before it closed are handled, even if a write fails first.

use std::future::poll_fn;
use std::io;
use std::ops::Range;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::{Bytes, BytesMut};

use super::budget::Kind;
use super::channel::{ANSWERS_PER_TURN, Channel, Work};
use super::intake::{Intake, READ_BYTES_MAX};
use super::outgoing::Outgoing;
use super::pause::Pause;
use super::transport::Transport;
use crate::error::CloseReason;
use crate::proto::frame::{self, FrameTooLarge};
use crate::proto::limits::FRAME_HEAD_BYTES;

/// Reads done before the driver lets other tasks run.
const READS_PER_TURN: usize = 4;
/// Requests handled before the driver lets other tasks run.
pub(super) const REQUESTS_PER_TURN: usize = 256;
/// Turns that the driver waits for each connection that is being closed: more than it needs, unless something blocks
/// it.
const TURNS_WAITED_MAX: u32 = 16;

/// The handler of a connection's frames.
pub(crate) trait FrameHandler {
    /// Takes one frame: `body` is its range in `chunk`.
    ///
    /// An error closes the connection.
    fn frame(&mut self, chunk: &Bytes, body: Range<usize>) -> Result<(), CloseReason>;

    /// Called when no other frame of the chunk follows in this turn.
    fn chunk_ends(&mut self, _chunk: &Bytes) {}

    /// How many bytes of a frame over the limit the handler examines.
    fn oversized_head(&self) -> usize {
        0
    }

    /// Takes the beginning of a frame over the limit, which was skipped.
    ///
    /// An error closes the connection.
    fn oversized(&mut self, _head: &[u8], error: &FrameTooLarge) -> Result<(), CloseReason> {
        Err(CloseReason::Protocol(error.to_string().into()))
    }

    /// Copies the parts of earlier frames that the handler keeps, because they keep read buffers alive.
    fn let_go(&mut self);

    /// The number of requests so far. Each one is work for this actor, however short its frame is.
    fn requests(&self) -> usize {
        0
    }

    /// Sends the reason of the coming close to a peer that may still be reading.
    fn closing(&mut self, reason: &CloseReason);
}

/// Runs a connection until it ends, and returns the reason. The channel is closed when this returns.
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
    let mut driver = Driver {
        io,
        read: Intake::new(unread, channel.account().clone()),
        pinned_before: 0,
        chunk: Bytes::new(),
        at: 0,
        skip: 0,
        skipped: None,
        waited: (0, 0),
        write: Outgoing::default(),
        is_deaf: false,
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

/// Bytes that may stay in read buffers before they are copied: enough for a stream whose reader keeps up.
fn pinned_max(channel: &Channel) -> usize {
    channel.limits().stream_window_bytes.saturating_mul(2).max(4 * READ_BYTES_MAX)
}

struct Driver {
    io: Transport,
    read: Intake,
    /// Bytes that slices of former read buffers kept alive when they were last copied.
    pinned_before: usize,
    /// Complete frames.
    chunk: Bytes,
    at: usize,
    /// Bytes of a frame over the limit that must still be thrown away.
    skip: usize,
    skipped: Option<(Box<[u8]>, FrameTooLarge)>,
    /// The number of closings when this driver began to wait, and the turns that it has waited since.
    waited: (usize, u32),
    write: Outgoing,
    /// The peer reads no more. It may have written frames before that.
    is_deaf: bool,
    /// The pause between two turns, in which other tasks run.
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
            // This is checked before each chunk, because the last one may have closed connections.
            if self.waits_for_others() {
                self.pause = Some(Pause::begin(cx));
                return Poll::Pending;
            }
            // Bytes left over from the handshake, or from the last turn, may hold whole frames.
            let dispatched = match self.dispatch(handler) {
                Ok(dispatched) => dispatched,
                Err(reason) => {
                    // Write the last answers, such as the one to the frame that ended the connection.
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
            // Frames appended before `flush` registered the driver's waker may have put other connections over the
            // budget.
            self.end.channel().account().wake_closing();
            if reads == READS_PER_TURN || dispatched == Dispatched::Enough {
                self.pause = Some(Pause::begin(cx));
                return Poll::Pending;
            }
            match self.fill(cx, handler) {
                Poll::Ready(Ok(0)) => {
                    return Poll::Ready(if self.read.bytes().is_empty() && self.skip == 0 {
                        CloseReason::Eof
                    } else {
                        CloseReason::Truncated
                    });
                }
                Poll::Ready(Ok(_)) => self.end.channel().hear(),
                Poll::Ready(Err(error)) => return Poll::Ready(error.into()),
                Poll::Pending => {
                    self.read.rest();
                    return Poll::Pending;
                }
            }
            reads += 1;
        }
    }

    /// Whether connections are being closed. Their bytes are freed only after their drivers have run and their tasks
    /// are dropped; each closing gets a few turns for that.
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

    /// Writes until nothing is left or the socket is full. Writes nothing to a peer that reads no more.
    fn flush(&mut self, cx: &mut Context<'_>) -> Result<(), CloseReason> {
        loop {
            while !self.is_deaf && !self.write.is_empty() {
                match self.write.poll_write(&mut self.io, cx) {
                    Poll::Ready(Ok(n)) if n > 0 => {}
                    Poll::Ready(Ok(_) | Err(_)) => {
                        // This also ends the reading, in case the peer has closed only its receiving half.
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
            if self.is_deaf {
                self.write = Outgoing::default();
            }
            match self.end.channel().poll_work(cx, &mut self.write) {
                Work::Bytes => {}
                Work::Idle => return Ok(()),
                Work::Done(reason) => return Err(reason),
            }
        }
    }

    fn fill(&mut self, cx: &mut Context<'_>, handler: &mut impl FrameHandler) -> Poll<io::Result<usize>> {
        let max = self.end.channel().limits().frame_bytes_max;
        if self.read.is_full(max) {
            let (channel, pinned_before) = (self.end.channel(), &mut self.pinned_before);
            self.read.renew(max, || Self::let_go(channel, pinned_before, handler));
        }
        self.read.poll_read(&mut self.io, cx)
    }

    /// Lets the handler copy its parts of former read buffers if they keep too much memory alive.
    #[cold]
    fn let_go(channel: &Channel, pinned_before: &mut usize, handler: &mut impl FrameHandler) {
        let account = channel.account();
        let (pinned, is_tight) = (account.amount(Kind::Pinned), account.is_tight());
        let more_max = if is_tight { READ_BYTES_MAX } else { pinned_max(channel) };
        *pinned_before = (*pinned_before).min(pinned);
        if pinned > pinned_before.saturating_add(more_max) {
            handler.let_go();
            *pinned_before = account.amount(Kind::Pinned);
        }
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
            let mut oversized = None;
            if !resumed {
                (self.chunk, oversized) = self.read.cut(max);
                self.at = 0;
            }
            while let Ok(Some(body)) = frame::next_frame(&self.chunk[self.at..], max) {
                let body = self.at + body.start..self.at + body.end;
                self.at = body.end;
                handler.frame(&self.chunk, body)?;
                let answers = self.end.channel().grown().wrapping_sub(grown);
                if answers >= ANSWERS_PER_TURN || handler.requests() - asked >= REQUESTS_PER_TURN {
                    // The next turn handles the rest, and finds the oversized frame behind it again.
                    handler.chunk_ends(&self.chunk);
                    return Ok(Dispatched::Enough);
                }
            }
            handler.chunk_ends(&self.chunk);
            (self.at, self.chunk) = (0, Bytes::new());
            match oversized {
                Some(error) if !self.skip_oversized(handler, &error)? => return Ok(Dispatched::All),
                None if !resumed => return Ok(Dispatched::All),
                Some(_) | None => {}
            }
        }
    }

    /// Begins to skip a frame that is too large, if the part that the handler examines has arrived. Returns whether it
    /// has begun.
    #[cold]
    fn skip_oversized(
        &mut self,
        handler: &mut impl FrameHandler,
        error: &FrameTooLarge,
    ) -> Result<bool, CloseReason> {
        let looks_at = handler.oversized_head().min(error.size);
        let Some(head) = self.read.bytes().get(FRAME_HEAD_BYTES..FRAME_HEAD_BYTES + looks_at) else {
            return Ok(false);
        };
        if looks_at == 0 {
            handler.oversized(head, error)?;
        }
        self.skipped = Some((head.into(), error.clone()));
        self.skip = FRAME_HEAD_BYTES + error.size;
        Ok(true)
    }

    /// Goes on skipping. The handler gets the frame's beginning only at its end: an earlier answer could make the
    /// sender break off within the frame.
    #[cold]
    fn skip_more(&mut self, handler: &mut impl FrameHandler) -> Result<(), CloseReason> {
        let there = self.skip.min(self.read.bytes().len());
        self.read.skip(there);
        self.skip -= there;
        let at_end = self.skipped.take_if(|_| self.skip == 0);
        at_end.map_or(Ok(()), |(head, error)| handler.oversized(&head, &error))
    }
}

/// The progress of a turn with the frames that were read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Dispatched {
    All,
    /// There may be more frames; other tasks run first.
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
    async fn data_before_a_close_is_read_even_if_a_write_fails_first() {
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
        // The driver first gets stuck in a write; later frames must still reach it.
        while matches!(appending.send(&Msg::Ready { image: None }), Appended::Yes(_)) {
            tokio::task::yield_now().await;
        }
        let reason = tokio::time::timeout(Duration::from_secs(10), driver)
            .await
            .expect("it ends")
            .expect("it ends well");
        assert!(reason.to_string().contains("write_backlog_bytes_max"), "{reason}");
        assert!(matches!(
            appending.send(&Msg::Ready { image: None }),
            Appended::Closed(CloseReason::Protocol(_))
        ));
    }
}
