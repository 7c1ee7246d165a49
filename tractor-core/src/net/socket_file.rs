//! The files of Unix sockets: making one, in the place of a dead one if need be, and removing it.
//!
//! A socket file outlives a process that is killed. Nobody listens there any more, and nobody else can until it is
//! removed. Who removes it must not meet somebody who has just done so, and listens there himself: one process at a
//! time works on the files of a directory, for which it holds the lock of the directory itself. No lock file stays
//! behind.

use std::fs;
use std::io::{self, ErrorKind};
use std::os::fd::OwnedFd;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::{FlockOperation, Mode, OFlags};
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType};
use tokio::net::{UnixListener, UnixSocket};
use tokio::time::{sleep, timeout};

use super::uds::user;

/// Connections the operating system queues before they are accepted; it may allow less.
const BACKLOG: u32 = 1024;
/// Longest wait for the lock of a directory, which others hold for some system calls.
const LOCK_WAIT: Duration = Duration::from_secs(5);
/// Between two attempts to get it.
const LOCK_PAUSE: Duration = Duration::from_millis(1);

/// A socket that listens at a path. Dropping it removes the file, and closes the socket after that: at no time is
/// this a file of the dead.
#[derive(Debug)]
pub(super) struct SocketFile {
    pub(super) listener: UnixListener,
    path: PathBuf,
    /// What tells it from a file that another socket is bound to later.
    id: (u64, u64),
}

/// Listens at a path. Where a process has died that has listened there, its file is replaced.
pub(super) async fn listen(dir: &Path, path: PathBuf) -> io::Result<SocketFile> {
    let _turn = Turn::take(dir).await?;
    match listen_at(&path) {
        // Elsewhere a listener whose queue is full looks like a dead one.
        Err(error) if error.kind() == ErrorKind::AddrInUse && cfg!(target_os = "linux") && is_dead(&path) => {
            fs::remove_file(&path)?;
            tracing::debug!("removed the socket file {} of a dead process", path.display());
            listen_at(&path)
        }
        listening => listening,
    }
}

fn listen_at(path: &Path) -> io::Result<SocketFile> {
    let socket = UnixSocket::new_stream()?;
    socket.bind(path)?;
    // From here on there is a file.
    let listening =
        || Ok(SocketFile { listener: socket.listen(BACKLOG)?, path: path.to_owned(), id: file_id(path)? });
    listening().inspect_err(|_| _ = fs::remove_file(path))
}

/// Removes a socket file of ours if nobody listens there. Returns whether it did.
pub(crate) async fn remove_dead(path: &Path) -> io::Result<bool> {
    // Most processes have left none: then there is nothing to take turns for.
    if !is_dead(path) {
        return Ok(false);
    }
    let _turn = Turn::take(path.parent().unwrap_or(Path::new("."))).await?;
    // Somebody may listen there by now.
    let dead = is_dead(path);
    if dead {
        fs::remove_file(path)?;
    }
    Ok(dead)
}

/// Whether a socket file is ours and nobody listens there. Between `bind` and `listen` that is so, too: who acts on
/// the answer has the turn.
fn is_dead(path: &Path) -> bool {
    let is_ours = |meta: fs::Metadata| meta.file_type().is_socket() && meta.uid() == user();
    fs::symlink_metadata(path).is_ok_and(is_ours) && knock(path) == Err(Errno::CONNREFUSED)
}

/// Connects and leaves, without waiting.
fn knock(path: &Path) -> rustix::io::Result<()> {
    let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
    let socket = rustix::net::socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
    rustix::net::connect(&socket, &SocketAddrUnix::new(path)?)
}

/// The right to work on the socket files of a directory, until it is dropped.
struct Turn(#[expect(dead_code, reason = "closing it gives the lock back")] OwnedFd);

impl Turn {
    async fn take(dir: &Path) -> io::Result<Self> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let held = rustix::fs::open(dir, flags, Mode::empty())?;
        let locked = timeout(LOCK_WAIT, async {
            loop {
                match rustix::fs::flock(&held, FlockOperation::NonBlockingLockExclusive) {
                    Err(Errno::WOULDBLOCK) => sleep(LOCK_PAUSE).await,
                    done => return done,
                }
            }
        });
        match locked.await {
            Ok(done) => Ok(done.map(|()| Self(held))?),
            Err(_elapsed) => {
                let text = format!("another process holds the lock of the directory {}", dir.display());
                Err(io::Error::new(ErrorKind::TimedOut, text))
            }
        }
    }
}

/// What tells a file from every other one: its device and inode.
fn file_id(path: &Path) -> io::Result<(u64, u64)> {
    let meta = fs::symlink_metadata(path)?;
    Ok((meta.dev(), meta.ino()))
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        let Self { path, id, .. } = self;
        if file_id(path).is_ok_and(|found| found != *id) {
            tracing::debug!("left the socket file {} to whoever listens there now", path.display());
        } else if let Err(error) = fs::remove_file(&*path) {
            tracing::warn!("socket file {} was not removed: {error}", path.display());
        }
    }
}
