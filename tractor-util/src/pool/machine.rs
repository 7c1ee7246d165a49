//! The decisions of a pool, without any I/O: which task goes to which worker, and how both end.
//!
//! A worker is a slot for processes, one after the other:
//!
//! ```text
//!    ┌───────────────────────── rested ─────────────────────────┐
//!    ▼                                                          │
//! Starting ── the process has not started ──────────────────► Resting
//!    │ started                                                  ▲
//!    ▼                                                          │ gone, soon and without an answer
//!    Up ── lost, overdue, used up ──► Ending ───────────────────┤
//!    │                                                          │ gone otherwise
//!    └── gone unasked ──────────────────────────────────────────┴──────────► Starting
//! ```
//!
//! And a task:
//!
//! ```text
//! Waiting ── a worker is free ──► Running ── answered, overdue ──────────────────► over
//!    ▲  │                            │  │
//!    │  └── withdrawn, no workers ───┼──┼────────────────────────────────────────► over
//!    │                               │  └── withdrawn ──► Withdrawn ── ended ─────► over
//!    └── not run, or interrupted, ───┘                        │
//!        and to be tried again                                └ not in time: its worker is killed
//! ```
//!
//! # Invariants
//! 1. A task is handed only to a worker that is up and has room. A process gets no further task once it has lost a
//!    task, has a task past its deadline, was killed, or has had its number of tasks.
//! 2. A worker's next process is started only after the last one is gone.
//! 3. Each task is over exactly once. It is tried again only within its limits, and only if it has not run, or was
//!    interrupted and may be repeated.
//! 4. A worker whose processes do not start, or die early, rests longer each time. When all workers have failed too
//!    often in a row, every task is over at once, and so is every later one.
//!
//! # Not here
//! Processes, clocks, values and errors: the caller reports events with their times, carries out the outputs, and keeps
//! the causes.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use tractor_core::Backoff;

/// Failures in a row that every worker must have before the pool gives up.
pub(super) const FAILURES_MAX: u32 = 5;
/// A process that has lived this long counts as started well, even if it never had a task.
pub(super) const SETTLED: Duration = Duration::from_secs(5);
/// How long a withdrawn task may take to end.
pub(super) const WITHDRAWAL_MAX: Duration = Duration::from_secs(1);
/// The rest of a worker after a failure.
pub(super) const REST: Backoff =
    Backoff { first: Duration::from_millis(100), factor: 2, max: Duration::from_secs(5) };

/// A task.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct TaskId(pub(super) u64);

/// A worker, through all its processes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct WorkerId(pub(super) usize);

/// The number of workers, and their use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Shape {
    pub(super) workers: usize,
    /// Tasks that one worker has at a time.
    pub(super) in_flight: usize,
    /// Tasks that one process gets; `None` for any number.
    pub(super) tasks_per_process: Option<u64>,
}

/// How a task is run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Terms {
    /// Time for each attempt. Afterwards the driver kills the worker; the machine only gives it no further task.
    pub(super) deadline: Option<Duration>,
    /// How often the task may be tried again after attempts that certainly did not run.
    pub(super) retries: u32,
    /// How often the task may be tried again after attempts that were interrupted and may have run.
    pub(super) repeats: u32,
}

/// An event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Input {
    Submitted(TaskId, Terms),
    /// A task's caller has stopped waiting.
    Withdrawn(TaskId),
    /// An attempt ordered by [`Output::Run`] has ended.
    Ended(TaskId, Outcome),
    /// A worker's process can be called.
    Started(WorkerId),
    /// A worker's process is gone, or has not started.
    Gone(WorkerId),
    /// A worker's process cannot be started, now or ever.
    Impossible(WorkerId),
    /// The [timeout](Machine::timeout) is over.
    Timer,
}

/// How an attempt at a task has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Outcome {
    /// The task itself ended, with a value or a failure, perhaps after it was withdrawn.
    Answered,
    /// It has certainly not run: the worker is lost.
    NotRun,
    /// It may have run: the worker is lost.
    Interrupted,
    /// It did not end in time.
    Overdue,
}

/// An order to the driver.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Output {
    /// Start a worker's process.
    Start(WorkerId),
    /// End a worker's process in good order, because it has had its number of tasks.
    Retire(WorkerId),
    /// Kill a worker's process.
    Kill(WorkerId),
    /// Hand a task to a worker.
    Run(TaskId, WorkerId),
    /// Cancel a task, and report its end.
    Cancel(TaskId),
    /// A task is over.
    Over(TaskId, End),
}

/// How a task has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum End {
    /// With its last outcome.
    Settled,
    /// Its caller has stopped waiting.
    Withdrawn,
    /// The pool has given up: there will be no workers.
    NoWorkers,
}

/// All workers of a pool, and all its tasks.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Machine {
    shape: Shape,
    workers: Vec<Worker>,
    tasks: BTreeMap<TaskId, Task>,
    /// The waiting tasks, the next one first.
    waiting: VecDeque<TaskId>,
    /// All workers have failed too often.
    is_broken: bool,
    outputs: VecDeque<Output>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Worker {
    state: State,
    /// Number of its process, so that events of an earlier process are ignored.
    life: u64,
    /// Failures in a row.
    failures: u32,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum State {
    Starting,
    Up(Up),
    Ending(Up),
    Resting { until: Duration },
}

/// A process that has started.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Up {
    since: Duration,
    /// Tasks that it has now.
    running: Vec<TaskId>,
    /// Tasks that it has had in all.
    handed: u64,
    has_answered: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Task {
    terms: Terms,
    place: Place,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Place {
    Waiting,
    Running {
        worker: WorkerId,
        life: u64,
        /// The time of its deadline.
        due: Option<Duration>,
    },
    /// It is being cancelled.
    Withdrawn {
        worker: WorkerId,
        life: u64,
        /// The time when its worker is killed.
        due: Duration,
    },
}

impl Task {
    fn is_late(&self, now: Duration) -> bool {
        matches!(self.place, Place::Running { due: Some(due), .. } if due <= now)
    }
}

impl Machine {
    /// All workers are to be started.
    pub(super) fn new(shape: Shape) -> Self {
        let worker = Worker { state: State::Starting, life: 0, failures: 0 };
        Self {
            shape,
            workers: vec![worker; shape.workers],
            tasks: BTreeMap::new(),
            waiting: VecDeque::new(),
            is_broken: false,
            outputs: (0..shape.workers).map(|number| Output::Start(WorkerId(number))).collect(),
        }
    }

    /// Takes in an event. `now` counts from the beginning of the pool.
    pub(super) fn handle(&mut self, input: Input, now: Duration) {
        match input {
            Input::Submitted(id, terms) => {
                self.tasks.insert(id, Task { terms, place: Place::Waiting });
                self.waiting.push_back(id);
            }
            Input::Withdrawn(id) => self.withdrawn(id, now),
            Input::Ended(id, outcome) => self.ended(id, outcome),
            Input::Started(worker) => {
                let up = Up { since: now, running: Vec::new(), handed: 0, has_answered: false };
                self.workers[worker.0].state = State::Up(up);
            }
            Input::Gone(worker) => self.gone(worker, now),
            Input::Impossible(worker) => {
                self.is_broken = true;
                self.gone(worker, now);
            }
            Input::Timer => self.timer(now),
        }
        self.hand_out(now);
    }

    /// The next order; the caller asks until there is none.
    pub(super) fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// When to hand in [`Input::Timer`].
    pub(super) fn timeout(&self) -> Option<Duration> {
        let rests = self.workers.iter().filter_map(|worker| match worker.state {
            State::Resting { until } if !self.is_broken => Some(until),
            _ => None,
        });
        let withdrawals = self.tasks.values().filter_map(|task| match task.place {
            Place::Withdrawn { worker, life, due } if self.up(worker, life).is_some() => Some(due),
            _ => None,
        });
        rests.chain(withdrawals).min()
    }

    /// Tasks that are being run.
    pub(super) fn running(&self) -> usize {
        self.tasks.len() - self.waiting.len()
    }

    fn withdrawn(&mut self, id: TaskId, now: Duration) {
        let Some(task) = self.tasks.get_mut(&id) else { return };
        match task.place {
            Place::Waiting => {
                self.waiting.retain(|waiting| *waiting != id);
                self.over(id, End::Withdrawn);
            }
            Place::Running { worker, life, .. } => {
                let is_late = task.is_late(now);
                let due = now.saturating_add(WITHDRAWAL_MAX);
                task.place = Place::Withdrawn { worker, life, due };
                self.outputs.push_back(Output::Cancel(id));
                // The worker of a late task is being killed already, so it counts as down.
                if is_late && self.up(worker, life).is_some() {
                    self.kill(worker);
                }
            }
            Place::Withdrawn { .. } => {}
        }
    }

    fn ended(&mut self, id: TaskId, outcome: Outcome) {
        let Some(task) = self.tasks.get_mut(&id) else { return };
        let (worker, life, withdrawn) = match task.place {
            Place::Waiting => return,
            Place::Running { worker, life, .. } => (worker, life, false),
            Place::Withdrawn { worker, life, .. } => (worker, life, true),
        };
        let budget = match outcome {
            Outcome::NotRun => &mut task.terms.retries,
            Outcome::Interrupted => &mut task.terms.repeats,
            Outcome::Answered | Outcome::Overdue => &mut 0,
        };
        if withdrawn {
            self.over(id, End::Withdrawn);
        } else if let Some(left) = budget.checked_sub(1) {
            *budget = left;
            task.place = Place::Waiting;
            // A task that is tried again has waited longest, so it goes first.
            self.waiting.push_front(id);
        } else {
            self.over(id, End::Settled);
        }
        self.given_back(worker, life, id, outcome);
    }

    /// Takes one task off a worker.
    fn given_back(&mut self, id: WorkerId, life: u64, task: TaskId, outcome: Outcome) {
        let worker = &mut self.workers[id.0];
        let (State::Up(up) | State::Ending(up)) = &mut worker.state else { return };
        if worker.life != life {
            return;
        }
        up.running.retain(|running| *running != task);
        if outcome != Outcome::Answered {
            return self.kill(id);
        }
        up.has_answered = true;
        let is_used_up = self.shape.tasks_per_process.is_some_and(|most| up.handed >= most);
        if is_used_up && up.running.is_empty() {
            self.end(id, Output::Retire(id));
        }
    }

    fn kill(&mut self, id: WorkerId) {
        self.end(id, Output::Kill(id));
    }

    /// Ends a process, once.
    fn end(&mut self, id: WorkerId, how: Output) {
        let worker = &mut self.workers[id.0];
        if let State::Up(up) = &worker.state {
            worker.state = State::Ending(up.clone());
            self.outputs.push_back(how);
        }
    }

    fn gone(&mut self, id: WorkerId, now: Duration) {
        let worker = &mut self.workers[id.0];
        match &worker.state {
            State::Starting => worker.failures += 1,
            State::Up(up) | State::Ending(up) => {
                if up.has_answered || now.saturating_sub(up.since) >= SETTLED {
                    worker.failures = 0;
                } else if up.handed == 0 {
                    worker.failures += 1;
                }
            }
            State::Resting { .. } => return,
        }
        if let Some(before) = worker.failures.checked_sub(1) {
            worker.state = State::Resting { until: now.saturating_add(REST.delay(before)) };
        } else {
            self.start(id);
        }
        let has_failed = |worker: &Worker| {
            worker.failures >= FAILURES_MAX && matches!(worker.state, State::Starting | State::Resting { .. })
        };
        self.is_broken |= self.workers.iter().all(has_failed);
    }

    fn start(&mut self, id: WorkerId) {
        let worker = &mut self.workers[id.0];
        worker.state = State::Starting;
        worker.life += 1;
        self.outputs.push_back(Output::Start(id));
    }

    fn timer(&mut self, now: Duration) {
        for number in 0..self.workers.len() {
            match self.workers[number].state {
                State::Resting { until } if until <= now && !self.is_broken => self.start(WorkerId(number)),
                _ => {}
            }
        }
        let late = |task: &Task| match task.place {
            Place::Withdrawn { worker, life, due } if due <= now => self.up(worker, life).map(|_| worker),
            _ => None,
        };
        let stuck: Vec<WorkerId> = self.tasks.values().filter_map(late).collect();
        stuck.into_iter().for_each(|worker| self.kill(worker));
    }

    /// A worker that is still up in this life.
    fn up(&self, id: WorkerId, life: u64) -> Option<&Up> {
        match &self.workers[id.0] {
            Worker { state: State::Up(up), life: now, .. } if *now == life => Some(up),
            _ => None,
        }
    }

    /// Hands waiting tasks to workers with room, to the least busy ones first.
    fn hand_out(&mut self, now: Duration) {
        while self.is_broken
            && let Some(id) = self.waiting.pop_front()
        {
            self.over(id, End::NoWorkers);
        }
        let Shape { in_flight, tasks_per_process, .. } = self.shape;
        let Self { workers, tasks, waiting, outputs, .. } = self;
        let has_room = |up: &Up, tasks: &BTreeMap<TaskId, Task>| {
            up.running.len() < in_flight
                && tasks_per_process.is_none_or(|most| up.handed < most)
                && !up.running.iter().any(|id| tasks[id].is_late(now))
        };
        while let Some(id) = waiting.front().copied() {
            let free =
                workers.iter_mut().enumerate().filter_map(|(number, worker)| match &mut worker.state {
                    State::Up(up) if has_room(up, tasks) => Some((WorkerId(number), up, worker.life)),
                    _ => None,
                });
            let Some((worker, up, life)) = free.min_by_key(|(_, up, _)| up.running.len()) else { return };
            up.running.push(id);
            up.handed += 1;
            waiting.pop_front();
            let task = tasks.get_mut(&id).expect("each id in the queue has a task");
            let due = task.terms.deadline.map(|deadline| now.saturating_add(deadline));
            task.place = Place::Running { worker, life, due };
            outputs.push_back(Output::Run(id, worker));
        }
    }

    fn over(&mut self, id: TaskId, end: End) {
        self.tasks.remove(&id);
        self.outputs.push_back(Output::Over(id, end));
    }
}
