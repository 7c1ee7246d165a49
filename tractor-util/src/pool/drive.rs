//! The driver of a pool: it owns the workers and carries out the machine's decisions.
//!
//! ```text
//! tasks, withdrawals, births ──► machine ──► starts, kills, attempts, outcomes
//!  ends of processes, attempts ──┘
//! ```
//!
//! The driver is a future inside the pool's scope, not a task. When the scope drops it, the nurseries around it end the
//! workers.

use std::collections::HashMap;
use std::convert::Infallible;
use std::future::pending;

use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{Instant, sleep_until};
use tractor_core::{Error, Portal, Result, StartActor, current_actor, open_nursery};

use super::PoolProgress;
use super::machine::{End, Input, Machine, Output, Shape, TaskId, Terms, WorkerId};
use super::task::Job;

/// A message to the driver.
pub(super) enum Note {
    Submitted(TaskId, Terms, Box<dyn Job>),
    /// A task's caller has stopped waiting.
    Withdrawn(TaskId),
    /// The worker's process with this number can be called.
    Started(WorkerId, u64, Portal),
}

/// The way to end a worker's process.
#[derive(Debug, Clone, Copy)]
enum Ending {
    InOrder,
    Killed,
}

/// The driver's part of a worker, which the machine does not know.
#[derive(Default)]
struct Worker {
    /// Number of its process.
    life: u64,
    /// `Some` from the start of the process until it is gone.
    portal: Option<Portal>,
    /// Consumed by the request to end.
    end: Option<oneshot::Sender<Ending>>,
}

struct Driver {
    machine: Machine,
    begun: Instant,
    workers: Vec<Worker>,
    /// Waiting tasks.
    jobs: HashMap<TaskId, Box<dyn Job>>,
    /// Running tasks. Dropping the sender cancels the task.
    wanted: HashMap<TaskId, oneshot::Sender<()>>,
    attempts: FuturesUnordered<BoxFuture<'static, (TaskId, Box<dyn Job>)>>,
    /// The error of the last process that did not end in order.
    cause: Option<Error>,
    counts: PoolProgress,
    progress: watch::Sender<PoolProgress>,
}

/// Runs until the scope drops it.
pub(super) async fn drive<S: Fn(StartActor) -> StartActor>(
    shape: Shape,
    set_up: &S,
    note: &mpsc::UnboundedSender<Note>,
    mut notes: mpsc::UnboundedReceiver<Note>,
    progress: watch::Sender<PoolProgress>,
) -> Infallible {
    let mut driver = Driver {
        machine: Machine::new(shape),
        begun: Instant::now(),
        workers: (0..shape.workers).map(|_| Worker::default()).collect(),
        jobs: HashMap::new(),
        wanted: HashMap::new(),
        attempts: FuturesUnordered::new(),
        cause: None,
        counts: PoolProgress::default(),
        progress,
    };
    let mut lives = FuturesUnordered::new();
    loop {
        while let Some(output) = driver.machine.poll_output() {
            if let Output::Start(worker) = output {
                let (life, ending) = driver.begin(worker);
                lives.push(live(worker, life, set_up, note.clone(), ending));
            } else {
                driver.carry_out(output);
            }
        }
        driver.tell_progress();
        let timeout = driver.machine.timeout();
        let timer = async {
            match timeout {
                Some(due) => sleep_until(driver.begun + due).await,
                None => pending().await,
            }
        };
        tokio::select! {
            biased;
            // Ends come first, so that a worker that is gone gets no task.
            Some((worker, end)) = lives.next() => driver.gone(worker, end),
            Some((id, job)) = driver.attempts.next() => driver.ended(id, job),
            Some(note) = notes.recv() => driver.take(note),
            () = timer => driver.handle(Input::Timer),
        }
    }
}

/// One process of a worker, from its start until it is gone. It has a nursery of its own, so that its death ends
/// nothing else.
async fn live<S: Fn(StartActor) -> StartActor>(
    worker: WorkerId,
    life: u64,
    set_up: &S,
    notes: mpsc::UnboundedSender<Note>,
    ending: oneshot::Receiver<Ending>,
) -> (WorkerId, Result<()>) {
    let name = format!("{}.worker_{}", current_actor().name(), worker.0);
    let end = open_nursery(async |an| {
        let portal = set_up(an.start_actor(name)).await?;
        // The driver reads the messages and outlives this future.
        _ = notes.send(Note::Started(worker, life, portal.clone()));
        match ending.await {
            Ok(Ending::InOrder) => portal.cancel_actor().await?,
            Ok(Ending::Killed) => portal.kill().await?,
            Err(_dropped) => pending().await,
        };
        Ok(())
    });
    (worker, end.await)
}

impl Driver {
    fn handle(&mut self, input: Input) {
        self.machine.handle(input, self.begun.elapsed());
    }

    fn take(&mut self, note: Note) {
        match note {
            Note::Submitted(id, terms, job) => {
                self.jobs.insert(id, job);
                self.handle(Input::Submitted(id, terms));
            }
            Note::Withdrawn(id) => self.handle(Input::Withdrawn(id)),
            // The process may be gone already. Its number tells this message from one of its successor.
            Note::Started(worker, life, portal) if self.workers[worker.0].life == life => {
                self.workers[worker.0].portal = Some(portal);
                self.handle(Input::Started(worker));
            }
            Note::Started(..) => {}
        }
    }

    fn ended(&mut self, id: TaskId, job: Box<dyn Job>) {
        self.wanted.remove(&id);
        let outcome = job.outcome();
        self.jobs.insert(id, job);
        self.handle(Input::Ended(id, outcome));
    }

    /// Starts a process of a worker.
    fn begin(&mut self, worker: WorkerId) -> (u64, oneshot::Receiver<Ending>) {
        let (end, ending) = oneshot::channel();
        let worker = &mut self.workers[worker.0];
        worker.end = Some(end);
        (worker.life, ending)
    }

    fn gone(&mut self, worker: WorkerId, end: Result<()>) {
        let Worker { life, portal, .. } = std::mem::take(&mut self.workers[worker.0]);
        self.workers[worker.0].life = life + 1;
        let may_start = matches!(end, Ok(()) | Err(Error::Spawn(_) | Error::Died(_))) || portal.is_some();
        if let Err(error) = end {
            tracing::warn!("worker {} of a pool has ended: {error}", worker.0);
            self.cause = Some(error);
        }
        self.handle(if may_start { Input::Gone(worker) } else { Input::Impossible(worker) });
    }

    fn carry_out(&mut self, output: Output) {
        match output {
            Output::Start(_) => unreachable!("the loop starts them"),
            Output::Retire(worker) => self.end(worker, Ending::InOrder),
            Output::Kill(worker) => self.end(worker, Ending::Killed),
            Output::Run(id, worker) => self.run(id, worker),
            Output::Cancel(id) => drop(self.wanted.remove(&id)),
            Output::Over(id, end) => self.over(id, end),
        }
    }

    fn end(&mut self, worker: WorkerId, how: Ending) {
        if let Some(end) = self.workers[worker.0].end.take() {
            // A process that ends by itself needs no request.
            _ = end.send(how);
        }
    }

    fn run(&mut self, id: TaskId, worker: WorkerId) {
        let job = self.jobs.remove(&id).expect("it waits");
        let portal = self.workers[worker.0].portal.clone().expect("a worker with a task has a portal");
        let (wanted, withdrawn) = oneshot::channel();
        self.wanted.insert(id, wanted);
        let attempt = job.attempt(portal, withdrawn);
        self.attempts.push(Box::pin(async move { (id, attempt.await) }));
    }

    fn over(&mut self, id: TaskId, end: End) {
        let job = self.jobs.remove(&id).expect("a job stays here until it is over");
        match end {
            End::Withdrawn => {}
            End::Settled => {
                self.count(job.has_succeeded());
                job.settle();
            }
            End::NoWorkers => {
                self.count(false);
                job.fail(self.cause.clone().expect("the pool gave up because of an error"));
            }
        }
    }

    fn count(&mut self, has_succeeded: bool) {
        let counter = if has_succeeded { &mut self.counts.done } else { &mut self.counts.failed };
        *counter += 1;
        // This must come before the outcome.
        self.tell_progress();
    }

    fn tell_progress(&mut self) {
        self.counts.in_flight = self.machine.running();
        let counts = self.counts;
        self.progress.send_if_modified(|told| std::mem::replace(told, counts) != counts);
    }
}
