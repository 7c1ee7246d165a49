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

use super::current::current_linked;
use super::linked::Linked;
use super::waiting::Waiting;

/// Runs a future to its end, even if the running endpoint is cancelled meanwhile.
///
/// A cancelled endpoint is dropped at its next await. Inside of a shield it is not: it goes on, all of it, until the
/// shielded future is ready, and is dropped at its first await after that. Shields may be nested or run side by side; the
/// last one counts. The end of the endpoint is then still a cancellation, even if it returns a value; an error that it
/// returns is reported instead.
///
/// * Use it for cleanup that must not be cut short, after [`cancelled`](crate::ContextHandle::cancelled) or around an
///   await between two steps that belong together. Whoever asked for the end waits for it.
/// * A shield does not outlast the patience of its actor's parent: an actor that has to end and takes longer than
///   [`Timeouts::actor_cancel`](crate::proto::limits::Timeouts::actor_cancel) is signalled, then killed.
/// * It protects an endpoint from the end of its dialog, and nothing else: the body of a scope is still dropped when its
///   other side fails, and a `timeout` or `select!` around a shield still drops it.
/// * Where no endpoint runs, such as in `main` or in a task made with `tokio::spawn`, it just runs the future.
///
/// When the connection is gone, or the other side has failed, then `receive` and `send` on the endpoint's own stream fail
/// inside of a shield, so that nothing waits there for ever.
///
/// ```
/// # use tractor_core as tractor;
/// # async fn read_page() -> u8 { 0 }
/// # async fn write_back(_: u8) {}
///
/// // #[tractor::actor_fn]
/// async fn rewrite() {
///     let page = read_page().await;                       // a cancellation may end it here,
///     tractor::shield(write_back(page)).await;            // not here,
///     read_page().await;                                  // and here at the latest
/// }
/// ```
///
/// # Cancel safety
/// As cancel safe as the future itself; dropping it ends the shield.
pub async fn shield<F: Future>(future: F) -> F::Output {
    let _shield = Shield::new(current_linked());
    future.await
}

/// A task that is not dropped while this lives.
struct Shield(Option<Arc<Linked>>);

impl Shield {
    fn new(linked: Option<Arc<Linked>>) -> Self {
        if let Some(linked) = &linked {
            linked.lock().deferral.shields += 1;
        }
        Self(linked)
    }
}

impl Drop for Shield {
    fn drop(&mut self) {
        let Some(linked) = &self.0 else { return };
        let mut cell = linked.lock();
        cell.deferral.shields -= 1;
        // The shield may have been carried into a task other than the endpoint's.
        if !cell.deferral.is_shielded() && cell.dialog.is_ending() {
            cell.wake_guard();
        }
    }
}

/// Ready once an endpoint must end; made by [`cancelled`](crate::ContextHandle::cancelled).
///
/// # Cancel safety
/// Cancel safe.
#[derive(Debug)]
#[must_use = "futures do nothing unless awaited"]
pub struct UntilCancelled(Waiting);

impl UntilCancelled {
    pub(crate) fn new(linked: Arc<Linked>) -> Self {
        Self(Waiting::new(linked))
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
