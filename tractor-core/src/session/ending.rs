//! The end of an endpoint's task: who watches for it, and what defers it.
//!
//! A task that must end is dropped at its next await. Two things come first: a watcher sees the end coming, and a shield
//! keeps the task until what it protects is done.
//!
//! # Invariants
//! 1. A task with a watcher is polled once more after its end was asked for, and not more often for that reason: who
//!    holds a watcher without polling it gains one poll.
//! 2. A shielded task is dropped only after its last shield, or with its runtime.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use super::end::SessionEnd;
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
