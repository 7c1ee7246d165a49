//! The byte streams a connection can run over.

use std::io;
use std::net::{IpAddr, Ipv6Addr};
use std::pin::Pin;
use std::task::{Context, Poll};

use rustix::process::Pid;
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf};
use tokio::net::{TcpStream, UnixStream};

use super::uds;
use crate::proto::addr::Addr;

/// A connected byte stream.
#[derive(Debug)]
pub(crate) enum Transport {
    /// TCP, without delay of small writes.
    Tcp(TcpStream),
    /// A Unix-domain socket, whose other end was found to be our own user's.
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

/// Who may be at the other end of a connection before anything was said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OtherEnd {
    /// A process of our own user: the kernel has said so.
    OurUser,
    /// Whoever can reach the address; from where, if that can still be told.
    Anybody(Option<IpAddr>),
}

impl Transport {
    /// The process at the other end, where the kernel vouches for it: for who connected, the one that listens.
    pub(crate) fn process_of_other_end(&self) -> Option<Pid> {
        match self {
            Self::Uds(stream) => stream.peer_cred().ok()?.pid().and_then(Pid::from_raw),
            Self::Tcp(_) | Self::Mem(_) => None,
        }
    }

    /// Whom this transport lets in by itself.
    pub(crate) fn other_end(&self) -> OtherEnd {
        match self {
            Self::Tcp(stream) => OtherEnd::Anybody(stream.peer_addr().ok().map(|from| source(from.ip()))),
            Self::Uds(_) | Self::Mem(_) => OtherEnd::OurUser,
        }
    }
}

/// What one host has one of: its address, or the network of which an IPv6 host may choose any address.
fn source(ip: IpAddr) -> IpAddr {
    match ip.to_canonical() {
        IpAddr::V6(ip) => IpAddr::V6(Ipv6Addr::from_bits(ip.to_bits() & !u128::from(u64::MAX))),
        ip => ip,
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_is_a_host_or_its_network() {
        for (ip, from) in [
            ("192.0.2.7", "192.0.2.7"),
            ("::ffff:192.0.2.7", "192.0.2.7"),
            ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
            ("::1", "::"),
        ] {
            let parsed = |text: &str| text.parse::<IpAddr>().expect("an address");
            assert_eq!(source(parsed(ip)), parsed(from), "{ip}");
        }
    }

    #[tokio::test]
    async fn a_transport_says_whom_it_trusts() {
        let (memory, _) = tokio::io::duplex(1);
        assert_eq!(Transport::Mem(memory).other_end(), OtherEnd::OurUser);
        let (unix, _other) = UnixStream::pair().expect("a socket pair");
        assert_eq!(Transport::Uds(unix).other_end(), OtherEnd::OurUser);
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let tcp = TcpStream::connect(listener.local_addr().expect("bound")).await.expect("it listens");
        let from = tcp.peer_addr().expect("connected").ip();
        assert_eq!(Transport::Tcp(tcp).other_end(), OtherEnd::Anybody(Some(from)));
    }
}
