//! Child processes that end too early.

use std::fmt;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::sync::Arc;

/// A child process ended without being asked to.
#[derive(Debug, Clone, thiserror::Error)]
#[error("actor `{name}` (pid {pid}) died: {}", Ended(*.status))]
pub struct ActorDied {
    name: Arc<str>,
    pid: u32,
    status: Option<ExitStatus>,
}

impl ActorDied {
    pub(crate) fn new(name: impl Into<Arc<str>>, pid: u32, status: Option<ExitStatus>) -> Self {
        Self { name: name.into(), pid, status }
    }

    /// The actor's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The process it was.
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// The exit code, when the process exited by itself.
    pub fn code(&self) -> Option<i32> {
        self.status.and_then(|status| status.code())
    }

    /// The signal that ended the process, if one did.
    pub fn signal(&self) -> Option<i32> {
        self.status.and_then(|status| status.signal())
    }
}

/// An exit status in words.
struct Ended(Option<ExitStatus>);

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(status) = self.0 else {
            return f.write_str("its connection ended and no exit status could be read in time");
        };
        if let Some(signal) = status.signal() {
            write!(f, "killed by signal {signal}")?;
            return match signal {
                9 => f.write_str(" (SIGKILL: from outside, or by the kernel when memory ran out)"),
                6 => f.write_str(" (SIGABRT: it aborted)"),
                11 => f.write_str(" (SIGSEGV: a memory fault)"),
                15 => f.write_str(" (SIGTERM)"),
                _ => Ok(()),
            };
        }
        match status.code() {
            Some(code) => write!(f, "it exited with code {code} before anybody asked it to end"),
            None => write!(f, "{status}"),
        }
    }
}

/// A child process could not be started, or did not finish its boot.
#[derive(Debug, Clone, thiserror::Error)]
#[error("actor `{name}` could not be started: {reason}")]
pub struct ActorFailure {
    name: Arc<str>,
    reason: Arc<str>,
}

impl ActorFailure {
    pub(crate) fn new(name: impl Into<Arc<str>>, reason: impl Into<Arc<str>>) -> Self {
        Self { name: name.into(), reason: reason.into() }
    }

    /// The name it would have had.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What went wrong.
    pub fn reason(&self) -> &str {
        &self.reason
    }
}
