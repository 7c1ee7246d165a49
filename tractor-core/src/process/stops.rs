//! Job control: a child that is stopped, by a terminal or by anybody, and goes on.
//!
//! A stopped process neither works nor ends, and looks like one that is slow. The kernel tells a parent with SIGCHLD,
//! and which child it is when asked for that child alone: nobody else's children are looked at.

use std::time::Duration;

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions};
use tokio::signal::unix::{self, SignalKind};
use tokio::time::{Instant, sleep_until};

/// From a SIGCHLD to the look: those of many children in a row cost each of them one look.
const SETTLE: Duration = Duration::from_millis(200);

/// Watches one child for stops.
pub(super) struct Stops {
    pid: Option<Pid>,
    /// `None` where the signal cannot be had.
    changes: Option<unix::Signal>,
    /// When to look.
    due: Option<Instant>,
}

/// What has become of a child.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stop {
    /// It was stopped by this signal.
    Stopped(&'static str),
    /// It goes on.
    Continued,
}

impl Stops {
    /// `pid` is a child that was not waited for, as long as this is polled.
    pub(super) fn of(pid: Option<Pid>) -> Self {
        let changes = unix::signal(SignalKind::child())
            .inspect_err(|error| tracing::warn!("stopped children will not be noticed: {error}"))
            .ok();
        // It may have been stopped before.
        Self { pid, changes, due: Some(Instant::now() + SETTLE) }
    }

    /// Waits until the child was stopped, or goes on.
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

/// What has changed since the last look. Reaps nobody.
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
