//! A socket between this process and a peer process, for the raw baselines.
//!
//! The peer is this binary again. Over a Unix socket it inherits one end of a pair as its standard input; over TCP it
//! dials back to a port of the loopback interface.

use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream as StdUnixStream;
use std::process::{Child, Command, Stdio};

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream, UnixStream};

use crate::raw::{self, Role};

/// First argument of a peer process; the role and the address follow.
pub(crate) const PEER_FLAG: &str = "--peer";
/// Stands in the place of an address when the socket is the standard input.
const INHERITED: &str = "inherited";

/// What both kinds of socket have in common.
pub(crate) trait Socket: AsyncRead + AsyncWrite + Unpin + Send + 'static {}
impl<S: AsyncRead + AsyncWrite + Unpin + Send + 'static> Socket for S {}

/// The kind of socket under a measurement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Transport {
    Tcp,
    Uds,
}

/// A running peer process; waited for by [`Peer::join`].
#[derive(Debug)]
pub(crate) struct Peer {
    child: Child,
}

impl Peer {
    /// Waits until the peer has ended by itself; its failure is ours.
    pub(crate) fn join(mut self) -> io::Result<()> {
        let status = self.child.wait()?;
        if status.success() {
            Ok(())
        } else {
            Err(io::Error::other(format!("the peer process ended with {status}")))
        }
    }
}

/// Starts a peer on the other end of a fresh Unix socket pair.
pub(crate) fn start_uds(role: Role) -> io::Result<(UnixStream, Peer)> {
    let (here, there) = StdUnixStream::pair()?;
    let child = peer_command(role, INHERITED)?.stdin(Stdio::from(OwnedFd::from(there))).spawn()?;
    here.set_nonblocking(true)?;
    Ok((UnixStream::from_std(here)?, Peer { child }))
}

/// Starts a peer that dials back over TCP.
pub(crate) async fn start_tcp(role: Role) -> io::Result<(TcpStream, Peer)> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let addr = listener.local_addr()?.to_string();
    let child = peer_command(role, &addr)?.stdin(Stdio::null()).spawn()?;
    let (stream, _) = listener.accept().await?;
    stream.set_nodelay(true)?;
    Ok((stream, Peer { child }))
}

fn peer_command(role: Role, place: &str) -> io::Result<Command> {
    let mut command = Command::new(std::env::current_exe()?);
    command.args([PEER_FLAG, role.name(), place]);
    Ok(command)
}

/// The whole life of a peer process.
pub(crate) fn peer_main(args: &[String]) -> io::Result<()> {
    let [role, place] = args else { return Err(io::Error::other("a peer takes a role and a place")) };
    let role = Role::parse(role).ok_or_else(|| io::Error::other("unknown role of a peer"))?;
    runtime()?.block_on(async {
        if place == INHERITED {
            let socket = StdUnixStream::from(io::stdin().as_fd().try_clone_to_owned()?);
            socket.set_nonblocking(true)?;
            raw::serve(role, UnixStream::from_std(socket)?).await
        } else {
            let addr: SocketAddr = place.parse().map_err(io::Error::other)?;
            let socket = TcpStream::connect(addr).await?;
            socket.set_nodelay(true)?;
            raw::serve(role, socket).await
        }
    })
}

/// The runtime of both processes of a raw measurement.
pub(crate) fn runtime() -> io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread().enable_io().build()
}
