//! Runs every sequence of events up to a length, and compares the machine with a model.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::time::Duration;

use super::machine::{
    End, FAILURES_MAX, Input, Machine, Outcome, Output, SETTLED, Shape, TaskId, Terms, WITHDRAWAL_MAX,
    WorkerId,
};

const DEADLINE: Duration = Duration::from_millis(150);
const TERMS: Terms = Terms { deadline: Some(DEADLINE), retries: 1, repeats: 1 };

/// A process in the model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Process {
    None,
    Starting,
    /// Whether it may get a task: it was not told to end and has lost no task.
    Up {
        is_fit: bool,
        had: u64,
    },
}

/// A task that is not over.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
struct Known {
    /// The worker that runs it, and whether that process still exists.
    at: Option<(WorkerId, bool)>,
    /// When its worker is killed.
    due: Option<Duration>,
    is_wanted: bool,
    /// How often it was tried again, by the reason.
    not_run: u32,
    interrupted: u32,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct World {
    shape: Shape,
    machine: Machine,
    now: Duration,
    processes: Vec<Process>,
    tasks: BTreeMap<TaskId, Known>,
    next: u64,
    /// The pool has given up; this happens once.
    has_none: bool,
    /// The outcomes of the tasks that are over.
    over: BTreeMap<TaskId, End>,
}

impl World {
    fn new(shape: Shape) -> Self {
        let mut world = Self {
            shape,
            machine: Machine::new(shape),
            now: Duration::ZERO,
            processes: vec![Process::None; shape.workers],
            tasks: BTreeMap::new(),
            next: 0,
            has_none: false,
            over: BTreeMap::new(),
        };
        world.drain();
        world
    }

    /// Lets time pass until a deadline is over.
    fn pass(&mut self) {
        self.now += DEADLINE;
        if self.machine.timeout().is_some_and(|due| due <= self.now) {
            self.tell(Input::Timer);
        }
    }

    /// The events that can come next, besides the deadline.
    fn events(&self, tasks: u64) -> Vec<Input> {
        let mut events = Vec::new();
        if self.next < tasks {
            events.push(Input::Submitted(TaskId(self.next), TERMS));
        }
        for (id, task) in &self.tasks {
            if task.is_wanted {
                events.push(Input::Withdrawn(*id));
            }
            let outcomes = match task.at {
                None => &[][..],
                Some((_, true)) => {
                    &[Outcome::Answered, Outcome::NotRun, Outcome::Interrupted, Outcome::Overdue]
                }
                // The answer came before the end of the process.
                Some((_, false)) => &[Outcome::Answered, Outcome::NotRun, Outcome::Interrupted],
            };
            events.extend(outcomes.iter().map(|outcome| Input::Ended(*id, *outcome)));
        }
        for (number, process) in self.processes.iter().enumerate() {
            let id = WorkerId(number);
            match process {
                Process::None => {}
                Process::Starting => {
                    events.extend([Input::Started(id), Input::Gone(id), Input::Impossible(id)]);
                }
                Process::Up { .. } => events.push(Input::Gone(id)),
            }
        }
        events.extend(self.machine.timeout().map(|_| Input::Timer));
        events
    }

    fn apply(&mut self, input: Input) {
        match input {
            Input::Submitted(id, _) => {
                self.tasks.insert(id, Known { is_wanted: true, ..Known::default() });
                self.next += 1;
            }
            Input::Withdrawn(id) => {
                let now = self.now;
                let task = self.task(id);
                task.is_wanted = false;
                // An overdue task stays overdue; otherwise its worker would never be killed.
                task.due = task.due.filter(|due| *due <= now);
            }
            Input::Ended(id, outcome) => {
                let task = self.task(id);
                let (worker, is_there) = task.at.take().expect("the task runs");
                task.not_run += u32::from(outcome == Outcome::NotRun);
                task.interrupted += u32::from(outcome == Outcome::Interrupted);
                if is_there && let Process::Up { is_fit, .. } = &mut self.processes[worker.0] {
                    *is_fit &= outcome == Outcome::Answered;
                }
            }
            Input::Started(id) => self.processes[id.0] = Process::Up { is_fit: true, had: 0 },
            Input::Gone(id) | Input::Impossible(id) => {
                self.processes[id.0] = Process::None;
                for task in self.tasks.values_mut() {
                    task.at = task.at.map(|(worker, is_there)| (worker, is_there && worker != id));
                }
            }
            Input::Timer => self.now = self.now.max(self.machine.timeout().expect("something is due")),
        }
        self.tell(input);
    }

    fn tell(&mut self, input: Input) {
        self.machine.handle(input, self.now);
        self.drain();
        assert!(self.machine.timeout().is_none_or(|due| due > self.now), "what is due is done");
        let running = self.tasks.values().filter(|task| task.at.is_some()).count();
        assert_eq!(self.machine.running(), running);
        let waits = self.tasks.values().any(|task| task.at.is_none());
        assert!(
            !waits || !(0..self.shape.workers).any(|number| self.has_room(WorkerId(number))),
            "nobody idles"
        );
    }

    fn has_room(&self, id: WorkerId) -> bool {
        let is_late =
            |task: &Known| task.at == Some((id, true)) && task.due.is_some_and(|due| due <= self.now);
        match self.processes[id.0] {
            Process::Up { is_fit: true, had } => {
                self.load(id) < self.shape.in_flight
                    && self.shape.tasks_per_process.is_none_or(|most| had < most)
                    && !self.tasks.values().any(is_late)
            }
            _ => false,
        }
    }

    fn task(&mut self, id: TaskId) -> &mut Known {
        self.tasks.get_mut(&id).expect("the task is not over")
    }

    /// Tasks of the process that a worker has now.
    fn load(&self, worker: WorkerId) -> usize {
        self.tasks.values().filter(|task| task.at == Some((worker, true))).count()
    }

    fn drain(&mut self) {
        while let Some(output) = self.machine.poll_output() {
            match output {
                Output::Start(id) => {
                    assert_eq!(self.processes[id.0], Process::None, "one process at a time");
                    self.processes[id.0] = Process::Starting;
                }
                Output::Retire(id) => {
                    assert_eq!(self.load(id), 0, "it is done with what it has");
                    self.told_to_end(id);
                }
                Output::Kill(id) => {
                    let unwanted = |task: &Known| task.at == Some((id, true)) && !task.is_wanted;
                    let has_lost = matches!(self.processes[id.0], Process::Up { is_fit: false, .. });
                    assert!(has_lost || self.tasks.values().any(unwanted), "for a reason");
                    self.told_to_end(id);
                }
                Output::Run(task, worker) => self.handed(task, worker),
                Output::Cancel(id) => assert!(!self.task(id).is_wanted && self.task(id).at.is_some()),
                Output::Over(id, end) => self.over(id, end),
            }
        }
    }

    fn told_to_end(&mut self, id: WorkerId) {
        let Process::Up { is_fit, .. } = &mut self.processes[id.0] else { panic!("there is a process") };
        *is_fit = false;
    }

    fn handed(&mut self, task: TaskId, worker: WorkerId) {
        assert!(self.has_room(worker), "no worker that is full, or in a bad state, gets a task");
        if let Process::Up { had, .. } = &mut self.processes[worker.0] {
            *had += 1;
        }
        let due = self.now + DEADLINE;
        let known = self.task(task);
        assert!(known.is_wanted && known.at.is_none(), "it runs nowhere else");
        assert!(known.not_run <= TERMS.retries && known.interrupted <= TERMS.repeats);
        (known.at, known.due) = (Some((worker, true)), Some(due));
    }

    fn over(&mut self, id: TaskId, end: End) {
        let task = self.tasks.remove(&id).expect("a task ends once");
        assert!(task.at.is_none(), "it runs nowhere any more");
        assert_eq!(task.is_wanted, end != End::Withdrawn);
        self.has_none |= end == End::NoWorkers;
        self.over.insert(id, end);
    }

    /// From here on nothing fails, so every task that was not withdrawn must end.
    fn settles(mut self) {
        let wanted: BTreeSet<TaskId> =
            self.tasks.iter().filter(|(_, task)| task.is_wanted).map(|(id, _)| *id).collect();
        for _ in 0..100 {
            let ended = self.tasks.iter().find(|(_, task)| task.at.is_some()).map(|(id, _)| *id);
            let unfit = |process: &Process| matches!(process, Process::Up { is_fit: false, .. });
            let starting = self.processes.iter().position(|process| *process == Process::Starting);
            let next = match (ended, starting, self.processes.iter().position(unfit)) {
                (Some(id), ..) => Input::Ended(id, Outcome::Answered),
                (_, Some(number), _) => Input::Started(WorkerId(number)),
                (_, _, Some(number)) => Input::Gone(WorkerId(number)),
                _ if self.tasks.is_empty() => break,
                _ => Input::Timer,
            };
            self.apply(next);
        }
        assert!(self.tasks.is_empty(), "a task was lost");
        for id in wanted {
            let end = self.over[&id];
            assert!(end == End::Settled || (end == End::NoWorkers && self.has_none));
        }
    }
}

/// Every sequence of this many events.
fn search(shape: Shape, tasks: u64, depth: usize) -> usize {
    let mut level = vec![World::new(shape)];
    let mut known = HashSet::new();
    for _ in 0..depth {
        let mut next = Vec::new();
        for world in level {
            let passing = world.tasks.values().any(|task| task.due.is_some_and(|due| due > world.now));
            for event in world.events(tasks).into_iter().map(Some).chain(passing.then_some(None)) {
                let mut after = world.clone();
                match event {
                    Some(input) => after.apply(input),
                    None => after.pass(),
                }
                if known.insert(after.clone()) {
                    after.clone().settles();
                    next.push(after);
                }
            }
        }
        level = next;
    }
    known.len()
}

#[test]
fn one_worker_with_one_task_at_a_time() {
    let shape = Shape { workers: 1, in_flight: 1, tasks_per_process: None };
    assert!(search(shape, 2, 10) > 3_000);
}

#[test]
fn two_workers() {
    let shape = Shape { workers: 2, in_flight: 1, tasks_per_process: None };
    assert!(search(shape, 3, 7) > 3_000);
}

#[test]
fn one_worker_with_two_tasks_at_a_time_of_which_it_gets_three() {
    let shape = Shape { workers: 1, in_flight: 2, tasks_per_process: Some(3) };
    assert!(search(shape, 4, 8) > 3_000);
}

// ---- Rules with numbers ----

fn alone() -> World {
    World::new(Shape { workers: 1, in_flight: 1, tasks_per_process: None })
}

const WORKER: WorkerId = WorkerId(0);
const TASK: TaskId = TaskId(0);

#[test]
fn a_worker_that_cannot_start_rests_longer_each_time_then_tasks_fail() {
    let mut world = alone();
    world.apply(Input::Submitted(TASK, TERMS));
    let mut rests = Vec::new();
    for _ in 1..FAILURES_MAX {
        let before = world.now;
        world.apply(Input::Gone(WORKER));
        world.apply(Input::Timer);
        rests.push((world.now - before).as_millis());
    }
    assert_eq!(rests, [100, 200, 400, 800]);
    assert!(world.over.is_empty());
    world.apply(Input::Gone(WORKER));
    assert_eq!(world.over[&TASK], End::NoWorkers);
    assert_eq!(world.machine.timeout(), None, "it is not tried again");
    world.apply(Input::Submitted(TaskId(1), TERMS));
    assert_eq!(world.over[&TaskId(1)], End::NoWorkers);
}

#[test]
fn one_worker_that_starts_is_enough() {
    let mut world = World::new(Shape { workers: 2, in_flight: 1, tasks_per_process: None });
    world.apply(Input::Started(WORKER));
    for _ in 0..2 * FAILURES_MAX {
        world.apply(Input::Gone(WorkerId(1)));
        world.apply(Input::Timer);
    }
    world.apply(Input::Submitted(TASK, TERMS));
    assert_eq!(world.task(TASK).at, Some((WORKER, true)));
    world.apply(Input::Ended(TASK, Outcome::Answered));
    assert_eq!(world.over[&TASK], End::Settled);
}

#[test]
fn a_start_that_is_impossible_is_not_tried_again() {
    let mut world = alone();
    world.apply(Input::Submitted(TASK, TERMS));
    world.apply(Input::Impossible(WORKER));
    assert_eq!((world.over[&TASK], world.machine.timeout()), (End::NoWorkers, None));
}

#[test]
fn a_process_that_dies_idle_counts_as_a_failed_start_unless_it_has_lived_or_answered() {
    let rests = |world: &World| world.machine.timeout().is_some();
    let mut world = alone();
    world.apply(Input::Started(WORKER));
    world.apply(Input::Gone(WORKER));
    assert!(rests(&world), "soon, and never asked anything");
    world.apply(Input::Timer);
    world.apply(Input::Started(WORKER));
    world.now += SETTLED;
    world.apply(Input::Gone(WORKER));
    assert!(!rests(&world), "after a while");
    world.apply(Input::Started(WORKER));
    world.apply(Input::Submitted(TASK, TERMS));
    world.apply(Input::Ended(TASK, Outcome::Interrupted));
    world.apply(Input::Gone(WORKER));
    assert!(!rests(&world), "that was the task");
    world.apply(Input::Started(WORKER));
    world.apply(Input::Ended(TASK, Outcome::Answered));
    world.apply(Input::Gone(WORKER));
    assert!(!rests(&world), "after an answer");
}

#[test]
fn a_withdrawn_task_that_does_not_end_costs_its_worker() {
    let mut world = alone();
    world.apply(Input::Started(WORKER));
    world.apply(Input::Submitted(TASK, TERMS));
    world.apply(Input::Withdrawn(TASK));
    assert_eq!(world.machine.timeout(), Some(WITHDRAWAL_MAX));
    world.apply(Input::Submitted(TaskId(1), TERMS));
    world.apply(Input::Timer);
    assert_eq!(world.processes[0], Process::Up { is_fit: false, had: 1 }, "it was killed");
    assert_eq!(world.task(TaskId(1)).at, None, "and gets nothing until it is replaced");
    world.apply(Input::Gone(WORKER));
    world.apply(Input::Started(WORKER));
    assert_eq!(world.task(TaskId(1)).at, Some((WORKER, true)));
    world.apply(Input::Ended(TASK, Outcome::Interrupted));
    assert_eq!(world.task(TaskId(1)).at, Some((WORKER, true)), "what comes of the old process is no news");
    assert_eq!(world.over[&TASK], End::Withdrawn);
}

#[test]
fn a_task_that_is_tried_again_comes_first() {
    let mut world = alone();
    world.apply(Input::Started(WORKER));
    for number in 0..3 {
        world.apply(Input::Submitted(TaskId(number), TERMS));
    }
    world.apply(Input::Ended(TASK, Outcome::NotRun));
    world.apply(Input::Gone(WORKER));
    world.apply(Input::Started(WORKER));
    assert_eq!(world.task(TASK).at, Some((WORKER, true)));
}
