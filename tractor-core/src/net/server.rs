//! Listening sockets.

use std::io;
use std::path::{Path, PathBuf};

use tokio::net::TcpListener;

use super::socket_file::{self, SocketFile};
use super::transport::Transport;
use super::uds;
use crate::proto::addr::{Addr, socket_file_end, socket_file_name};
use crate::proto::limits::UDS_PATH_BYTES_MAX;

/// A bound socket. Dropping it closes the socket and unlinks its file.
#[derive(Debug)]
pub(crate) struct Listener {
    socket: Socket,
    addr: Addr,
}

#[derive(Debug)]
enum Socket {
    Tcp(TcpListener),
    Uds(SocketFile),
}

/// Binds an address. Port zero lets the operating system choose; [`addr`](Listener::addr) gives the chosen one.
pub(crate) async fn bind(addr: &Addr) -> io::Result<Listener> {
    match addr {
        Addr::Tcp(wanted) => {
            let listener = TcpListener::bind(wanted).await?;
            let addr = Addr::Tcp(listener.local_addr()?);
            Ok(Listener { socket: Socket::Tcp(listener), addr })
        }
        Addr::Uds { dir, .. } => {
            let dir = Path::new(dir);
            uds::prepare_dir(dir)?;
            let path = PathBuf::from(addr.uds_path().expect("a Unix-socket address has a path"));
            let file = socket_file::listen(dir, path).await?;
            Ok(Listener { socket: Socket::Uds(file), addr: addr.clone() })
        }
    }
}

/// The default address of an actor: a socket of its own in the runtime directory.
pub(crate) fn default_uds(name: &str, pid: u32) -> io::Result<Addr> {
    let dir = uds::runtime_dir();
    let dir = dir.to_str().ok_or_else(|| io::Error::other("the runtime directory's path is no UTF-8"))?;
    let file = socket_file_name(dir, name, pid, UDS_PATH_BYTES_MAX).map_err(io::Error::other)?;
    Ok(Addr::Uds { dir: dir.to_owned(), file })
}

/// The socket files in the runtime directory that belong to a process, whatever the name of its actor.
pub(crate) fn default_uds_of(pid: u32) -> Vec<String> {
    let end = socket_file_end(pid);
    let Ok(files) = std::fs::read_dir(uds::runtime_dir()) else { return Vec::new() };
    let paths = files.filter_map(|file| file.ok()?.path().into_os_string().into_string().ok());
    paths.filter(|path| path.ends_with(&end)).collect()
}

impl Listener {
    /// The address on which it listens.
    pub(crate) fn addr(&self) -> &Addr {
        &self.addr
    }

    /// Waits for the next connection of a process that may connect at all.
    ///
    /// # Cancel safety
    /// Cancel safe.
    pub(crate) async fn accept(&self) -> io::Result<Transport> {
        match &self.socket {
            Socket::Tcp(listener) => {
                let (stream, _from) = listener.accept().await?;
                Transport::of_tcp(stream)
            }
            Socket::Uds(file) => {
                let (stream, _from) = file.listener.accept().await?;
                uds::check_peer(&stream)?;
                Ok(Transport::Uds(stream))
            }
        }
    }
}
