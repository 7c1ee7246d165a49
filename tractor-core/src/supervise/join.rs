//! Scopes and calls side by side in the running task.
//!
//! A scope borrows from the frame around it, so it cannot be a spawned task; what runs several of them at once must poll
//! them all itself. Every future has a waker of its own: a wake polls the one it is for, not all of them.
//!
//! # Invariants
//! 1. A future is polled only after it was woken, and at most once in a poll of the whole.
//! 2. The lock is a leaf: nobody is woken under it.

use std::collections::VecDeque;
use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker};

/// Runs futures side by side in this task, and gives their values in the order of the input; none for no futures.
///
/// What runs at once need not be spawned and may therefore borrow: several nurseries, contexts, calls, or births of
/// children. The values are there when the last future has ended.
///
/// ```
/// # use tractor_core as tractor;
/// # async fn square(n: u64) -> tractor::Result<u64> { Ok(n * n) }
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let runtime = tokio::runtime::Builder::new_current_thread().build()?;
/// # runtime.block_on(async {
/// let squares = tractor::join_all((1..=3).map(|n| square(n))).await?;
/// assert_eq!(squares, [1, 4, 9]);
/// # Ok(())
/// # })
/// # }
/// ```
///
/// # Errors
/// The first failure: it drops the other futures, in the order of the input, and is returned at once. A drop cannot wait,
/// so what the others' scopes have started is cancelled, and the actor finishes the teardown and waits for it when it ends
/// itself. Where the teardown must be over before the next line runs, let a nursery around this call own the children.
///
/// # Cancel safety
/// Dropping the future drops all of those that have not ended, and loses the values of those that have.
pub fn join_all<I, T, E>(futures: I) -> JoinAll<<I::Item as IntoFuture>::IntoFuture, T, E>
where
    I: IntoIterator,
    I::Item: IntoFuture<Output = Result<T, E>>,
{
    let futures: Vec<_> = futures.into_iter().map(|future| Box::pin(future.into_future())).collect();
    let count = futures.len();
    let due = Due { queue: (0..count).collect(), queued: vec![true; count], task: None };
    let shared = Arc::new(Shared(Mutex::new(due)));
    let slots = futures.into_iter().enumerate().map(|(index, future)| {
        let waker = Waker::from(Arc::new(Waking { index, shared: shared.clone() }));
        Slot::Running { future, waker }
    });
    JoinAll { slots: slots.collect(), running: count, over: false, shared }
}

/// Futures side by side in one task; made by [`join_all`].
#[must_use = "futures do nothing unless awaited"]
pub struct JoinAll<F, T, E> {
    slots: Vec<Slot<F, T, E>>,
    running: usize,
    /// The outcome was handed out.
    over: bool,
    shared: Arc<Shared>,
}

enum Slot<F, T, E> {
    Running { future: Pin<Box<F>>, waker: Waker },
    Ended(Result<T, E>),
}

// The futures are pinned in boxes of their own.
impl<F, T, E> Unpin for JoinAll<F, T, E> {}

impl<F: Future<Output = Result<T, E>>, T, E> Future for JoinAll<F, T, E> {
    type Output = Result<Vec<T>, E>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        assert!(!self.over, "`JoinAll` is polled again after it was ready");
        // Who wakes itself is polled again in the next round: other parts of the task have their turn.
        for _ in 0..self.shared.begin_round(cx) {
            let Some(index) = self.shared.next_due() else { break };
            let Slot::Running { future, waker } = &mut self.slots[index] else { continue };
            let Poll::Ready(result) = future.as_mut().poll(&mut Context::from_waker(waker)) else { continue };
            let failed = result.is_err();
            self.slots[index] = Slot::Ended(result);
            self.running -= 1;
            if failed {
                break;
            }
        }
        let failed = self.slots.iter().any(|slot| matches!(slot, Slot::Ended(Err(_))));
        if self.running > 0 && !failed {
            return Poll::Pending;
        }
        self.over = true;
        let mut values = Vec::with_capacity(self.slots.len());
        let mut failure = None;
        for slot in std::mem::take(&mut self.slots) {
            match slot {
                Slot::Ended(Ok(value)) => values.push(value),
                Slot::Ended(Err(error)) => failure = Some(error),
                Slot::Running { .. } => {} // dropped here
            }
        }
        Poll::Ready(failure.map_or(Ok(values), Err))
    }
}

impl<F, T, E> fmt::Debug for JoinAll<F, T, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JoinAll").field("running", &self.running).finish_non_exhaustive()
    }
}

/// What the wakers of all the futures reach.
struct Shared(Mutex<Due>);

struct Due {
    queue: VecDeque<usize>,
    /// By index, whether the future stands in the queue: the queue cannot grow beyond one entry each.
    queued: Vec<bool>,
    /// The task that polls the whole, until somebody has woken it.
    task: Option<Waker>,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Due> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns how many futures are due.
    fn begin_round(&self, cx: &Context<'_>) -> usize {
        let mut due = self.lock();
        match &mut due.task {
            Some(waker) => waker.clone_from(cx.waker()),
            None => due.task = Some(cx.waker().clone()),
        }
        due.queue.len()
    }

    fn next_due(&self) -> Option<usize> {
        let mut due = self.lock();
        let index = due.queue.pop_front()?;
        due.queued[index] = false;
        Some(index)
    }
}

/// The waker of one future.
struct Waking {
    index: usize,
    shared: Arc<Shared>,
}

impl Wake for Waking {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        let task = {
            let mut due = self.shared.lock();
            if std::mem::replace(&mut due.queued[self.index], true) {
                return;
            }
            due.queue.push_back(self.index);
            due.task.take()
        };
        if let Some(task) = task {
            task.wake();
        }
    }
}
