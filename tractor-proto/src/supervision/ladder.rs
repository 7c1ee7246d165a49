//! The ladder: from the request that a child process ends to its death, one rung after the other.
//!
//! ```text
//!            asked, answers nothing                acknowledged
//! Running ─────────────────────────► Asked ───────────────────────► Leaving
//!    │                                 │  refused, no answer          │  too slow
//!    │ its connection is lost          ▼                              ▼
//!    ├───────────► Leaving        Terminated ──── too slow ───► Killed ──── still there ───► Left
//!    └─ condemned ────────────────────────────────────────────────►
//! ```
//!
//! The death of the process ends the ladder on every rung.
//!
//! # Invariants
//! 1. A child gets no signal as long as no task asks it to end, it answers, and its connection is open.
//! 2. The effects come in their order, each at most once: request, terminate, kill, leave. A condemned child skips to
//!    the third.
//! 3. Every rung but the first has a time limit, so the ladder ends within their sum, whatever the child does.
//! 4. No event prolongs a limit, and a request with less patience shortens it.
//! 5. The first event is the cause: a request to end that comes after the child's death does not make that death
//!    wanted.
//!
//! # Not here
//! Processes, signals and clocks: the caller reports events with their times, and carries out the effects.

use std::time::Duration;

use crate::wire::limits::Timeouts;

/// The ladder of one child.
///
/// The caller hands every event to [`handle`](Self::handle) with the time since some fixed start, which never goes
/// back, and hands in [`Event::Timer`] at [`timeout`](Self::timeout).
#[derive(Debug, Clone)]
pub struct Ladder {
    limits: Timeouts,
    rung: Rung,
    cause: Option<Cause>,
}

/// An event in the life of a child.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// A task of the parent's process wants the child to end.
    Asked {
        /// The time that the child has to acknowledge the request, before the terminate signal.
        patience: Duration,
    },
    /// The child answers nothing while a task waits for the end of a dialog on it.
    Unresponsive,
    /// A task wants the child killed, without asking or waiting any longer.
    Condemned,
    /// The child says that its tasks have ended, as it was asked to.
    Acknowledged,
    /// It refuses to end, or the request cannot be sent.
    Refused,
    /// Its connection has ended.
    Lost {
        /// The child had announced that it ends in good order.
        announced: bool,
    },
    /// The time of [`Ladder::timeout`] has come.
    Timer,
    /// The child's process is gone.
    Exited {
        /// The child had announced that it ends in good order.
        announced: bool,
        /// With exit code 0.
        success: bool,
    },
}

/// The next action of the caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Effect {
    /// Ask it to end.
    Request,
    /// Send the terminate signal.
    Terminate,
    /// Send the kill signal.
    Kill,
    /// Stop waiting: not even the kill signal has ended it.
    Leave,
}

/// How a child has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Verdict {
    /// The end of its process.
    pub end: End,
    /// Why it ended.
    pub cause: Cause,
}

/// The fate of a child's process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// It ended in good order.
    InOrder,
    /// It ended by itself, but not in good order.
    Died,
    /// A signal of the ladder ended it.
    Killed(Why),
    /// It is still there.
    Left,
}

/// Why a child was signalled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// It did not acknowledge the request to end within this time.
    Unanswered(Duration),
    /// It did not end within this time after the acknowledgement.
    Unfinished(Duration),
    /// It did not end within this time after the unwanted loss of its connection.
    Unreachable(Duration),
    /// It refused to end.
    Refused,
    /// A task wanted it killed, and no task had asked it to end before.
    Condemned,
}

/// Why a child ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// The parent's process wanted it.
    Wanted,
    /// The child announced it.
    Announced,
    /// It answered nothing.
    Unresponsive,
    /// Its connection was lost while its process went on.
    Lost,
    /// The cause is not known.
    Unknown,
}

impl Verdict {
    /// Whether the end is a failure of the child's nursery.
    pub fn is_failure(&self) -> bool {
        let expected = matches!(self.cause, Cause::Wanted | Cause::Announced);
        !expected || self.end == End::Left
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rung {
    Running,
    /// The request was sent.
    Asked {
        due: Duration,
        patience: Duration,
    },
    /// The child ends by itself, or its connection is gone.
    Leaving {
        due: Duration,
        why: Why,
    },
    Terminated {
        due: Duration,
        why: Why,
    },
    Killed {
        due: Duration,
        why: Why,
    },
    /// The process is gone, or is left to itself.
    Over(End),
}

impl Ladder {
    /// A child that runs.
    pub fn new(limits: Timeouts) -> Self {
        Self { limits, rung: Rung::Running, cause: None }
    }

    /// Takes in an event and returns the next action. An event that comes too late changes nothing.
    pub fn handle(&mut self, event: Event, now: Duration) -> Option<Effect> {
        match (self.rung, event) {
            (Rung::Over(_), _) => None,
            (_, Event::Exited { announced, success }) => {
                self.exited(announced, success);
                None
            }
            (Rung::Running, Event::Asked { patience }) => self.ask(Cause::Wanted, patience, now),
            (Rung::Running, Event::Unresponsive) => {
                self.ask(Cause::Unresponsive, self.limits.actor_cancel, now)
            }
            (Rung::Asked { due, .. }, Event::Asked { patience }) => {
                let sooner = now.saturating_add(patience);
                if sooner < due {
                    self.rung = Rung::Asked { due: sooner, patience };
                }
                None
            }
            (Rung::Running | Rung::Asked { .. } | Rung::Leaving { .. }, Event::Condemned) => {
                self.cause.get_or_insert(Cause::Wanted);
                self.kill(Why::Condemned, now)
            }
            (Rung::Terminated { why, .. }, Event::Condemned) => self.kill(why, now),
            (Rung::Asked { .. }, Event::Acknowledged) => self.leave(now),
            (Rung::Asked { .. }, Event::Refused) => self.terminate(Why::Refused, now),
            (Rung::Running, Event::Lost { announced }) => {
                self.cause = Some(if announced { Cause::Announced } else { Cause::Lost });
                self.leave(now)
            }
            // The request may have arrived even though no answer did.
            (Rung::Asked { .. }, Event::Lost { .. }) => self.leave(now),
            (_, Event::Timer) => self.timer(now),
            (
                Rung::Leaving { .. } | Rung::Terminated { .. } | Rung::Killed { .. },
                Event::Asked { .. } | Event::Lost { .. },
            )
            | (_, Event::Unresponsive | Event::Condemned | Event::Acknowledged | Event::Refused) => None,
        }
    }

    /// When [`Event::Timer`] is due.
    pub fn timeout(&self) -> Option<Duration> {
        match self.rung {
            Rung::Running | Rung::Over(_) => None,
            Rung::Asked { due, .. }
            | Rung::Leaving { due, .. }
            | Rung::Terminated { due, .. }
            | Rung::Killed { due, .. } => Some(due),
        }
    }

    /// Why the child was signalled, if it was.
    pub fn why(&self) -> Option<Why> {
        match self.rung {
            Rung::Terminated { why, .. } | Rung::Killed { why, .. } | Rung::Over(End::Killed(why)) => {
                Some(why)
            }
            Rung::Running | Rung::Asked { .. } | Rung::Leaving { .. } | Rung::Over(_) => None,
        }
    }

    /// How the child ended, once it has.
    pub fn verdict(&self) -> Option<Verdict> {
        let Rung::Over(end) = self.rung else { return None };
        Some(Verdict { end, cause: self.cause.unwrap_or(Cause::Unknown) })
    }

    fn ask(&mut self, cause: Cause, patience: Duration, now: Duration) -> Option<Effect> {
        self.cause = Some(cause);
        self.rung = Rung::Asked { due: now.saturating_add(patience), patience };
        Some(Effect::Request)
    }

    fn leave(&mut self, now: Duration) -> Option<Effect> {
        let (limit, why) = match self.cause {
            Some(Cause::Lost) => (self.limits.terminate, Why::Unreachable(self.limits.terminate)),
            _ => (self.limits.nursery_cancel, Why::Unfinished(self.limits.nursery_cancel)),
        };
        self.rung = Rung::Leaving { due: now.saturating_add(limit), why };
        None
    }

    fn terminate(&mut self, why: Why, now: Duration) -> Option<Effect> {
        self.rung = Rung::Terminated { due: now.saturating_add(self.limits.terminate), why };
        Some(Effect::Terminate)
    }

    fn kill(&mut self, why: Why, now: Duration) -> Option<Effect> {
        self.rung = Rung::Killed { due: now.saturating_add(self.limits.reap), why };
        Some(Effect::Kill)
    }

    fn timer(&mut self, now: Duration) -> Option<Effect> {
        if self.timeout().is_none_or(|due| now < due) {
            return None;
        }
        match self.rung {
            Rung::Running | Rung::Over(_) => None,
            Rung::Asked { patience, .. } => self.terminate(Why::Unanswered(patience), now),
            Rung::Leaving { why, .. } => self.terminate(why, now),
            Rung::Terminated { why, .. } => self.kill(why, now),
            Rung::Killed { .. } => {
                self.rung = Rung::Over(End::Left);
                Some(Effect::Leave)
            }
        }
    }

    fn exited(&mut self, announced: bool, success: bool) {
        if announced {
            self.cause.get_or_insert(Cause::Announced);
        }
        let in_order = match self.cause {
            Some(Cause::Announced) => true,
            Some(Cause::Wanted) => announced || success,
            Some(Cause::Unresponsive | Cause::Lost | Cause::Unknown) | None => false,
        };
        self.rung = Rung::Over(match self.rung {
            Rung::Terminated { why, .. } | Rung::Killed { why, .. } => End::Killed(why),
            _ if in_order => End::InOrder,
            _ => End::Died,
        });
    }
}
