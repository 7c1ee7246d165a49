//! The byte streams a connection can run over.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf};
use tokio::net::{TcpStream, UnixStream};

use super::uds;
use crate::proto::addr::Addr;

/// A connected byte stream.
#[derive(Debug)]
pub(crate) enum Transport {
    /// TCP, without delay of small writes.
    Tcp(TcpStream),
    /// A Unix-domain socket.
    Uds(UnixStream),
    /// Memory of this process.
    Mem(DuplexStream),
}

/// Connects to an address, as soon as there is room in the queue of whoever listens there. The deadline is the caller's.
pub(crate) async fn connect(addr: &Addr) -> io::Result<Transport> {
    match addr {
        Addr::Tcp(addr) => {
            let stream = TcpStream::connect(addr).await?;
            stream.set_nodelay(true)?;
            Ok(Transport::Tcp(stream))
        }
        Addr::Uds { .. } => {
            let path = addr.uds_path().expect("a Unix-socket address has a path");
            Ok(Transport::Uds(uds::connect(&path).await?))
        }
    }
}

impl Transport {
    /// Whether it is a TCP connection, whose other end may be anybody.
    pub(crate) fn is_tcp(&self) -> bool {
        matches!(self, Self::Tcp(_))
    }
}

macro_rules! each {
    ($self:ident, $stream:ident => $call:expr) => {
        match $self.get_mut() {
            Transport::Tcp($stream) => $call,
            Transport::Uds($stream) => $call,
            Transport::Mem($stream) => $call,
        }
    };
}

impl AsyncRead for Transport {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        each!(self, stream => Pin::new(stream).poll_read(cx, buf))
    }
}

impl AsyncWrite for Transport {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        each!(self, stream => Pin::new(stream).poll_write(cx, buf))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        each!(self, stream => Pin::new(stream).poll_flush(cx))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        each!(self, stream => Pin::new(stream).poll_shutdown(cx))
    }
}
