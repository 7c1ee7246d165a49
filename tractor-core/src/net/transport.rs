//! The byte streams a connection can run over.

use std::io::{self, IoSlice};
use std::net::{IpAddr, Ipv6Addr};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use rustix::net::{Shutdown, shutdown};
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
    /// A Unix-domain socket. The process at the other end runs as our own user.
    Uds(UnixStream),
    /// Memory of this process.
    Mem(DuplexStream),
}

/// Connects to an address, as soon as the listener's queue has room. The deadline is the caller's.
pub(crate) async fn connect(addr: &Addr) -> io::Result<Transport> {
    match addr {
        Addr::Tcp(addr) => {
            let stream = TcpStream::connect(addr).await?;
            Transport::of_tcp(stream)
        }
        Addr::Uds { .. } => {
            let path = addr.uds_path().expect("a Unix-socket address has a path");
            Ok(Transport::Uds(uds::connect(&path).await?))
        }
    }
}

/// The possible peers at the other end of a connection before the handshake.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OtherEnd {
    /// A process of our own user, as the kernel confirms.
    OurUser,
    /// Any peer that can reach the address; its source, if that is still known.
    Anybody(Option<IpAddr>),
}

/// After this long without data, TCP sends a keep-alive probe.
const KEEPALIVE_IDLE: Duration = Duration::from_secs(30);
/// Time between two unanswered probes.
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(10);
/// This many unanswered probes end the connection.
const KEEPALIVE_PROBES: u32 = 3;

impl Transport {
    /// A connected TCP stream. Small writes are sent at once, and the connection ends within a minute after its host
    /// has vanished.
    pub(super) fn of_tcp(stream: TcpStream) -> io::Result<Self> {
        use rustix::net::sockopt;

        stream.set_nodelay(true)?;
        sockopt::set_socket_keepalive(&stream, true)?;
        sockopt::set_tcp_keepidle(&stream, KEEPALIVE_IDLE)?;
        sockopt::set_tcp_keepintvl(&stream, KEEPALIVE_INTERVAL)?;
        sockopt::set_tcp_keepcnt(&stream, KEEPALIVE_PROBES)?;
        // While sent data is unacknowledged, no keep-alive probes are sent.
        #[cfg(target_os = "linux")]
        {
            let limit = KEEPALIVE_IDLE + KEEPALIVE_INTERVAL * KEEPALIVE_PROBES;
            sockopt::set_tcp_user_timeout(&stream, u32::try_from(limit.as_millis()).unwrap_or(u32::MAX))?;
        }
        Ok(Self::Tcp(stream))
    }

    /// The process at the other end, if the kernel names it; for the connecting end that is the listener.
    pub(crate) fn process_of_other_end(&self) -> Option<Pid> {
        match self {
            Self::Uds(stream) => stream.peer_cred().ok()?.pid().and_then(Pid::from_raw),
            Self::Tcp(_) | Self::Mem(_) => None,
        }
    }

    /// After this, reads return the data that has arrived, and then the end.
    pub(super) fn shutdown_read(&self) {
        // A socket that is no longer connected has reached its end already.
        _ = match self {
            Self::Tcp(stream) => shutdown(stream, Shutdown::Read),
            Self::Uds(stream) => shutdown(stream, Shutdown::Read),
            Self::Mem(_) => Ok(()),
        };
    }

    /// The possible peers at the other end.
    pub(crate) fn other_end(&self) -> OtherEnd {
        match self {
            Self::Tcp(stream) => OtherEnd::Anybody(stream.peer_addr().ok().map(|from| source(from.ip()))),
            Self::Uds(_) | Self::Mem(_) => OtherEnd::OurUser,
        }
    }
}

/// The source of a host: its IPv4 address, or the IPv6 network in which the host may choose any address.
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

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        each!(self, stream => Pin::new(stream).poll_write_vectored(cx, parts))
    }

    fn is_write_vectored(&self) -> bool {
        match self {
            Self::Tcp(stream) => stream.is_write_vectored(),
            Self::Uds(stream) => stream.is_write_vectored(),
            Self::Mem(stream) => stream.is_write_vectored(),
        }
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
    use rustix::net::sockopt;

    use super::*;
    use crate::net::bind;

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
    async fn both_ends_of_a_tcp_connection_ask_whether_the_other_is_there() {
        let anywhere = Addr::Tcp("127.0.0.1:0".parse().expect("an address"));
        let listener = bind(&anywhere).await.expect("a port");
        let (dialed, accepted) = tokio::join!(connect(listener.addr()), listener.accept());
        for end in [dialed.expect("it is connected"), accepted.expect("it is accepted")] {
            let Transport::Tcp(stream) = end else { panic!("it is TCP") };
            assert!(sockopt::socket_keepalive(&stream).expect("the option can be read"));
            assert_eq!(sockopt::tcp_keepidle(&stream).expect("the option can be read"), KEEPALIVE_IDLE);
            assert_eq!(sockopt::tcp_keepintvl(&stream).expect("the option can be read"), KEEPALIVE_INTERVAL);
            assert_eq!(sockopt::tcp_keepcnt(&stream).expect("the option can be read"), KEEPALIVE_PROBES);
            assert!(stream.nodelay().expect("the option can be read"));
        }
    }

    #[tokio::test]
    async fn a_transport_says_whom_it_trusts() {
        let (memory, _) = tokio::io::duplex(1);
        assert_eq!(Transport::Mem(memory).other_end(), OtherEnd::OurUser);
        let (unix, _other) = UnixStream::pair().expect("a socket pair");
        assert_eq!(Transport::Uds(unix).other_end(), OtherEnd::OurUser);
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let tcp = TcpStream::connect(listener.local_addr().expect("it is bound")).await.expect("it listens");
        let from = tcp.peer_addr().expect("it is connected").ip();
        assert_eq!(Transport::Tcp(tcp).other_end(), OtherEnd::Anybody(Some(from)));
    }
}
