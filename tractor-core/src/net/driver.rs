//! The task that owns a socket: writes what was appended, reads what arrives.
//!
//! # Invariants
//! 1. Handlers run on the driver's task, one frame at a time, in arrival order, and never block or await.
//! 2. A frame is a slice of the read buffer; no bytes are copied per message.
//! 3. Everything a handler appends is written in the same turn.
//! 4. A peer that floods the connection cannot keep the thread: after [`READS_PER_TURN`] reads others run.

use std::future::poll_fn;
use std::io;
use std::ops::Range;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::{Bytes, BytesMut};
use tokio::io::AsyncWrite;
use tokio_util::io::poll_read_buf;

use super::channel::{Channel, Work};
use super::transport::Transport;
use crate::error::CloseReason;
use crate::proto::frame;

/// Room made for the first read; doubled whenever a read fills it.
const READ_BYTES_MIN: usize = 8 * 1024;
/// Most room made for a read.
const READ_BYTES_MAX: usize = 256 * 1024;
/// Reads done before the driver lets other tasks run.
const READS_PER_TURN: usize = 4;
/// A drained write buffer larger than this is given back to the allocator.
const WRITE_BYTES_KEPT: usize = 4 * 1024 * 1024;

/// What a connection's frames are handed to.
pub(crate) trait FrameHandler {
    /// Takes one frame: `body` is its range in `chunk`.
    ///
    /// An error closes the connection.
    fn frame(&mut self, chunk: &Bytes, body: Range<usize>) -> Result<(), CloseReason>;
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
    let mut driver = Driver {
        io,
        read: unread,
        write: Vec::new(),
        written: 0,
        read_bytes: READ_BYTES_MIN,
        end: End(Some(channel)),
    };
    let reason = poll_fn(|cx| driver.poll(cx, handler)).await;
    driver.end.with(reason.clone());
    reason
}

struct Driver {
    io: Transport,
    read: BytesMut,
    write: Vec<u8>,
    written: usize,
    /// Room to make for the next read.
    read_bytes: usize,
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
        // Bytes left over from the handshake may hold whole frames.
        if let Err(reason) = self.dispatch(handler) {
            return Poll::Ready(reason);
        }
        let mut reads = 0;
        loop {
            if let Err(reason) = self.flush(cx) {
                return Poll::Ready(reason);
            }
            match self.fill(cx) {
                Poll::Ready(Ok(0)) => {
                    return Poll::Ready(if self.read.is_empty() {
                        CloseReason::Eof
                    } else {
                        CloseReason::Truncated
                    });
                }
                Poll::Ready(Ok(_)) => self.end.channel().hear(),
                Poll::Ready(Err(error)) => return Poll::Ready(error.into()),
                Poll::Pending => return Poll::Pending,
            }
            if let Err(reason) = self.dispatch(handler) {
                // Say what can still be said, such as the answer to the frame that ended the connection.
                let _already_ending = self.flush(cx);
                return Poll::Ready(reason);
            }
            reads += 1;
            if reads == READS_PER_TURN {
                if let Err(reason) = self.flush(cx) {
                    return Poll::Ready(reason);
                }
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
        }
    }

    /// Writes until nothing is left or the socket is full.
    fn flush(&mut self, cx: &mut Context<'_>) -> Result<(), CloseReason> {
        loop {
            while self.written < self.write.len() {
                match Pin::new(&mut self.io).poll_write(cx, &self.write[self.written..]) {
                    Poll::Ready(Ok(0)) => return Err(io::Error::from(io::ErrorKind::WriteZero).into()),
                    Poll::Ready(Ok(n)) => self.written += n,
                    Poll::Ready(Err(error)) => return Err(error.into()),
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

    fn fill(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        // Frames still in use pin the whole buffer: a fresh one for every small read would multiply what a peer can make
        // this actor hold.
        if self.read.capacity() - self.read.len() < self.read_bytes / 4 {
            self.read.reserve(self.read_bytes);
        }
        let room = self.read.capacity() - self.read.len();
        let polled = poll_read_buf(Pin::new(&mut self.io), cx, &mut self.read);
        if self.read.len() == self.read.capacity() && room >= self.read_bytes {
            self.read_bytes = (self.read_bytes * 2).min(READ_BYTES_MAX);
        }
        polled
    }

    /// Hands every complete frame in the read buffer to the handler.
    fn dispatch(&mut self, handler: &mut impl FrameHandler) -> Result<(), CloseReason> {
        let max = self.end.channel().limits().frame_bytes_max;
        let mut complete = 0;
        let mut too_large = None;
        loop {
            match frame::next_frame(&self.read[complete..], max) {
                Ok(Some(body)) => complete += body.end,
                Ok(None) => break,
                Err(error) => {
                    too_large = Some(CloseReason::Protocol(Arc::from(error.to_string())));
                    break;
                }
            }
        }
        if complete > 0 {
            let chunk = self.read.split_to(complete).freeze();
            let mut at = 0;
            while let Ok(Some(body)) = frame::next_frame(&chunk[at..], max) {
                let body = at + body.start..at + body.end;
                at = body.end;
                handler.frame(&chunk, body)?;
            }
        }
        too_large.map_or(Ok(()), Err)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::net::Appended;
    use crate::proto::limits::Limits;
    use crate::proto::msg::Msg;

    /// Takes frames and does nothing.
    struct Deaf;

    impl FrameHandler for Deaf {
        fn frame(&mut self, _chunk: &Bytes, _body: Range<usize>) -> Result<(), CloseReason> {
            Ok(())
        }
    }

    #[tokio::test]
    async fn a_peer_that_does_not_read_loses_its_connection_once_the_backlog_is_full() {
        let (ours, _theirs) = tokio::io::duplex(16);
        let channel = Channel::new(Limits::default().write_backlog_bytes_max(1024), None);
        let appending = channel.clone();
        let driver =
            tokio::spawn(
                async move { drive(Transport::Mem(ours), channel, BytesMut::new(), &mut Deaf).await },
            );
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
