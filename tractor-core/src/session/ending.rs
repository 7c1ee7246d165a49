//! The end of an endpoint's task: who watches for it, what defers it, and what it leaves behind.
//!
//! A task that must end is dropped at its next await. Two things come first: a watcher sees the end coming, and a
//! shield keeps the task until what it protects is done.
//!
//! # Invariants
//! 1. A task with a watcher is polled once more after its end was asked for, and not more often for that reason: who
//!    holds a watcher without polling it gains one poll.
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
    /// What the endpoint has left behind, or will.
    pub(super) fn region(&self) -> &Arc<Region> {
        self.region.get_or_init(Arc::default)
    }

    /// Waits until nothing that the endpoint has left behind goes on.
    pub(crate) fn poll_down(&self, cx: &Context<'_>) -> Poll<()> {
        self.region.get().map_or(Poll::Ready(()), |region| region.poll_down(cx))
    }

    /// Whether the endpoint is dropped where it waits next.
    pub(super) fn is_being_dropped(&self) -> bool {
        let cell = self.cell();
        cell.dialog.is_ending() && !cell.deferral.is_shielded()
    }

    /// Cancels a child side whose scope is dropped here. The scopes around it wait for its end.
    pub(crate) fn abandon(self: &Arc<Self>) {
        self.cancel_remote();
        // Dropped after the lock, if the end has come meanwhile; or what was left before.
        let mut left = Teardown::here();
        let mut cell = self.cell();
        if cell.outcome.is_none() {
            std::mem::swap(&mut cell.left, &mut left);
        }
    }

    /// Nobody waits any more for the end of a child side whose scope was dropped: it is left to its actor.
    pub(crate) fn give_up(&self) {
        let left = self.cell().left.take();
        drop(left);
    }
}

/// What keeps a task that must end from being dropped at once.
#[derive(Debug, Default)]
pub(super) struct Deferral {
    /// The task was left one more poll for its watchers.
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
