//! Drops a future at each of its awaits, one after the other, and looks for leftovers.

pub(crate) mod endpoints;

use std::cell::Cell;
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tractor::Result;
use tractor::prelude::*;

use support::{Tree, until};

/// The module to enable for [`Witness`] and [`Alive`].
pub(crate) const MODULE: &str = module_path!();
/// Polls after which a future counts as endless.
const POLLS_MAX: usize = 1000;
/// Longer than any teardown takes on a busy machine.
const CLEAN_SECS: u64 = 30;

/// The point where a future is dropped: the number of polls, and the moment after the last one.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Cut {
    pub(crate) polls: usize,
    moment: Moment,
}

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
enum Moment {
    /// Right after its last poll, before any other task runs.
    AtOnce,
    /// When it would be polled again: an awaited event has happened, but the future never learns of it.
    WhenWoken,
}

impl Cut {
    /// The first wait of a future.
    pub(crate) const FIRST: Self = Self { polls: 1, moment: Moment::AtOnce };

    fn after(polls: usize) -> [Self; 2] {
        [Moment::AtOnce, Moment::WhenWoken].map(|moment| Self { polls, moment })
    }

    /// Polls a future until it is ready, or drops it at the cut.
    pub(crate) async fn drop_in<F: IntoFuture>(self, future: F) -> Option<F::Output> {
        let mut future = pin!(future.into_future());
        let mut left = self.polls;
        std::future::poll_fn(|cx| {
            if left == 0 {
                return Poll::Ready(None);
            }
            left -= 1;
            match (future.as_mut().poll(cx), self.moment) {
                (Poll::Ready(output), _) => Poll::Ready(Some(output)),
                (Poll::Pending, Moment::AtOnce) if left == 0 => Poll::Ready(None),
                (Poll::Pending, _) => Poll::Pending,
            }
        })
        .await
    }
}

/// Runs a scenario with every cut, until it ends before the cut. After each run, waits until `clean` finds nothing.
/// Returns the number of awaits at which the scenario was cut, which may vary if answers come in parts. The scenario
/// returns `None` when it was cut.
pub(crate) async fn everywhere<T>(
    scenario: impl AsyncFn(Cut) -> Result<Option<T>>,
    clean: impl AsyncFn() -> Result<()>,
) -> Result<usize> {
    for polls in 0..POLLS_MAX {
        let mut cuts = 0;
        for cut in Cut::after(polls) {
            if scenario(cut).await?.is_none() {
                cuts += 1;
            }
            in_time(&format!("{cut:?}"), clean()).await?;
        }
        if cuts == 0 {
            return Ok(polls.saturating_sub(1));
        }
    }
    panic!("the scenario was not done within {POLLS_MAX} polls")
}

/// Waits until the dropped future has left nothing.
async fn in_time(what: &str, clean: impl Future<Output = Result<()>>) -> Result<()> {
    match tokio::time::timeout(Duration::from_secs(CLEAN_SECS), clean).await {
        Ok(cleaned) => cleaned,
        Err(_elapsed) => panic!("{what} has left something behind; {} tasks are alive", tasks()),
    }
}

/// Tasks of this runtime that have not ended.
pub(crate) fn tasks() -> usize {
    tokio::runtime::Handle::current().metrics().num_alive_tasks()
}

/// Looks for leftovers on a connection, from both ends.
pub(crate) struct Witness<'a> {
    worker: &'a Portal,
    /// The fewest tasks seen: the task of an endpoint may end a moment after its result has arrived.
    tasks: Cell<usize>,
}

impl<'a> Witness<'a> {
    /// Records the current state as the state without leftovers.
    pub(crate) async fn new(worker: &'a Portal) -> Result<Self> {
        worker.open_context(left(), async |_, _| Ok::<_, tractor::Error>(())).await?;
        until(|| worker.dialogs_open() == 0).await;
        Ok(Self { worker, tasks: Cell::new(tasks()) })
    }

    /// Cuts a scenario everywhere. After each cut the connection must work, which shows that it carries whole frames,
    /// and there must be no dialog at either end, no endpoint and no task.
    pub(crate) async fn everywhere<T>(
        &self,
        scenario: impl AsyncFn(Cut) -> Result<Option<T>>,
    ) -> Result<usize> {
        everywhere(scenario, async || self.clean().await).await
    }

    /// Waits until the dropped future has left nothing.
    pub(crate) async fn nothing_left(&self) -> Result<()> {
        in_time("the drop", self.clean()).await
    }

    /// Waits until an endpoint runs.
    pub(crate) async fn endpoint_alive(&self) -> Result<()> {
        while self.there().await?.1 == 0 {}
        Ok(())
    }

    /// As `nothing_left`, without a time limit.
    pub(crate) async fn clean(&self) -> Result<()> {
        while self.there().await? != (0, 0) {}
        until(|| self.worker.dialogs_open() == 0 && tasks() <= self.tasks.get()).await;
        self.tasks.set(tasks());
        Ok(())
    }

    /// Dialogs and endpoints at the other end.
    async fn there(&self) -> Result<(usize, usize)> {
        self.worker.open_context(left(), async |_, left| Ok(left)).await
    }
}

/// Waits until no process of a test is left, and no more tasks than before.
pub(crate) async fn gone(tree: &Tree, tasks_before: usize) {
    tree.all_reaped().await;
    until(|| tasks() == tasks_before).await;
}

tractor::actor_local! {
    static ALIVE: AtomicUsize = AtomicUsize::new(0);
}

/// Counts an endpoint as long as its future lives.
pub(crate) struct Alive(());

impl Alive {
    pub(crate) fn new() -> Self {
        ALIVE.get().fetch_add(1, Ordering::Relaxed);
        Self(())
    }
}

impl Drop for Alive {
    fn drop(&mut self) {
        ALIVE.get().fetch_sub(1, Ordering::Relaxed);
    }
}

/// Other open dialogs on this connection, as its other end sees them, and endpoints.
#[tractor::context(started = (usize, usize))]
async fn left(ctx: Context<(usize, usize), (), ()>) -> tractor::Result<()> {
    // A request enters the count with its first wait.
    tokio::task::yield_now().await;
    let dialogs = ctx.portal().dialogs_open() - 1;
    ctx.started((dialogs, ALIVE.get().load(Ordering::Relaxed))).await?;
    Ok(())
}

/// Lets all other tasks run, so that a task that waits for this one does wait.
pub(crate) async fn pause() {
    for _ in 0..3 {
        tokio::task::yield_now().await;
    }
}
