//! Detects that a child is silent while a task waits for the end of a dialog on it.
//!
//! The time is counted in slices. For a parent that was itself stopped, or whose thread was busy, many slices pass at
//! once. They count as one, so that the parent has the time of the others to read what has arrived.

use std::time::Duration;

/// The slices of one limit.
const SLICES: u32 = 4;

/// Watches one child while a task waits for it.
///
/// The caller calls [`look`](Self::look) at [`timeout`](Self::timeout), with the time since some fixed start.
#[derive(Debug, Clone)]
pub struct Silence {
    slice: Duration,
    /// `None` while no task waits.
    watch: Option<Watch>,
}

#[derive(Debug, Clone, Copy)]
struct Watch {
    /// The count of things heard at the last look.
    heard: u64,
    /// Slices passed since then.
    silent: u32,
    due: Duration,
}

/// The result of a look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Look {
    /// It is not time to look.
    Early,
    /// No task waits any more.
    Over,
    /// The child answers, or may still answer: make sure that it has something to answer.
    Patient,
    /// The child has answered nothing for the whole limit.
    Silent,
}

impl Silence {
    /// A child that may be silent this long.
    pub fn new(limit: Duration) -> Self {
        // Rounded up, so that the slices together never fall short of the limit.
        let slice = limit.checked_add(Duration::from_nanos(3)).map_or(limit, |limit| limit / SLICES);
        Self { slice, watch: None }
    }

    /// Begins to watch because a task waits; `heard` is a count that grows with everything that arrives from the child.
    /// Returns whether the watch began now.
    pub fn begin(&mut self, heard: u64, now: Duration) -> bool {
        let is_news = self.watch.is_none();
        if is_news {
            self.watch = Some(Watch { heard, silent: 0, due: now.saturating_add(self.slice) });
        }
        is_news
    }

    /// When to look.
    pub fn timeout(&self) -> Option<Duration> {
        self.watch.map(|watch| watch.due)
    }

    /// Compares `heard` with its value at the last look.
    pub fn look(&mut self, heard: u64, is_awaited: bool, now: Duration) -> Look {
        let Some(watch) = &mut self.watch else { return Look::Over };
        if now < watch.due {
            return Look::Early;
        }
        if !is_awaited {
            self.watch = None;
            return Look::Over;
        }
        watch.silent = if heard == watch.heard { watch.silent + 1 } else { 0 };
        watch.heard = heard;
        watch.due = now.saturating_add(self.slice);
        if watch.silent < SLICES {
            return Look::Patient;
        }
        self.watch = None;
        Look::Silent
    }
}
