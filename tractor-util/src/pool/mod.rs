//! A pool: workers that run tasks and are replaced when they die or hang.
//!
//! | file | holds |
//! | --- | --- |
//! | `machine` | the decisions, without any I/O: which task goes to which worker, and how both end |
//! | `drive` | the workers' processes; carries out the machine's decisions |
//! | `task` | one call, and the caller that waits for its outcome |
//! | `results` | many calls, as a stream |

mod drive;
mod machine;
#[cfg(test)]
mod machine_search;
mod results;
mod task;

use std::fmt;
use std::panic::resume_unwind;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::future::BoxFuture;
use tokio::sync::{mpsc, oneshot, watch};
use tractor_core::error::RuntimeFailure;
use tractor_core::{ActorOptions, Error, Result, StartActor, current_deadline, open_nursery};

pub use self::results::PoolResults;
pub use self::task::PoolTarget;

use self::drive::{Note, drive};
use self::machine::{Shape, TaskId, Terms};
use self::task::Task;
use crate::cluster::{cores, in_an_actor};

/// The number of workers in a pool, and their use.
#[derive(Debug, Clone, Default)]
#[must_use = "options do nothing until they are handed to `open_pool`"]
pub struct PoolOptions {
    workers: Option<usize>,
    in_flight: Option<usize>,
    tasks_per_process: Option<u64>,
    root: ActorOptions,
}

impl PoolOptions {
    /// One worker per core, with one task at a time each.
    pub fn new() -> Self {
        Self::default()
    }

    /// This many workers.
    pub fn workers(mut self, workers: usize) -> Self {
        self.workers = Some(workers);
        self
    }

    /// Tasks that one worker runs at a time. With more than one, the death of a worker interrupts them all.
    pub fn in_flight(mut self, tasks: usize) -> Self {
        self.in_flight = Some(tasks);
        self
    }

    /// Replaces a worker's process, in good order, after this many tasks: for code that leaks.
    pub fn tasks_per_process(mut self, tasks: u64) -> Self {
        self.tasks_per_process = Some(tasks);
        self
    }

    /// Options of the root actor, if the pool has to start one.
    pub fn root(mut self, root: ActorOptions) -> Self {
        self.root = root;
        self
    }

    fn shape(&self) -> Result<Shape> {
        let Self { workers, in_flight, tasks_per_process, root: _ } = *self;
        let shape = Shape {
            workers: workers.unwrap_or_else(cores),
            in_flight: in_flight.unwrap_or(1),
            tasks_per_process,
        };
        if shape.workers == 0 || shape.in_flight == 0 || tasks_per_process == Some(0) {
            let text = "a pool of no workers, or for no tasks, would wait forever: give at least one";
            return Err(RuntimeFailure::new(text).into());
        }
        Ok(shape)
    }
}

/// The progress of a pool: its tasks up to now. There is no total, because calls come from iterators. A task is counted
/// when its worker has finished it, so before [`PoolResults::next`] gives the outcome.
///
/// For a progress bar of one [`Pool::map`], count its outcomes; the total is the number of calls.
///
/// ```
/// # use tractor_core::{self as tractor, Call, FnEndpoint};
/// # use tractor_util::Pool;
/// # async fn example<E>(pool: &Pool, square: fn(u64) -> Call<E>) -> tractor::Result<()>
/// # where E: FnEndpoint<Returns = u64, Args: Clone> {
/// let calls: Vec<_> = (0..500).map(square).collect();
/// let (mut ended, total) = (0, calls.len());
/// let mut squares = pool.map(calls);
/// while let Some((number, square)) = squares.next().await {
///     ended += 1;
///     println!("{ended} of {total}: number {number} is {}", square?);
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct PoolProgress {
    /// Tasks that have returned a value.
    pub done: u64,
    /// Tasks that have failed.
    pub failed: u64,
    /// Tasks that are running.
    pub in_flight: usize,
}

/// A handle on worker actors that run calls of functions (`#[actor_fn]`); made by [`open_pool`]. Cheap to clone.
///
/// For contexts and streams start actors: [`start_actor`](tractor_core::ActorNursery::start_actor), or
/// [`open_actor_cluster`](crate::open_actor_cluster) for several.
///
/// * A task is handed only to a worker that is known to be alive and has room for it. One that is dying, being killed
///   or not yet replaced gets none.
/// * The death of a worker fails only the tasks that it had. Its process is replaced when it is gone.
/// * A task that certainly has not run is tried again ([`retry`](Self::retry)). A task that may have run is tried again
///   only on request ([`repeat_interrupted`](Self::repeat_interrupted)). There is one outcome per task.
/// * A worker whose process does not start, or dies before its first answer, is started again after a pause: 100 ms,
///   200 ms, and so on. When this has happened to every worker 5 times in a row, the pool gives up, and every task
///   fails with the cause.
///
/// [`deadline`](Self::deadline), [`retry`](Self::retry) and [`repeat_interrupted`](Self::repeat_interrupted) return a
/// handle whose settings hold for its own tasks.
#[derive(Clone)]
pub struct Pool {
    shared: Arc<Shared>,
    terms: Terms,
}

struct Shared {
    slots: usize,
    next: AtomicU64,
    notes: mpsc::UnboundedSender<Note>,
    progress: watch::Receiver<PoolProgress>,
}

/// Opens a scope with a pool of worker actors, and ends them when the body has ended.
///
/// `set_up` sets the options of a worker: its endpoints and its limits. It is called for every process, also for
/// replacements. Workers are named after the running actor: `root.worker_0`, `root.worker_1`, and so on. The
/// body runs at once; tasks wait for the workers. Outside of any actor this starts a root actor first, which ends with
/// the pool.
///
/// Leaving the body cancels the tasks in flight and ends the workers, even busy ones; the function returns when all are
/// gone. Tasks make progress only while its future is polled.
///
/// ```no_run
/// # use tractor_core as tractor;
/// # use tractor_util::{PoolOptions, open_pool};
/// # use tractor::{Call, FnEndpoint};
/// use std::time::Duration;
///
/// # async fn example<E>(render: fn(u32) -> Call<E>) -> tractor::Result<()>
/// # where
/// #     E: FnEndpoint<Returns = Vec<u8>, Args: Clone>,
/// # {
/// // #[tractor::actor_fn]
/// // async fn render(frame: u32) -> Vec<u8> { .. }
///
/// let bytes = open_pool(
///     PoolOptions::new().workers(8),
///     |worker| worker.enable_module(module_path!()),
///     async |pool| -> tractor::Result<usize> {
///         let mut bytes = 0;
///         // A worker that takes longer is killed, and replaced.
///         let pool = pool.deadline(Duration::from_secs(5));
///         let mut frames = pool.map((0..1000).map(render)).ordered();
///         while let Some((number, frame)) = frames.next().await {
///             match frame {
///                 Ok(frame) => bytes += frame.len(),
///                 Err(error) => println!("frame {number} is left out: {error}"),
///             }
///         }
///         Ok(bytes)
///     },
/// )
/// .await?;
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// [`Error::Runtime`] for a pool of no workers; the body's own error. Failures of workers are errors of their tasks.
///
/// # Cancel safety
/// As [`open_nursery`].
pub async fn open_pool<T, E, S, F>(options: PoolOptions, set_up: S, body: F) -> Result<T, E>
where
    S: Fn(StartActor) -> StartActor,
    F: AsyncFnOnce(&Pool) -> Result<T, E>,
    E: From<Error> + 'static,
{
    let shape = options.shape()?;
    let (note, notes) = mpsc::unbounded_channel();
    let (progress, seen) = watch::channel(PoolProgress::default());
    let slots = shape.workers.saturating_mul(shape.in_flight);
    let shared = Shared { slots, next: AtomicU64::new(0), notes: note.clone(), progress: seen };
    let terms = Terms { deadline: None, retries: 3, repeats: 0 };
    let pool = Pool { shared: Arc::new(shared), terms };
    in_an_actor(options.root, async || {
        // The nursery waits for the workers that the driver leaves behind.
        open_nursery(async |_| {
            tokio::select! {
                biased;
                never = drive(shape, &set_up, &note, notes, progress) => match never {},
                result = body(&pool) => result,
            }
        })
        .await
    })
    .await
}

impl Pool {
    /// Runs one call in a worker, as soon as one has room.
    ///
    /// ```
    /// # use tractor_core::{self as tractor, Call, FnEndpoint};
    /// # use tractor_util::Pool;
    /// # async fn example<E>(pool: &Pool, square: fn(u64) -> Call<E>) -> tractor::Result<()>
    /// # where E: FnEndpoint<Returns = u64, Args: Clone> {
    /// let (three, four) = tokio::try_join!(pool.run(square(3)), pool.run(square(4)))?;
    /// assert_eq!((three, four), (9, 16));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// As [`Portal::run`](tractor_core::Portal::run). [`Error::DeadlineExceeded`] when the task did not end in time;
    /// [`Error::Died`] when its worker has died and the task may not be tried again; [`Error::Spawn`] when no worker
    /// can be started; [`Error::Runtime`] when the pool has ended, or when `set_up` names something that this program
    /// does not have: in both cases every further call fails, too.
    ///
    /// # Cancel safety
    /// Dropping the future cancels the task. A worker that does not end it within a second is killed and replaced.
    pub fn run<C: PoolTarget>(&self, call: C) -> PoolRun<C::Returns> {
        let pool = self.clone();
        PoolRun(Box::pin(async move { pool.outcome_of(call).await }))
    }

    /// Runs calls of one endpoint; the stream gives each outcome with the position of its call.
    ///
    /// The pool takes a call from the iterator only when a worker has room for it, and only while the stream is polled:
    /// a stream that is not read starts nothing new. There are never more calls in flight than the workers can have at
    /// a time. The outcomes come as tasks end, or [in the order of the calls](PoolResults::ordered).
    ///
    /// ```
    /// # use tractor_core::{self as tractor, Call, FnEndpoint};
    /// # use tractor_util::Pool;
    /// # async fn example<E>(pool: &Pool, square: fn(u64) -> Call<E>) -> tractor::Result<()>
    /// # where E: FnEndpoint<Returns = u64, Args: Clone> {
    /// // An endless range: its numbers are taken as workers get free.
    /// let mut squares = pool.map((1..).map(square));
    /// while let Some((number, squared)) = squares.next().await {
    ///     if squared? > 1_000_000 {
    ///         println!("number {number} is large enough");
    ///         break;       // cancels the squares in flight
    ///     }
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Cancel safety
    /// Dropping the stream cancels the tasks in flight, as for [`run`](Self::run).
    pub fn map<I: IntoIterator<Item: PoolTarget>>(&self, calls: I) -> PoolResults<I::IntoIter> {
        PoolResults::new(self.clone(), calls.into_iter())
    }

    /// A handle on the same pool whose tasks must each end within this time after a worker gets them.
    ///
    /// When the time is over, the task fails with [`Error::DeadlineExceeded`], and its worker is killed and replaced.
    /// The task is not tried again.
    #[must_use = "the pool itself stays as it is"]
    pub fn deadline(&self, budget: Duration) -> Self {
        Self { terms: Terms { deadline: Some(budget), ..self.terms }, ..self.clone() }
    }

    /// A handle on the same pool whose tasks are tried again at most this often when they certainly have not run:
    /// [`Error::is_retryable`]. The default is 3.
    #[must_use = "the pool itself stays as it is"]
    pub fn retry(&self, times: u32) -> Self {
        Self { terms: Terms { retries: times, ..self.terms }, ..self.clone() }
    }

    /// A handle on the same pool that also tries a task again that may have run ([`Error::may_have_run`]) when its
    /// worker died, or was lost or cancelled: at most this often. For tasks that are safe to run twice. The default is
    /// 0.
    #[must_use = "the pool itself stays as it is"]
    pub fn repeat_interrupted(&self, times: u32) -> Self {
        Self { terms: Terms { repeats: times, ..self.terms }, ..self.clone() }
    }

    /// The progress of all tasks of all handles on the pool: see [`PoolProgress`].
    pub fn progress(&self) -> watch::Receiver<PoolProgress> {
        self.shared.progress.clone()
    }

    async fn outcome_of<C: PoolTarget>(&self, call: C) -> Result<C::Returns> {
        let (reply, outcome) = oneshot::channel();
        let id = TaskId(self.shared.next.fetch_add(1, Ordering::Relaxed));
        let task = Task::new(call, self.terms.deadline, current_deadline(), reply);
        // If the pool has ended, the outcome is an error that says so.
        _ = self.shared.notes.send(Note::Submitted(id, self.terms, Box::new(task)));
        let ticket = Ticket { id, pool: &self.shared };
        let caught = outcome.await;
        std::mem::forget(ticket);
        match caught {
            Ok(Ok(result)) => result,
            Ok(Err(panic)) => resume_unwind(panic),
            Err(_dropped) => Err(RuntimeFailure::new("the pool has ended").into()),
        }
    }
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pool")
            .field("terms", &self.terms)
            .field("progress", &*self.shared.progress.borrow())
            .finish_non_exhaustive()
    }
}

/// One call in a worker, as a future; made by [`Pool::run`]. The pool gets the task at the first poll.
///
/// # Cancel safety
/// Dropping it cancels the task. A worker that does not end it within a second is killed and replaced.
#[must_use = "futures do nothing unless awaited"]
pub struct PoolRun<T>(BoxFuture<'static, Result<T>>);

impl<T> Future for PoolRun<T> {
    type Output = Result<T>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<T>> {
        self.0.as_mut().poll(cx)
    }
}

impl<T> fmt::Debug for PoolRun<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PoolRun").finish_non_exhaustive()
    }
}

/// The caller that waits for a task. Its drop cancels the task.
struct Ticket<'a> {
    id: TaskId,
    pool: &'a Shared,
}

impl Drop for Ticket<'_> {
    fn drop(&mut self) {
        // If the pool has ended, so has the task.
        _ = self.pool.notes.send(Note::Withdrawn(self.id));
    }
}
