//! Nurseries: scopes that own child actors.
//!
//! ```text
//! Open --body ok--> Joining --all reaped--> Closed
//!   |                  |
//!   +-- body fails, a child fails, cancel(), dropped --> Cancelling --all reaped--> Closed
//! ```
//!
//! # Invariants
//! 1. A nursery's scope returns only after every child process was reaped. If no signal ends a process, the scope gives
//!    it up, and fails.
//! 2. The first failure cancels all children; every failure is kept.
//! 3. When a scope is dropped, the tasks that watch its children end them; the scopes around it, and the actor, wait
//!    for these tasks.
//! 4. The body never sees a mere consequence of the nursery's failure: it is dropped before.

use std::any::Any;
use std::fmt;
use std::future::poll_fn;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use super::builder::StartActor;
use super::one_shot::RunInActor;
use crate::actor::{Actor, saying_for_whom};
use crate::api::{EndpointBody, FnTarget};
use crate::error::{Error, ErrorGroup, Result, RuntimeFailure};
use crate::process::{Birth, Newborn, watch_child};
use crate::proto::id::Uid;
use crate::session::{ActorEnd, ChildActor, Region, Teardown};
use crate::wakers::{Slot, Woken, poll_or_register};

/// The number of children that a log line names.
const NAMES_MAX: usize = 8;

/// A scope that owns child actors; made by `open_nursery`.
///
/// Leaving the scope waits for every child: an actor started with [`start_actor`](Self::start_actor) lives until it is
/// cancelled, one started with [`run_in_actor`](Self::run_in_actor) until its result is in. A failure of the scope's
/// body, or the unexpected death of any child, cancels all of them.
#[derive(Clone)]
pub struct ActorNursery {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub(crate) actor: Actor,
    /// Set when the children must end: with the nursery, or with the actor.
    pub(crate) cancel: CancellationToken,
    /// The region of teardowns that the body runs in.
    region: Arc<Region>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    children: Vec<Arc<ChildActor>>,
    /// Tasks that have not reported yet: watching tasks and one-shot runs.
    running: usize,
    errors: Vec<Error>,
    /// Whether the nursery accepts no further children.
    closed: bool,
    /// Whether the cancellation has ended a child or the body.
    caught: bool,
    /// The waker of the scope.
    scope: Slot,
    /// Set when the scope was dropped: the scopes around it wait until all its tasks have ended.
    left: Option<Teardown>,
}

/// Counts a task of the nursery from its start to its end, however it ends.
pub(crate) struct Running(Arc<Inner>);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.update(|state| state.running -= 1);
    }
}

impl Inner {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn update(&self, change: impl FnOnce(&mut State)) {
        let mut woken = Woken::default();
        // Dropped after the lock.
        let _left;
        let mut state = self.lock();
        change(&mut state);
        woken.add(state.scope.take());
        _left = if state.running == 0 { state.left.take() } else { None };
    }

    /// Records a failure, which cancels all children. A failure that two tasks report, such as a death, counts once.
    pub(crate) fn fail(&self, error: Error) {
        self.update(|state| {
            if !state.errors.iter().any(|known| known.is_same_failure(&error)) {
                state.errors.push(error);
            }
        });
        self.region.fail();
        self.cancel_all();
    }

    fn cancel_all(&self) {
        self.update(|state| state.caught |= !state.children.is_empty());
        self.cancel.cancel();
    }

    /// Whether children are being cancelled.
    pub(crate) fn is_cancelled(&self) -> bool {
        self.cancel.is_cancelled()
    }

    /// Counts a task that starts children, unless the nursery is closed.
    pub(crate) fn enter(self: &Arc<Self>, name: &str) -> Result<Running> {
        let mut state = self.lock();
        self.check_open(&state, name)?;
        state.running += 1;
        Ok(Running(self.clone()))
    }

    fn check_open(&self, state: &State, name: &str) -> Result<()> {
        let why = if self.actor.children_end().is_cancelled() {
            "actor is ending"
        } else if self.cancel.is_cancelled() {
            "nursery is being cancelled"
        } else if state.closed {
            "nursery has ended"
        } else {
            return Ok(());
        };
        Err(RuntimeFailure::new(format!("actor `{name}` was not started: its {why}")).into())
    }

    pub(crate) fn begin(self: &Arc<Self>) -> Running {
        self.update(|state| state.running += 1);
        Running(self.clone())
    }

    /// The text of the warning that the scope waits at its exit: for which children, and what to do.
    fn waits_for(&self) -> String {
        let state = self.lock();
        let mut names: Vec<_> =
            state.children.iter().take(NAMES_MAX).map(|child| format!("{:?}", child.uid.name())).collect();
        let more = state.children.len().saturating_sub(NAMES_MAX);
        drop(state);
        let (noun, them) = if names.len() == 1 { ("actor", "it") } else { ("actors", "them") };
        if more > 0 {
            names.push(format!("{more} more"));
        }
        let names = names.join(", ");
        if names.is_empty() {
            "a nursery is waiting for calls, supervisors or dropped scopes of its own".to_owned()
        } else if self.is_cancelled() {
            format!("a nursery is waiting for {noun} {names}, which must end")
        } else {
            format!("a nursery is waiting for {noun} {names}: cancel {them} or call `an.cancel()`")
        }
    }

    /// Waits until the children, and the scopes left behind in the body, have ended.
    async fn ended(&self) {
        let end = async {
            poll_fn(|cx| self.poll_idle(cx)).await;
            self.region.down().await;
        };
        saying_for_whom(self.actor.timeouts().scope_warning, || self.waits_for(), end).await;
    }

    fn poll_failed(&self, cx: &Context<'_>) -> Poll<()> {
        poll_or_register(
            cx,
            || self.lock(),
            |state| &mut state.scope,
            |state| {
                if state.errors.is_empty() { Poll::Pending } else { Poll::Ready(()) }
            },
        )
    }

    fn poll_idle(&self, cx: &Context<'_>) -> Poll<()> {
        poll_or_register(
            cx,
            || self.lock(),
            |state| &mut state.scope,
            |state| {
                // Decided under this lock, so that a clone of the nursery cannot start a child after the last wait.
                if state.running > 0 {
                    return Poll::Pending;
                }
                state.closed = true;
                Poll::Ready(())
            },
        )
    }
}

impl ActorNursery {
    fn new(actor: Actor) -> Self {
        // The end of the actor ends the children of nurseries in tasks that outlive it.
        let cancel = actor.children_end();
        let region = Region::new();
        Self { inner: Arc::new(Inner { actor, cancel, region, state: Mutex::default() }) }
    }

    /// Starts a child actor in a process of its own; await the builder to get a [`Portal`](crate::Portal) to it.
    ///
    /// Its runtime has one thread: an endpoint that blocks or computes for long stops everything else in the actor.
    /// Give such an actor [`worker_threads`](StartActor::worker_threads), or use `tokio::task::spawn_blocking`.
    ///
    /// If the child dies, the body of this nursery is dropped, before its own call can fail. To handle a death,
    /// [supervise](Self::supervise) the child, start it in a nursery of its own and handle that nursery's error, or use
    /// a pool.
    ///
    /// # Errors
    /// [`Error::Spawn`] when the process could not be started or did not boot, [`Error::Runtime`] when the nursery is
    /// closed or an entry of the allow-list is not registered.
    ///
    /// # Cancel safety
    /// Dropping the future ends the child, unless it has returned the portal.
    pub fn start_actor(&self, name: impl Into<String>) -> StartActor {
        StartActor::new(self.clone(), name.into())
    }

    /// Starts a child actor for one call, and ends it after the call. It has the name of the function, and exposes only
    /// this function.
    ///
    /// A failure of the call cancels the whole nursery, even if no task waits for the result.
    pub fn run_in_actor<C: FnTarget<Endpoint: EndpointBody>>(&self, call: C) -> RunInActor<C::Endpoint> {
        RunInActor::new(self.clone(), call.into_args())
    }

    /// Asks every child to end, waits until their processes are gone, and returns how each has ended, in the order of
    /// their starts.
    ///
    /// A child that does not acknowledge within
    /// [`Timeouts::actor_cancel`](crate::proto::limits::Timeouts::actor_cancel), or takes longer after that than
    /// [`Timeouts::nursery_cancel`](crate::proto::limits::Timeouts::nursery_cancel), gets SIGTERM, then SIGKILL. So
    /// this returns even if children do not cooperate.
    ///
    /// # Cancel safety
    /// The request is made at the first poll and stays made.
    pub async fn cancel(&self) -> Vec<(Uid, ActorEnd)> {
        self.inner.cancel_all();
        let children = self.inner.lock().children.clone();
        let mut ends = Vec::with_capacity(children.len());
        for child in children {
            ends.push((child.uid.clone(), child.gone().await));
        }
        ends
    }

    /// Kills every child at once, as [`Portal::kill`](crate::Portal::kill) does. Waits until their processes are gone,
    /// and returns how each has ended.
    ///
    /// # Cancel safety
    /// The signals are sent after the first poll, even if the future is dropped.
    pub async fn kill(&self) -> Vec<(Uid, ActorEnd)> {
        // Wakes the tasks that watch the children, so this happens after the lock is released.
        let children = self.inner.lock().children.clone();
        children.iter().for_each(|child| child.kill());
        self.cancel().await
    }

    /// Whether the children are being cancelled.
    pub fn cancel_called(&self) -> bool {
        self.inner.is_cancelled()
    }

    /// Whether the cancellation has ended a child that was alive, or the scope's body, which is dropped when a child
    /// fails. `false` if all of them have ended by themselves. The value is final when the scope has returned; a clone
    /// of the nursery returns it then.
    pub fn cancelled_caught(&self) -> bool {
        self.inner.lock().caught
    }

    /// The children that have not ended, including supervised ones, with their process ids, in the order of their
    /// starts. A child without a process yet has no id.
    pub fn children(&self) -> Vec<(Uid, Option<u32>)> {
        let children = self.inner.lock().children.clone();
        children.iter().map(|child| (child.uid.clone(), child.pid.get().copied())).collect()
    }

    /// Starts a child and the task that watches it. The child's unexpected end is a failure of the nursery.
    pub(crate) fn adopt(&self, uid: Uid, birth: Birth) -> Result<oneshot::Receiver<Result<Newborn>>> {
        let Adopted { born, life, running, child: _ } = self.enlist(uid, birth, false)?;
        let inner = self.inner.clone();
        self.inner.actor.spawn_watcher(async move {
            if let Some(error) = life.await {
                inner.fail(error);
            }
            drop(running);
        });
        Ok(born)
    }

    /// Adds a child to this nursery; the caller has to run `life`.
    pub(crate) fn enlist(
        &self,
        uid: Uid,
        birth: Birth,
        is_supervised: bool,
    ) -> Result<Adopted<impl Future<Output = Option<Error>> + Send + 'static>> {
        let (mut child, wishes) = ChildActor::new(uid, self.inner.cancel.child_token());
        child.is_supervised = is_supervised;
        let child = Arc::new(child);
        let mut state = self.inner.lock();
        self.inner.check_open(&state, child.uid.name())?;
        state.children.push(child.clone());
        state.running += 1;
        drop(state);
        self.inner.actor.add_child(&child);
        let (born_sender, born) = oneshot::channel();
        let (inner, running) = (self.inner.clone(), Running(self.inner.clone()));
        let own = child.clone();
        // Boxed, because each future around it would hold it twice.
        let watching = Box::pin(watch_child(inner.actor.clone(), own.clone(), wishes, birth, born_sender));
        let life = async move {
            let error = watching.await;
            inner.actor.remove_child(&own);
            inner.update(|state| state.children.retain(|other| !Arc::ptr_eq(other, &own)));
            error
        };
        Ok(Adopted { child, born, life, running })
    }
}

/// A child on the nursery's list.
pub(crate) struct Adopted<L> {
    pub(crate) child: Arc<ChildActor>,
    /// Gets the portal once the child has booted.
    pub(crate) born: oneshot::Receiver<Result<Newborn>>,
    /// Runs the child from spawn to reaping. The error is an unexpected end.
    pub(crate) life: L,
    /// Dropped when the end was handled.
    pub(crate) running: Running,
}

impl fmt::Debug for ActorNursery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.inner.lock();
        f.debug_struct("ActorNursery")
            .field("children", &state.children.iter().map(|child| &child.uid).collect::<Vec<_>>())
            .field("cancelled", &self.inner.is_cancelled())
            .finish()
    }
}

/// Ends the children when the scope is dropped; the scopes around it wait for them.
struct Scope(Arc<Inner>);

impl Drop for Scope {
    fn drop(&mut self) {
        let left = Teardown::here();
        let mut running = false;
        self.0.update(|state| {
            state.closed = true;
            state.left = left;
            running = state.running > 0;
        });
        if running {
            self.0.cancel_all();
        }
    }
}

/// Opens a nursery in a running actor.
///
/// # Errors
/// The body's error, a child's error, or a group of several.
///
/// # Cancel safety
/// Dropping the future cancels every child; the actor finishes their teardown, and the scopes around
/// this one wait for it.
pub(crate) async fn open_nursery_in<T, E, F>(actor: Actor, body: F) -> Result<T, E>
where
    F: AsyncFnOnce(&ActorNursery) -> Result<T, E>,
    E: From<Error> + 'static,
{
    let nursery = ActorNursery::new(actor);
    let inner = nursery.inner.clone();
    let scope = Scope(inner.clone());
    let result = {
        let mut body = pin!(inner.region.run(body(&nursery)));
        poll_fn(|cx| {
            if let Poll::Ready(result) = body.as_mut().poll(cx) {
                return Poll::Ready(Some(result));
            }
            inner.poll_failed(cx).map(|()| None)
        })
        .await
    };
    if !matches!(result, Some(Ok(_))) {
        inner.cancel_all();
    }
    if result.is_none() {
        inner.update(|state| state.caught = true);
    }
    inner.ended().await;
    drop(scope);
    let errors = std::mem::take(&mut inner.lock().errors);
    match result {
        Some(Ok(value)) => ErrorGroup::collapse(errors).map_or(Ok(value), |error| Err(error.into())),
        Some(Err(error)) => Err(with_children(error, errors)),
        None => {
            let error = ErrorGroup::collapse(errors).expect("the body is dropped only after a failure");
            Err(error.into())
        }
    }
}

/// The body's error together with the children's errors, unless the body has passed on one of these. Only [`Error`] can
/// hold both; with any other type the body's error is returned and the children's errors are logged.
fn with_children<E: From<Error> + 'static>(body: E, mut children: Vec<Error>) -> E {
    let mut boxed: Box<dyn Any> = Box::new(body);
    if let Some(own) = boxed.downcast_mut::<Error>() {
        children.retain(|child| !own.is_same_failure(child));
        if !children.is_empty() {
            children.insert(0, own.clone());
            *own = ErrorGroup::collapse(children).expect("there are at least two");
        }
    } else {
        for child in children {
            tracing::error!("besides the nursery's body, a child failed: {child}");
        }
    }
    *boxed.downcast::<E>().expect("the box was made from this type")
}
