//! A server process for candidates that start none themselves, and sockets to it.
//!
//! The server is this binary again. It prints its address when it listens, and ends with its standard input.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::PathBuf;
use std::pin::Pin;
use std::process::{Child, Command, Stdio};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};

use crate::job::{Place, Who};

/// First argument of a server; the candidate and the place follow.
pub(crate) const SERVE_FLAG: &str = "--serve";
/// First argument of a process that only answers once.
pub(crate) const HELLO_FLAG: &str = "--hello";

/// Unix sockets or TCP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Transport {
    Tcp,
    Uds,
}

/// One connection of either kind.
#[derive(Debug)]
pub(crate) enum Socket {
    Tcp(TcpStream),
    Uds(UnixStream),
}

/// A listener for such connections.
#[derive(Debug)]
pub(crate) enum Listener {
    Tcp(TcpListener),
    Uds(UnixListener),
}

impl Socket {
    pub(crate) async fn connect(transport: Transport, addr: &str) -> io::Result<Self> {
        Ok(match transport {
            Transport::Tcp => {
                let stream = TcpStream::connect(addr).await?;
                stream.set_nodelay(true)?;
                Self::Tcp(stream)
            }
            Transport::Uds => Self::Uds(UnixStream::connect(addr).await?),
        })
    }
}

impl Listener {
    /// Listens at any free port, or at the path.
    async fn bind(transport: Transport, path: &str) -> io::Result<Self> {
        Ok(match transport {
            Transport::Tcp => Self::Tcp(TcpListener::bind("127.0.0.1:0").await?),
            Transport::Uds => Self::Uds(UnixListener::bind(path)?),
        })
    }

    pub(crate) async fn accept(&self) -> io::Result<Socket> {
        Ok(match self {
            Self::Tcp(listener) => {
                let (stream, _) = listener.accept().await?;
                stream.set_nodelay(true)?;
                Socket::Tcp(stream)
            }
            Self::Uds(listener) => Socket::Uds(listener.accept().await?.0),
        })
    }

    /// Listens, and prints the address.
    pub(crate) async fn announce(transport: Transport, path: &str) -> io::Result<Self> {
        let listener = Self::bind(transport, path).await?;
        let addr = match &listener {
            Self::Tcp(listener) => listener.local_addr()?.to_string(),
            Self::Uds(_) => path.to_owned(),
        };
        let mut out = io::stdout().lock();
        writeln!(out, "{addr}")?;
        out.flush()?;
        Ok(listener)
    }
}

impl AsyncRead for Socket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match &mut *self {
            Self::Tcp(stream) => Pin::new(stream).poll_read(cx, buf),
            Self::Uds(stream) => Pin::new(stream).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Socket {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        match &mut *self {
            Self::Tcp(stream) => Pin::new(stream).poll_write(cx, buf),
            Self::Uds(stream) => Pin::new(stream).poll_write(cx, buf),
        }
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match &mut *self {
            Self::Tcp(stream) => Pin::new(stream).poll_write_vectored(cx, bufs),
            Self::Uds(stream) => Pin::new(stream).poll_write_vectored(cx, bufs),
        }
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut *self {
            Self::Tcp(stream) => Pin::new(stream).poll_flush(cx),
            Self::Uds(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut *self {
            Self::Tcp(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Uds(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}

/// A running server. Dropping it ends and reaps the process.
#[derive(Debug)]
pub(crate) struct Server {
    child: Child,
    pub(crate) addr: String,
    path: PathBuf,
}

impl Server {
    pub(crate) fn start(who: Who, place: Place) -> anyhow::Result<Self> {
        let path = std::env::temp_dir().join(format!("tractor-benches-{}.sock", std::process::id()));
        let mut child = Command::new(std::env::current_exe()?)
            .args([SERVE_FLAG, who.name(), place.name()])
            .arg(&path)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let mut addr = String::new();
        let out = child.stdout.take().expect("it is piped");
        let read = BufReader::new(out).read_line(&mut addr);
        let server = Self { child, addr: addr.trim().to_owned(), path };
        anyhow::ensure!(read? > 0, "the server of {} has ended early", who.name());
        Ok(server)
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Fails if the process is gone already.
        _ = self.child.kill();
        _ = self.child.wait();
        _ = std::fs::remove_file(&self.path);
    }
}

/// Ends this process when its standard input is closed, as it is when the parent ends.
pub(crate) fn end_with_stdin() {
    std::thread::spawn(|| {
        let mut byte = [0];
        while matches!(io::stdin().read(&mut byte), Ok(1)) {}
        std::process::exit(0);
    });
}
