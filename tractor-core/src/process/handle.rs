//! The process of a child actor: its end, and its status.

use std::io;
use std::os::fd::OwnedFd;
use std::process::ExitStatus;
use std::time::Duration;

use rustix::io::Errno;
use rustix::process::Pid;
use tokio::io::unix::AsyncFd;

use super::reaper;
use super::spawn::run_on_spawner;

/// The pause between two checks of a process whose end the system does not announce.
const TICK: Duration = Duration::from_millis(50);
/// Longest wait for the end of a process that was killed because its handle was dropped.
const KILLED: Duration = Duration::from_secs(1);

/// A child process that was not reaped yet, or its status. Only this handle reaps it.
///
/// If the handle is dropped before the process has ended, for instance with the runtime, the process and its group are
/// killed.
#[derive(Debug)]
pub(crate) struct Child {
    pid: Pid,
    /// Readable when the process has ended; `None` if the system does not announce that.
    end: Option<AsyncFd<OwnedFd>>,
    /// `None` until the process was reaped, and so as long as the number is its own.
    status: Option<Result<ExitStatus, Errno>>,
}

impl Child {
    /// The handle of a new process.
    pub(super) fn new(pid: Pid) -> Self {
        let mut child = Self { pid, end: None, status: None };
        // Panics in a runtime without I/O.
        child.end = end_of(pid);
        child
    }

    /// The process's number, until it was reaped.
    pub(crate) fn id(&self) -> Option<u32> {
        self.status.is_none().then(|| self.pid.as_raw_nonzero().get().cast_unsigned())
    }

    /// Waits for the process's end, kills the rest of its group, and reaps it. Further calls return the same status.
    ///
    /// # Cancel safety
    /// May be dropped and called again.
    pub(crate) async fn wait(&mut self) -> io::Result<ExitStatus> {
        loop {
            if let Some(status) = self.status {
                return Ok(status?);
            }
            if reaper::has_ended(self.pid) {
                self.status = Some(reaper::reap(self.pid));
                continue;
            }
            self.maybe_ended().await;
        }
    }

    /// Returns when the process has ended, or may have ended.
    async fn maybe_ended(&self) {
        if let Some(end) = &self.end {
            // Stays readable. An error means that the runtime ends.
            _ = end.readable().await;
            if reaper::has_ended(self.pid) {
                return;
            }
        }
        // Needed even after the end was announced, because a debugger may still hold the process.
        tokio::time::sleep(TICK).await;
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        if self.status.is_some() {
            return;
        }
        let pid = self.pid;
        reaper::kill(pid);
        // The thread that has made it exists.
        _ = run_on_spawner(move || {
            for _ in 0..KILLED.as_millis() / TICK.as_millis() {
                if reaper::has_ended(pid) {
                    break;
                }
                std::thread::sleep(TICK);
            }
            // No task is left to wait for it.
            _ = reaper::reap(pid);
            reaper::clear_up_here();
        });
    }
}

/// The descriptor that announces the end of a process.
#[cfg(target_os = "linux")]
#[allow(deprecated, reason = "unsound for types that change their descriptor, which an `OwnedFd` does not")]
pub(super) fn end_of(pid: Pid) -> Option<AsyncFd<OwnedFd>> {
    let file =
        rustix::process::pidfd_open(pid, rustix::process::PidfdFlags::empty()).map_err(io::Error::from);
    let end = file.and_then(|file| AsyncFd::with_interest(file, tokio::io::Interest::READABLE));
    end.inspect_err(|error| tracing::debug!("no pidfd, so a process is polled every {TICK:?}: {error}")).ok()
}

#[cfg(not(target_os = "linux"))]
pub(super) fn end_of(_: Pid) -> Option<AsyncFd<OwnedFd>> {
    None
}
