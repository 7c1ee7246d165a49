//! Job control: notices that a terminal or a signal stops or continues a child.
//!
//! A stopped process looks like a slow one. The kernel announces a stop with SIGCHLD, and each watcher asks for the
//! state of its own child only, so the program's other children are not touched.

use std::time::Duration;

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions};
use tokio::signal::unix::{self, SignalKind};
use tokio::time::{Instant, sleep_until};

/// The pause between a SIGCHLD and the check, so that many signals in a row cause one check.
const SETTLE: Duration = Duration::from_millis(200);

/// Watches one child for stops.
pub(super) struct Stops {
    pid: Option<Pid>,
    /// `None` if the signal cannot be handled.
    changes: Option<unix::Signal>,
    /// The time of the next check.
    due: Option<Instant>,
}

/// A change of a child's state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stop {
    /// It was stopped by this signal.
    Stopped(&'static str),
    /// It was continued.
    Continued,
}

impl Stops {
    /// `pid` is a child that is not reaped as long as this is polled.
    pub(super) fn of(pid: Option<Pid>) -> Self {
        let changes = unix::signal(SignalKind::child())
            .inspect_err(|error| tracing::warn!("stopped children will not be noticed: {error}"))
            .ok();
        // It may have been stopped before.
        Self { pid, changes, due: Some(Instant::now() + SETTLE) }
    }

    /// Waits until the child was stopped or continued.
    ///
    /// # Cancel safety
    /// Cancel safe.
    pub(super) async fn next(&mut self) -> Stop {
        let (Some(pid), Some(changes)) = (self.pid, &mut self.changes) else {
            return std::future::pending().await;
        };
        loop {
            let due = match self.due {
                Some(due) => due,
                None if changes.recv().await.is_some() => *self.due.insert(Instant::now() + SETTLE),
                None => return std::future::pending().await,
            };
            sleep_until(due).await;
            self.due = None;
            if let Some(stop) = look(pid) {
                return stop;
            }
        }
    }
}

/// The change since the last check. Reaps nothing.
fn look(pid: Pid) -> Option<Stop> {
    let changes = WaitIdOptions::STOPPED | WaitIdOptions::CONTINUED | WaitIdOptions::NOHANG;
    let status = rustix::process::waitid(WaitId::Pid(pid), changes).ok().flatten()?;
    if status.continued() {
        return Some(Stop::Continued);
    }
    let signal = status.stopping_signal().and_then(Signal::from_named_raw);
    status.stopped().then(|| Stop::Stopped(name(signal)))
}

fn name(signal: Option<Signal>) -> &'static str {
    match signal {
        Some(Signal::STOP) => "SIGSTOP",
        Some(Signal::TSTP) => "SIGTSTP, by a terminal",
        Some(Signal::TTIN) => "SIGTTIN: it has read from a terminal",
        Some(Signal::TTOU) => "SIGTTOU: it has written to a terminal",
        Some(_) | None => "a signal",
    }
}
