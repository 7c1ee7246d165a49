//! The supervisor as a state machine; see the parent module for its rules.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use super::policy::{Restart, Strategy, Supervision};

/// The decisions of one supervisor.
///
/// The caller hands every input to [`handle`](Self::handle) with the time since some fixed start, which never goes
/// back. It then calls [`poll_output`](Self::poll_output) until that returns `None`, and hands in [`Input::Timer`] at
/// [`timeout`](Self::timeout).
#[derive(Debug)]
pub struct Machine {
    how: Supervision,
    phase: Phase,
    /// In the order of declaration. A child that has ended for good is removed.
    children: BTreeMap<ChildId, Child>,
    /// The times of the restarts within the last window.
    restarts: VecDeque<Duration>,
    outputs: VecDeque<Output>,
}

/// The id of a child; ids are ordered by declaration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ChildId(pub u64);

/// An event for the supervisor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Input {
    /// A child was declared; its id is larger than those before.
    Declared(ChildId, Restart),
    /// A child has booted.
    Started(ChildId),
    /// A child's process is gone.
    Exited(ChildId, Exit),
    /// One child must end for good.
    Remove(ChildId),
    /// A task wants one child stopped and started again.
    Renew(ChildId),
    /// All children must end for good, one after the other.
    Stop,
    /// All children must end for good, at once.
    Cancel,
    /// The time of [`Machine::timeout`] has come.
    Timer,
}

/// How a child has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// It was asked to end, or had announced its end.
    InOrder,
    /// It ended by itself.
    Crashed,
    /// It never came up.
    NotStarted,
}

/// The next action of the caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Output {
    /// Start a child.
    Start(ChildId),
    /// Ask a child to end; it may still be booting.
    Stop(ChildId),
    /// A child's end causes a restart after this delay. The caller only reports it.
    Restarting(ChildId, Duration),
    /// A child has ended for good. It is not mentioned again.
    Over(ChildId),
    /// There were too many restarts when this child ended. All children must stop, at once.
    GaveUp {
        /// The child that ended.
        child: ChildId,
        /// Restarts within the window before that end.
        restarts: u16,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Children are restarted.
    Open,
    /// Children end for good, and no further ones are started.
    Ending,
}

#[derive(Debug)]
struct Child {
    restart: Restart,
    life: Life,
    /// Restarts in a row that were caused by this child's own ends.
    streak: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Life {
    /// There is no process; one is started when it is the child's turn, but not before `due`.
    Waiting {
        due: Duration,
    },
    Starting,
    Up {
        since: Duration,
    },
    /// There is a process; it is asked to end when the children declared later are gone.
    Doomed(Next),
    /// It was asked to end.
    Stopping(Next),
}

/// The step after a stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    Restart { due: Duration },
    Over,
}

impl Machine {
    /// A supervisor without children.
    pub fn new(how: Supervision) -> Self {
        Self {
            how,
            phase: Phase::Open,
            children: BTreeMap::new(),
            restarts: VecDeque::new(),
            outputs: VecDeque::new(),
        }
    }

    /// Takes in an input. An input about a child that has ended for good, or one that is impossible in the child's
    /// state, changes nothing.
    pub fn handle(&mut self, input: Input, now: Duration) {
        match input {
            Input::Declared(id, restart) => self.declared(id, restart, now),
            Input::Started(id) => {
                if let Some(child) = self.children.get_mut(&id)
                    && child.life == Life::Starting
                {
                    child.life = Life::Up { since: now };
                }
            }
            Input::Exited(id, exit) => self.exited(id, exit, now),
            Input::Remove(id) => self.end(id),
            Input::Renew(id) => self.renew(id, now),
            Input::Stop => self.end_all(),
            Input::Cancel => self.cancel(),
            Input::Timer => {}
        }
        self.stop_next();
        self.start_due(now);
    }

    /// The next action of the caller.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// When [`Input::Timer`] is due.
    pub fn timeout(&self) -> Option<Duration> {
        self.startable().map(|(_, due)| due).min()
    }

    /// Whether a child is up and nothing is about to end it.
    pub fn is_up(&self, id: ChildId) -> bool {
        matches!(self.children.get(&id), Some(Child { life: Life::Up { .. }, .. }))
    }

    /// Whether every child has ended for good.
    pub fn is_idle(&self) -> bool {
        self.children.is_empty()
    }

    fn declared(&mut self, id: ChildId, restart: Restart, now: Duration) {
        match self.phase {
            Phase::Open => {
                self.children.insert(id, Child { restart, life: Life::Waiting { due: now }, streak: 0 });
            }
            Phase::Ending => self.outputs.push_back(Output::Over(id)),
        }
    }

    fn exited(&mut self, id: ChildId, exit: Exit, now: Duration) {
        let Some(child) = self.children.get_mut(&id) else { return };
        let up_for = match child.life {
            Life::Waiting { .. } => return,
            Life::Doomed(Next::Restart { due }) | Life::Stopping(Next::Restart { due }) => {
                child.life = Life::Waiting { due };
                return;
            }
            Life::Doomed(Next::Over) | Life::Stopping(Next::Over) => return self.over(id),
            Life::Starting => Duration::ZERO,
            Life::Up { since } => now.saturating_sub(since),
        };
        match (child.restart, exit) {
            (Restart::Permanent, _) | (Restart::Transient, Exit::Crashed | Exit::NotStarted) => {
                self.restart(id, up_for, now);
            }
            (Restart::Transient, Exit::InOrder) | (Restart::Temporary, _) => self.over(id),
        }
    }

    /// Restarts a child that ended by itself, and the siblings that the strategy names; or gives up when there were too
    /// many restarts.
    fn restart(&mut self, id: ChildId, up_for: Duration, now: Duration) {
        let Supervision { intensity, backoff, .. } = self.how;
        while self.restarts.front().is_some_and(|made| now.saturating_sub(*made) >= intensity.window) {
            self.restarts.pop_front();
        }
        if self.restarts.len() >= usize::from(intensity.restarts) {
            self.outputs.push_back(Output::GaveUp { child: id, restarts: intensity.restarts });
            self.over(id);
            return self.cancel();
        }
        self.restarts.push_back(now);
        let Some(failed) = self.children.get_mut(&id) else { return };
        if up_for >= intensity.window {
            failed.streak = 0;
        }
        let delay = backoff.delay(failed.streak);
        failed.streak = failed.streak.saturating_add(1);
        let due = now.saturating_add(delay);
        failed.life = Life::Waiting { due };
        self.outputs.push_back(Output::Restarting(id, delay));
        self.restart_siblings(id, due);
    }

    /// Restarts a child on request, whatever its restart rule. Such a restart is not counted and has no delay. A child
    /// that is already ending is left alone.
    fn renew(&mut self, id: ChildId, now: Duration) {
        let Some(child) = self.children.get_mut(&id) else { return };
        if !matches!(child.life, Life::Starting | Life::Up { .. }) {
            return;
        }
        child.life = Life::Doomed(Next::Restart { due: now });
        self.restart_siblings(id, now);
    }

    /// Restarts those siblings of a child that the strategy names.
    fn restart_siblings(&mut self, id: ChildId, due: Duration) {
        for (other, child) in &mut self.children {
            let concerned = match self.how.strategy {
                Strategy::OneForOne => false,
                Strategy::OneForAll => *other != id,
                Strategy::RestForOne => *other > id,
            };
            if concerned {
                child.restart_with(due);
            }
        }
    }

    /// One child must end for good.
    fn end(&mut self, id: ChildId) {
        let Some(child) = self.children.get_mut(&id) else { return };
        child.life = match child.life {
            Life::Waiting { .. } => return self.over(id),
            Life::Starting | Life::Up { .. } | Life::Doomed(_) => Life::Doomed(Next::Over),
            Life::Stopping(_) => Life::Stopping(Next::Over),
        };
    }

    fn end_all(&mut self) {
        self.phase = Phase::Ending;
        let ids: Vec<_> = self.children.keys().copied().collect();
        for id in ids {
            self.end(id);
        }
    }

    fn cancel(&mut self) {
        self.end_all();
        for (id, child) in &mut self.children {
            if let Life::Doomed(next) = child.life {
                child.life = Life::Stopping(next);
                self.outputs.push_back(Output::Stop(*id));
            }
        }
    }

    fn over(&mut self, id: ChildId) {
        self.children.remove(&id);
        self.outputs.push_back(Output::Over(id));
    }

    /// Stops the last child that must stop, once no child declared after it is still there.
    fn stop_next(&mut self) {
        let last = self.children.iter_mut().rev().find(|(_, child)| child.is_leaving());
        if let Some((id, child)) = last
            && let Life::Doomed(next) = child.life
        {
            child.life = Life::Stopping(next);
            self.outputs.push_back(Output::Stop(*id));
        }
    }

    fn start_due(&mut self, now: Duration) {
        let due: Vec<_> = self.startable().filter(|(_, due)| *due <= now).map(|(id, _)| id).collect();
        for id in due {
            if let Some(child) = self.children.get_mut(&id) {
                child.life = Life::Starting;
                self.outputs.push_back(Output::Start(id));
            }
        }
    }

    /// The children whose turn it is to start, and the earliest time for each.
    fn startable(&self) -> impl Iterator<Item = (ChildId, Duration)> {
        let turns = match self.how.strategy {
            Strategy::OneForOne => usize::MAX,
            Strategy::OneForAll | Strategy::RestForOne if self.children.values().any(Child::is_leaving) => 0,
            Strategy::OneForAll | Strategy::RestForOne => 1,
        };
        let down = self.children.iter().filter(|(_, child)| !matches!(child.life, Life::Up { .. }));
        down.take(turns).filter_map(|(id, child)| match child.life {
            Life::Waiting { due } => Some((*id, due)),
            _ => None,
        })
    }
}

impl Child {
    /// Whether the child must end before any other step.
    fn is_leaving(&self) -> bool {
        matches!(self.life, Life::Doomed(_) | Life::Stopping(_))
    }

    /// Restarts the child together with a sibling.
    fn restart_with(&mut self, sibling_due: Duration) {
        let next = match self.restart {
            Restart::Temporary => Next::Over,
            Restart::Permanent | Restart::Transient => Next::Restart { due: sibling_due },
        };
        self.life = match self.life {
            Life::Waiting { due } => Life::Waiting { due: due.max(sibling_due) },
            Life::Starting | Life::Up { .. } => Life::Doomed(next),
            Life::Doomed(next) => Life::Doomed(next.not_before(sibling_due)),
            Life::Stopping(next) => Life::Stopping(next.not_before(sibling_due)),
        };
    }
}

impl Next {
    fn not_before(self, earliest: Duration) -> Self {
        match self {
            Self::Restart { due } => Self::Restart { due: due.max(earliest) },
            Self::Over => Self::Over,
        }
    }
}
