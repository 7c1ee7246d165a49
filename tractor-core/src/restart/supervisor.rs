//! Supervisors restart children of a nursery when they end.
//!
//! [`proto::supervision`](crate::proto::supervision) makes the decisions. The processes are ordinary children of the
//! nursery, except that their end is reported to the supervisor.
//!
//! # Invariants
//! 1. While a child may have a process, or get one, the supervisor has a task. The nursery and the actor wait for that
//!    task.
//! 2. Only the start of a child is retried.

use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{broadcast, mpsc, oneshot, watch};
use tokio::time::Instant;

use super::drive::{Declared, Note, drive};
use super::events::{SupervisionEvent, SupervisionEvents};
use super::supervised::{Life, Status, Supervised};
use crate::error::{Result, RuntimeFailure};
use crate::nursery::ActorNursery;
use crate::nursery::StartActor;
use crate::proto::id::Uid;
use crate::proto::limits::SUPERVISION_EVENTS_MAX;
use crate::proto::supervision::{ChildId, Machine, Restart, Supervision};
use crate::session::{ActorEnd, in_order};

/// Restarts child actors of a nursery; made by [`ActorNursery::supervise`]. Cheap to clone.
///
/// Children are declared with [`child`](Self::child), and their order counts. The nursery waits for them, as for all
/// other children, until they have ended for good. Dropping this handle changes nothing.
///
/// The end of a child is no failure of the nursery, unless the supervisor gives up because of it.
#[derive(Clone)]
pub struct Supervisor {
    shared: Arc<Shared>,
}

struct Shared {
    nursery: ActorNursery,
    policy: Supervision,
    events: broadcast::Sender<SupervisionEvent>,
    /// The origin of the machine's time.
    begun: Instant,
    state: Mutex<State>,
}

struct State {
    next: u64,
    task: Task,
}

/// The task that drives the children.
enum Task {
    /// There are no children, and so there is no task. The next task takes this machine, which knows past restarts.
    Idle(Machine),
    Running(mpsc::UnboundedSender<Note>),
    /// The supervisor was cancelled.
    Closed(Option<mpsc::UnboundedSender<Note>>),
}

impl ActorNursery {
    /// Makes a supervisor. When one of its children ends, the child is restarted, and the other children of this
    /// nursery go on.
    ///
    /// ```no_run
    /// # use tractor_core as tractor;
    /// use std::time::Duration;
    /// use tractor::{Backoff, StartActor, Supervision};
    ///
    /// # async fn example() -> tractor::Result<()> {
    /// tractor::open_nursery(async |an| {
    ///     let policy = Supervision::one_for_one()
    ///         .intensity(5, Duration::from_secs(10))
    ///         .backoff(Backoff::NONE);
    ///     let workers = an.supervise(policy);
    ///     let set_up = |child: StartActor| child.enable_module("feeds");
    ///     let feed = workers.child("feed", set_up).await?;
    ///     let portal = feed.portal().await?;   // to the current process
    ///     // ..
    ///     workers.cancel().await;
    ///     Ok(())
    /// })
    /// .await
    /// # }
    /// ```
    ///
    /// A supervisor that would restart more often than its [`intensity`](Supervision::intensity) allows gives up: the
    /// nursery fails with [`Error::GaveUp`](crate::Error::GaveUp), and all its other children end, too.
    pub fn supervise(&self, policy: Supervision) -> Supervisor {
        let (events, _) = broadcast::channel(SUPERVISION_EVENTS_MAX);
        let state = Mutex::new(State { next: 0, task: Task::Idle(Machine::new(policy)) });
        let (nursery, begun) = (self.clone(), Instant::now());
        Supervisor { shared: Arc::new(Shared { nursery, policy, events, begun, state }) }
    }
}

impl Supervisor {
    /// Declares a child; await it to start the child. `set_up` runs before each of its lives, and sets what the child
    /// exposes.
    pub fn child<F>(&self, name: impl Into<String>, set_up: F) -> SuperviseChild
    where
        F: FnOnce(StartActor) -> StartActor,
    {
        let start = set_up(self.shared.nursery.start_actor(name));
        SuperviseChild { supervisor: self.clone(), start, restart: Restart::default() }
    }

    /// The events from now on.
    pub fn events(&self) -> SupervisionEvents {
        SupervisionEvents::new(self.shared.events.subscribe())
    }

    /// Ends all children for good, the last declared first, and waits until they are gone. No further children can be
    /// declared.
    ///
    /// Returns how the children have ended, in the same order.
    ///
    /// # Cancel safety
    /// The request is made at the first poll and stays made.
    pub async fn cancel(&self) -> Vec<(Uid, ActorEnd)> {
        let gone = {
            let mut state = self.lock();
            let task = match std::mem::replace(&mut state.task, Task::Closed(None)) {
                Task::Idle(_) => None,
                Task::Running(task) => Some(task),
                Task::Closed(task) => task,
            };
            let gone = task.as_ref().map(|task| {
                let (sender, gone) = oneshot::channel();
                // A task that has ended has dropped the sender.
                _ = task.send(Note::Stop(sender));
                gone
            });
            state.task = Task::Closed(task);
            gone
        };
        match gone {
            // A task without children has dropped the sender.
            Some(gone) => gone.await.unwrap_or_default(),
            None => Vec::new(),
        }
    }

    /// Sends a message to the task. Without a task there are no children.
    pub(super) fn tell(&self, note: Note) {
        if let Task::Running(task) | Task::Closed(Some(task)) = &self.lock().task {
            // A task that has ended has no children.
            _ = task.send(note);
        }
    }

    pub(super) fn policy(&self) -> &Supervision {
        &self.shared.policy
    }

    pub(super) fn nursery(&self) -> &ActorNursery {
        &self.shared.nursery
    }

    pub(super) fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.shared, &other.shared)
    }

    pub(super) fn announce(&self, event: SupervisionEvent) {
        // Fails without a reader.
        _ = self.shared.events.send(event);
    }

    pub(super) fn begun(&self) -> Instant {
        self.shared.begun
    }

    /// Ends the task, which gives its machine back, unless there are messages left to read.
    pub(super) fn retire(&self, notes: &mpsc::UnboundedReceiver<Note>, machine: &mut Machine) -> bool {
        let mut state = self.lock();
        if !notes.is_empty() {
            return false;
        }
        state.task = match &state.task {
            Task::Closed(_) => Task::Closed(None),
            Task::Idle(_) | Task::Running(_) => {
                Task::Idle(std::mem::replace(machine, Machine::new(self.shared.policy)))
            }
        };
        true
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.shared.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Hands a child to the task, which is started if there is none.
    fn declare(&self, start: StartActor, restart: Restart) -> Result<Supervised> {
        start.check()?;
        let name: Arc<str> = start.name().into();
        let (status, watching) = watch::channel(Status { incarnation: 0, life: Life::Down, end: None });
        let mut state = self.lock();
        let running = self.shared.nursery.inner.enter(&name)?;
        let task = match &mut state.task {
            Task::Running(task) => task.clone(),
            Task::Closed(_) => {
                let text = format!("actor `{name}` was not started: its supervisor was cancelled");
                return Err(RuntimeFailure::new(text).into());
            }
            Task::Idle(machine) => {
                let machine = std::mem::replace(machine, Machine::new(self.shared.policy));
                let (task, notes) = mpsc::unbounded_channel();
                let driving = drive(self.clone(), machine, task.clone(), notes);
                self.shared.nursery.inner.actor.spawn_watcher(async move {
                    driving.await;
                    drop(running);
                });
                state.task = Task::Running(task.clone());
                task
            }
        };
        let id = ChildId(state.next);
        state.next += 1;
        let declared = Declared { id, restart, name: name.clone(), start, status };
        // The task retires under this lock only, or with the runtime.
        _ = task.send(Note::Declared(Box::new(declared)));
        // Dropped before the nursery's guard, which wakes the nursery.
        drop(state);
        Ok(Supervised::new(id, name, self.clone(), watching))
    }
}

impl fmt::Debug for Supervisor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Supervisor").field("policy", &self.shared.policy).finish_non_exhaustive()
    }
}

/// A child actor to be supervised; await it to start it. Made by [`Supervisor::child`].
///
/// The future is ready when the child has booted for the first time. A child that cannot boot counts like a crash: it
/// is started again until the supervisor gives up.
///
/// # Errors
/// As [`Supervised::portal`]; [`Error::Runtime`](crate::Error::Runtime) also when an entry of the allow-list is not
/// registered, or when the nursery or the supervisor was cancelled before.
///
/// # Cancel safety
/// Dropping the awaited future ends the child for good if it has not booted before.
#[derive(Debug, Clone)]
#[must_use = "an actor is started by awaiting this"]
pub struct SuperviseChild {
    supervisor: Supervisor,
    start: StartActor,
    restart: Restart,
}

impl SuperviseChild {
    /// Restarts the child however it ends. This is the default.
    pub fn permanent(mut self) -> Self {
        self.restart = Restart::Permanent;
        self
    }

    /// Restarts the child unless it ends in order.
    pub fn transient(mut self) -> Self {
        self.restart = Restart::Transient;
        self
    }

    /// Never restarts the child. Its failure is no failure of the nursery either.
    pub fn temporary(mut self) -> Self {
        self.restart = Restart::Temporary;
        self
    }

    async fn start(self) -> Result<Supervised> {
        let Self { supervisor, start, restart } = self;
        let child = in_order(supervisor.declare(start, restart)).await?;
        let unborn = Unborn(Some(&child));
        child.portal_after(0).await?;
        unborn.disarm();
        Ok(child)
    }
}

impl IntoFuture for SuperviseChild {
    type Output = Result<Supervised>;
    type IntoFuture = Pin<Box<dyn Future<Output = Result<Supervised>> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.start())
    }
}

/// Ends a child when the future of its first start is dropped.
struct Unborn<'a>(Option<&'a Supervised>);

impl Unborn<'_> {
    fn disarm(mut self) {
        self.0 = None;
    }
}

impl Drop for Unborn<'_> {
    fn drop(&mut self) {
        if let Some(child) = self.0 {
            child.remove();
        }
    }
}
