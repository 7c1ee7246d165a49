//! Child processes that end too early.

use std::fmt::{self, Write};
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::sync::Arc;
use std::time::Duration;

use super::CloseReason;
use crate::proto::id::Escaped;
use crate::proto::supervision::ProcessBounds;
use crate::proto::supervision::ladder::Why;

/// The process of an actor ended without being asked to.
#[derive(Debug, Clone, thiserror::Error)]
#[error("actor `{}` (pid {pid}) died: {}{circumstances}", Escaped(.name), Ended(*.because, *.status))]
pub struct ActorDied {
    name: Arc<str>,
    pid: u32,
    because: Because,
    status: Option<ExitStatus>,
    circumstances: Arc<Circumstances>,
    /// Why its connection had ended before.
    #[source]
    reason: Option<CloseReason>,
    /// Whether this is the error of a request that never left.
    unsent: bool,
}

/// The parent's knowledge of a dead process besides its status.
#[derive(Debug, Clone, Default)]
pub(crate) struct Circumstances {
    pub(crate) bounds: ProcessBounds,
    /// Empty if the output is not captured.
    pub(crate) last_lines: Arc<[String]>,
}

impl fmt::Display for Circumstances {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.bounds)?;
        if !self.last_lines.is_empty() {
            f.write_str("; its last lines:")?;
        }
        for line in &*self.last_lines {
            f.write_str("\n    ")?;
            // Escaped, so that the text of a child cannot move the cursor or look like several lines.
            for char in line.chars() {
                if char.is_control() { write!(f, "{}", char.escape_default())? } else { f.write_char(char)? }
            }
        }
        Ok(())
    }
}

/// Why a process ended, as far as its parent knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Because {
    /// It ended unasked.
    Unknown,
    /// It was asked to end, and failed while it ended.
    Asked,
    /// This process has signalled it.
    Signalled(Why),
    /// It answered nothing for this long, and was ended.
    Unresponsive(Duration),
    /// No signal has ended it.
    Left,
}

impl ActorDied {
    pub(crate) fn new(
        name: impl Into<Arc<str>>,
        pid: u32,
        because: Because,
        status: Option<ExitStatus>,
    ) -> Self {
        let circumstances = Arc::default();
        Self { name: name.into(), pid, because, status, circumstances, reason: None, unsent: false }
    }

    pub(crate) fn under(self, circumstances: Circumstances) -> Self {
        Self { circumstances: Arc::new(circumstances), ..self }
    }

    /// Adds the reason why the connection ended, unless it is merely that the connection ended.
    pub(crate) fn after(self, reason: CloseReason) -> Self {
        match reason {
            CloseReason::PeerFailed(_) | CloseReason::Protocol(_) | CloseReason::OverBudget(_) => {
                Self { reason: Some(reason), ..self }
            }
            _ => self,
        }
    }

    pub(super) fn unsent(self) -> Self {
        Self { unsent: true, ..self }
    }

    pub(super) fn is_unsent(&self) -> bool {
        self.unsent
    }

    /// Whether this process has killed it without asking it to end first.
    pub(crate) fn was_condemned(&self) -> bool {
        self.because == Because::Signalled(Why::Condemned)
    }

    /// The actor's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// The exit code, when the process exited by itself. Only the actor's parent knows it.
    pub fn code(&self) -> Option<i32> {
        self.status.and_then(|status| status.code())
    }

    /// The last lines that the process wrote to a [captured](crate::Stdio::Captured) output, unchanged: they may hold
    /// control characters. The lines of one output are in order. Only the actor's parent knows them.
    pub fn last_lines(&self) -> &[String] {
        &self.circumstances.last_lines
    }

    /// The signal that ended the process, if one did. Only the actor's parent knows it.
    pub fn signal(&self) -> Option<i32> {
        self.status.and_then(|status| status.signal())
    }
}

/// The text of an end.
struct Ended(Because, Option<ExitStatus>);

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(because, status) = *self;
        match because {
            Because::Unknown | Because::Asked => {}
            Because::Signalled(why) => tell(f, why)?,
            Because::Unresponsive(limit) => {
                write!(f, "it answered nothing for {limit:?} (`Timeouts::unresponsive`): ")?;
            }
            Because::Left => {
                return f.write_str("its process is still there after the kill signal (`Timeouts::reap`)");
            }
        }
        let Some(status) = status else {
            return f.write_str("its connection ended; how its process ended is known to its parent only");
        };
        if let Some(signal) = status.signal() {
            write!(f, "killed by signal {signal}")?;
            return match signal {
                9 if because == Because::Unknown => {
                    f.write_str(" (SIGKILL: from outside, or by the kernel when memory ran out)")
                }
                9 => f.write_str(" (SIGKILL)"),
                6 => f.write_str(" (SIGABRT: it aborted)"),
                24 => f.write_str(" (SIGXCPU: its CPU time is used up)"),
                11 => f.write_str(" (SIGSEGV: a memory fault)"),
                15 => f.write_str(" (SIGTERM)"),
                _ => Ok(()),
            };
        }
        match status.code() {
            Some(code) if because == Because::Unknown => {
                write!(f, "it exited with code {code} without being asked to end")
            }
            Some(code) => write!(f, "it exited with code {code}"),
            None => write!(f, "{status}"),
        }
    }
}

fn tell(f: &mut fmt::Formatter<'_>, why: Why) -> fmt::Result {
    match why {
        Why::Unanswered(limit) => {
            write!(f, "it did not acknowledge within {limit:?} that it ends (`Timeouts::actor_cancel`): ")
        }
        Why::Unfinished(limit) => {
            write!(f, "it did not end within {limit:?} when it was asked to (`Timeouts::nursery_cancel`): ")
        }
        Why::Unreachable(limit) => {
            write!(f, "its connection ended, and it went on for {limit:?} (`Timeouts::terminate`): ")
        }
        Why::Refused => f.write_str("it refused to end: "),
        Why::Condemned => f.write_str("its parent ended it: "),
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

    /// The name that the actor would have had.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Why it could not be started.
    pub fn reason(&self) -> &str {
        &self.reason
    }
}
