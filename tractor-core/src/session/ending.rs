//! The end of an endpoint's task: its watchers, the shields that defer it, and the scopes that it leaves behind.
//!
//! A task that must end is dropped at its next await. Two things come first: a watcher becomes ready, and a shield
//! keeps the task until the protected work is done.
//!
//! # Invariants
//! 1. A task with a watcher is polled exactly once more after its end was requested, whether it polls the watcher or
//!    not.
//! 2. A shielded task is dropped only after its last shield, or with its runtime.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use super::end::SessionEnd;
use super::region::{Region, Teardown};
use super::waiting::Waiting;

/// Ready once an endpoint must end; made by [`cancelled`](crate::ContextHandle::cancelled).
///
/// # Cancel safety
/// Cancel safe.
#[derive(Debug)]
#[must_use = "futures do nothing unless awaited"]
pub struct UntilCancelled(Waiting);

impl UntilCancelled {
    pub(crate) fn new(session: Arc<SessionEnd>) -> Self {
        Self(Waiting::new(session))
    }
}

impl Future for UntilCancelled {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.0.poll(cx, |_, cell| {
            if cell.dialog.is_ending() || cell.dialog.is_settled() { Poll::Ready(()) } else { Poll::Pending }
        })
    }
}

impl SessionEnd {
    /// Keeps the endpoint's task from being dropped, until [`end_shield`](Self::end_shield).
    pub(crate) fn begin_shield(&self) {
        self.lock().deferral.shields += 1;
    }

    pub(crate) fn end_shield(&self) {
        let mut cell = self.lock();
        cell.deferral.shields -= 1;
        // The shield may have been carried into a task other than the endpoint's.
        if !cell.deferral.is_shielded() && cell.dialog.is_ending() {
            cell.wake_guard();
        }
    }
}

impl SessionEnd {
    /// The scopes that the endpoint has left behind or will leave.
    pub(super) fn region(&self) -> &Arc<Region> {
        self.region.get_or_init(Arc::default)
    }

    /// Waits until all scopes that the endpoint has left behind have ended.
    pub(crate) fn poll_down(&self, cx: &Context<'_>) -> Poll<()> {
        self.region.get().map_or(Poll::Ready(()), |region| region.poll_down(cx))
    }

    /// Whether the endpoint is dropped at its next await.
    pub(super) fn is_being_dropped(&self) -> bool {
        let cell = self.cell();
        cell.dialog.is_ending() && !cell.deferral.is_shielded()
    }

    /// Leaves a parent side whose scope is over: cancels the child side, unless there is an outcome. The surrounding
    /// scopes wait for its end.
    pub(crate) fn leave(self: &Arc<Self>) {
        if self.has_outcome() {
            return;
        }
        self.cancel_remote();
        // Dropped after the lock: the new teardown if the end has come meanwhile, or else an earlier one.
        let mut left = Teardown::here();
        let mut cell = self.cell();
        if cell.outcome.is_none() {
            std::mem::swap(&mut cell.left, &mut left);
        }
    }

    /// Stops the wait for the end of a child side whose scope was dropped: its actor ends it later.
    pub(crate) fn give_up(&self) {
        let left = self.cell().left.take();
        drop(left);
    }
}

/// The reasons not to drop a task that must end at once.
#[derive(Debug, Default)]
pub(super) struct Deferral {
    /// The task got one more poll for its watchers.
    told: bool,
    shields: usize,
}

impl Deferral {
    pub(super) fn is_shielded(&self) -> bool {
        self.shields > 0
    }

    /// Whether a task that must end, and is not shielded, is polled once more for its watchers.
    pub(super) fn leaves_one_poll(&mut self, watched: bool) -> bool {
        watched && !std::mem::replace(&mut self.told, true)
    }
}
