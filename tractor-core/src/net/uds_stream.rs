//! A connected Unix socket.
//!
//! Whenever the peer reads, the kernel reports room to write at this end. A process that is registered for that wakes
//! once more for each of its messages, with nothing to do. So a socket that is in use is registered for data alone, as
//! long as every write finds room. A new one is registered for both, as tokio makes it: a change costs more than a few
//! wakes.

use std::io::{self, IoSlice};
use std::mem::replace;
use std::os::fd::{AsFd, BorrowedFd};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use rustix::io::Errno;
use rustix::net::{SendAncillaryBuffer, SendFlags, Shutdown, send, sendmsg, shutdown};
use rustix::process::Pid;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::UnixStream;
use tokio::net::unix::pipe::Receiver;

/// A socket for which no write has waited during so many reads is registered for data alone.
const READS_WITH_ROOM: u32 = 32;

/// A Unix socket, and the process at its other end. One task both reads and writes.
#[derive(Debug)]
pub(crate) struct UdsStream {
    socket: Socket,
    /// Whether the last write waits for room.
    waits: bool,
    /// Reads since a write last waited.
    reads: u32,
    /// The process that has connected, or that listens, if it is known.
    pub(super) process: Option<Pid>,
}

#[derive(Debug)]
enum Socket {
    ForBoth(UnixStream),
    /// This type of tokio reads from any file that signals as a pipe does.
    ForData(Receiver),
    /// Closed, because it could not be registered.
    Lost,
}

impl UdsStream {
    pub(crate) fn new(socket: UnixStream, process: Option<Pid>) -> Self {
        Self { socket: Socket::ForBoth(socket), waits: false, reads: 0, process }
    }

    /// The descriptor, unless the socket is closed.
    pub(super) fn fd(&self) -> Option<BorrowedFd<'_>> {
        match &self.socket {
            Socket::ForBoth(socket) => Some(socket.as_fd()),
            Socket::ForData(socket) => Some(socket.as_fd()),
            Socket::Lost => None,
        }
    }

    /// Writes as much as there is room for now. Waits for room if there is none.
    fn poll_send(
        &mut self,
        now: impl FnOnce(&Receiver) -> rustix::io::Result<usize>,
        poll: impl FnOnce(Pin<&mut UnixStream>) -> Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        if let Socket::ForData(socket) = &self.socket {
            match now(socket) {
                Err(Errno::AGAIN) => self.register_again()?,
                sent => return Poll::Ready(sent.map_err(Into::into)),
            }
        }
        let Socket::ForBoth(socket) = &mut self.socket else { return Poll::Ready(Err(lost())) };
        let sent = poll(Pin::new(socket));
        self.waits = sent.is_pending();
        if self.waits {
            self.reads = 0;
        }
        sent
    }

    /// Registers the socket for data alone, or again for both.
    #[cold]
    fn register_again(&mut self) -> io::Result<()> {
        self.socket = match replace(&mut self.socket, Socket::Lost) {
            Socket::ForBoth(socket) => {
                Socket::ForData(Receiver::from_owned_fd_unchecked(socket.into_std()?.into())?)
            }
            Socket::ForData(socket) => {
                Socket::ForBoth(UnixStream::from_std(socket.into_nonblocking_fd()?.into())?)
            }
            Socket::Lost => Socket::Lost,
        };
        Ok(())
    }
}

fn lost() -> io::Error {
    io::ErrorKind::NotConnected.into()
}

impl AsyncRead for UdsStream {
    #[inline]
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match &mut self.socket {
            Socket::ForData(socket) => return Pin::new(socket).poll_read(cx, buf),
            Socket::ForBoth(socket) => ready!(Pin::new(socket).poll_read(cx, buf))?,
            Socket::Lost => return Poll::Ready(Err(lost())),
        }
        if !self.waits {
            self.reads += 1;
            if self.reads == READS_WITH_ROOM {
                self.register_again()?;
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for UdsStream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_send(
            |socket| send(socket, bytes, SendFlags::NOSIGNAL),
            |socket| socket.poll_write(cx, bytes),
        )
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.poll_send(
            |socket| sendmsg(socket, parts, &mut SendAncillaryBuffer::default(), SendFlags::NOSIGNAL),
            |socket| socket.poll_write_vectored(cx, parts),
        )
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(self.fd().map_or(Ok(()), |socket| Ok(shutdown(socket, Shutdown::Write)?)))
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    fn pair() -> (UdsStream, UdsStream) {
        let (one, other) = UnixStream::pair().expect("a socket pair");
        (UdsStream::new(one, None), UdsStream::new(other, None))
    }

    /// Sends bytes there and back, so many times.
    async fn echo(one: &mut UdsStream, other: &mut UdsStream, bytes: usize, times: u32) {
        for time in 0..times {
            let (there, back) = (vec![time as u8; bytes], vec![!time as u8; bytes]);
            let (mut got, mut got_back) = (vec![0; bytes], vec![0; bytes]);
            let here = async {
                one.write_all(&there).await?;
                one.read_exact(&mut got_back).await
            };
            let there_and_back = async {
                other.read_exact(&mut got).await?;
                other.write_all(&back).await
            };
            let (here, there_and_back) = tokio::join!(here, there_and_back);
            here.expect("all arrive");
            there_and_back.expect("all leave");
            assert!(got == there && got_back == back, "{bytes} bytes, time {time}");
        }
    }

    const EPOLLOUT: u32 = 4;

    /// Whether the kernel reports room at this end.
    #[cfg(target_os = "linux")]
    fn hears_of_room(stream: &UdsStream) -> bool {
        use std::os::fd::AsRawFd;

        let file = format!("tfd:{:>9} ", stream.fd().expect("it is open").as_raw_fd());
        let polls = std::fs::read_dir("/proc/self/fdinfo").expect("this process");
        let polls = polls.filter_map(|poll| std::fs::read_to_string(poll.ok()?.path()).ok());
        let mut events = polls.filter_map(|poll| {
            let line = poll.lines().find_map(|line| line.strip_prefix(&file))?.to_owned();
            let events = line.split_whitespace().nth(1)?;
            u32::from_str_radix(events, 16).ok()
        });
        events.next().expect("it is registered") & EPOLLOUT != 0
    }

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn a_socket_hears_of_room_after_it_was_full_and_otherwise_not_for_long() {
        let (mut one, mut other) = pair();
        for _ in 0..2 {
            echo(&mut one, &mut other, 1, READS_WITH_ROOM).await;
            assert_eq!((hears_of_room(&one), hears_of_room(&other)), (false, false));
            let (much, mut got) = (vec![7; 4 << 20], vec![0; 4 << 20]);
            let (sent, read) = tokio::join!(one.write_all(&much), other.read_exact(&mut got));
            sent.and(read.map(drop)).expect("all arrive");
            assert_eq!((hears_of_room(&one), hears_of_room(&other)), (true, false));
        }
    }

    #[tokio::test]
    async fn all_bytes_arrive_in_order_whatever_the_socket_is_registered_for() {
        let (mut one, mut other) = pair();
        for (bytes, times) in [(1, 100), (1 << 20, 5), (10, 100), (3 << 20, 3), (100_000, 50)] {
            echo(&mut one, &mut other, bytes, times).await;
        }
        let parts = [IoSlice::new(b"in "), IoSlice::new(b"parts")];
        assert_eq!(one.write_vectored(&parts).await.expect("there is room"), 8);
        one.shutdown().await.expect("it is open");
        let mut rest = String::new();
        other.read_to_string(&mut rest).await.expect("they arrive");
        assert_eq!(rest, "in parts");
    }

    #[tokio::test]
    async fn a_write_to_nobody_fails() {
        for times in [0, 2 * READS_WITH_ROOM] {
            let (mut one, mut other) = pair();
            echo(&mut one, &mut other, 1, times).await;
            drop(other);
            one.write_all(b"x").await.expect_err("nobody reads");
            assert_eq!(one.read(&mut [0]).await.expect("the end"), 0);
        }
    }
}
