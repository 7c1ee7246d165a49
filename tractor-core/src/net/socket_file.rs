//! Creates and removes the files of Unix sockets, and replaces those of dead processes.
//!
//! The socket file of a killed process stays, and no process can listen at its path until it is removed. Two processes
//! may try that at once, and the slower one must not remove the new file of the other. So a process locks the directory
//! itself while it works on the files there.

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
/// Longest wait for the lock of a directory, which other processes hold for a few system calls.
const LOCK_WAIT: Duration = Duration::from_secs(5);
/// Pause between two attempts to get it.
const LOCK_PAUSE: Duration = Duration::from_millis(1);

/// A socket that listens at a path. Dropping it first removes the file and then closes the socket, so the file never
/// looks dead.
#[derive(Debug)]
pub(super) struct SocketFile {
    pub(super) listener: UnixListener,
    path: PathBuf,
    /// Identifies the file, as another socket may be bound to the same path later.
    id: (u64, u64),
}

/// Listens at a path. Replaces the file of a dead process.
pub(super) async fn listen(dir: &Path, path: PathBuf) -> io::Result<SocketFile> {
    let _turn = Turn::take(dir).await?;
    match listen_at(&path) {
        // On other systems a listener with a full queue looks like a dead one.
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
    // From here on the file exists, and must be removed on failure.
    let listening =
        || Ok(SocketFile { listener: socket.listen(BACKLOG)?, path: path.to_owned(), id: file_id(path)? });
    listening().inspect_err(|_| _ = fs::remove_file(path))
}

/// Removes a socket file of ours if no process listens there. Returns whether it did.
pub(crate) async fn remove_dead(path: &Path) -> io::Result<bool> {
    // Most processes have left no file; then no lock is needed.
    if !is_dead(path) {
        return Ok(false);
    }
    let _turn = Turn::take(path.parent().unwrap_or(Path::new("."))).await?;
    // A process may listen there by now.
    let dead = is_dead(path);
    if dead {
        fs::remove_file(path)?;
    }
    Ok(dead)
}

/// Whether a socket file is ours and no process listens there. This is also true between `bind` and `listen`, so a
/// caller that acts on the answer must hold the turn.
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

/// The identity of a file: its device and inode.
fn file_id(path: &Path) -> io::Result<(u64, u64)> {
    let meta = fs::symlink_metadata(path)?;
    Ok((meta.dev(), meta.ino()))
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        let Self { path, id, .. } = self;
        if file_id(path).is_ok_and(|found| found != *id) {
            tracing::debug!("left the socket file {}: another process listens there now", path.display());
        } else if let Err(error) = fs::remove_file(&*path) {
            tracing::warn!("socket file {} was not removed: {error}", path.display());
        }
    }
}
