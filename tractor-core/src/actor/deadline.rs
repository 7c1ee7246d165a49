//! Deadlines: the time that a request, and everything started on its behalf, has left.
//!
//! A deadline is a point on this actor's own clock. It crosses to another actor as the time that is left, which that
//! actor adds to its own clock: so clocks need not agree, and a budget shrinks by the way it has travelled.
//!
//! # Invariants
//! 1. Of two deadlines the earlier one holds: no scope and no hop prolongs what it was given.
//! 2. Without a deadline there is no timer and no allocation.
//! 3. Who waits is polled before its clock is looked at: what is there when the time is over still counts.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep_until};

use super::linked::Linked;
use super::state::Asked;
use crate::error::{DeadlineExceeded, Error};

/// Pause between two looks at requests that settle.
const LOOK_AGAIN: Duration = Duration::from_millis(100);

tokio::task_local! {
    static SCOPE: DeadlineScope;
}

/// What the running task has to keep to.
#[derive(Clone)]
struct DeadlineScope {
    at: Instant,
    /// Requests of this task that are past their deadline and wait for the end of their remote tasks. `None` in an
    /// endpoint, which is dropped without waiting for them.
    settling: Option<Arc<AtomicUsize>>,
}

/// The deadline of one request, and the time there was when it began.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Deadline {
    pub(crate) at: Instant,
    pub(crate) budget: Duration,
}

impl Deadline {
    pub(crate) fn starting_now(at: Instant) -> Self {
        Self { at, budget: budget_until(at) }
    }

    /// Of a request of the peer. A time beyond what the clock can show is no deadline.
    pub(super) fn of_peer(remaining: Option<Duration>) -> Option<Self> {
        let budget = remaining?;
        Some(Self { at: Instant::now().checked_add(budget)?, budget })
    }

    fn is_over(&self) -> bool {
        self.at <= Instant::now()
    }
}

/// The deadline of the running task: that of the request whose endpoint runs, or that of a
/// [`with_deadline`](crate::with_deadline) around the caller. Every request that is started here inherits it.
///
/// It is a point on the runtime's clock, for `tokio::time::sleep_until` and its like. `None` without a deadline, and in
/// tasks made with `tokio::spawn`, which have left the scope.
pub fn current_deadline() -> Option<Instant> {
    SCOPE.try_with(|scope| scope.at).ok()
}

/// The earlier of a deadline of one's own and that of the running task.
pub(crate) fn effective(own: Option<Instant>) -> Option<Instant> {
    match (own, current_deadline()) {
        (Some(own), Some(inherited)) => Some(own.min(inherited)),
        (own, inherited) => own.or(inherited),
    }
}

/// The time that is left, for people: rounded up to whole milliseconds, so that what they gave is what they read. Zero only
/// if nothing is left.
pub(crate) fn budget_until(at: Instant) -> Duration {
    let left = at.saturating_duration_since(Instant::now());
    let millis = left.as_nanos().div_ceil(1_000_000);
    u64::try_from(millis).map_or(left, Duration::from_millis)
}

/// This long from now; `None` if the clock ends before that.
pub(crate) fn instant_after(budget: Duration) -> Option<Instant> {
    Instant::now().checked_add(budget)
}

/// Polls an endpoint with the deadline of its request.
pub(super) fn in_scope<R>(deadline: Option<Deadline>, f: impl FnOnce() -> R) -> R {
    match deadline {
        Some(Deadline { at, .. }) => SCOPE.sync_scope(DeadlineScope { at, settling: None }, f),
        None => f(),
    }
}

/// Runs a future as a scope with this deadline. `None` when the time was over first; the future is dropped then.
pub(crate) async fn within<F: Future>(at: Instant, future: F) -> Option<F::Output> {
    let at = effective(Some(at)).unwrap_or(at);
    let outer = SCOPE.try_with(|scope| scope.settling.clone()).ok().flatten();
    let settling = outer.unwrap_or_default();
    let mut over = Expiry::new(at);
    let scope = DeadlineScope { at, settling: Some(settling.clone()) };
    let mut future = pin!(SCOPE.scope(scope, future));
    poll_fn(|cx| {
        if let Poll::Ready(output) = future.as_mut().poll(cx) {
            return Poll::Ready(Some(output));
        }
        while over.poll(cx).is_ready() {
            if settling.load(Ordering::Relaxed) == 0 {
                return Poll::Ready(None);
            }
            // The requests in the future end by themselves now, and tell more than this scope can. One that was taken to
            // another task meanwhile does not wake this one.
            over = Expiry::new(Instant::now() + LOOK_AGAIN);
        }
        Poll::Pending
    })
    .await
}

/// Counts a request of the running task that waits for the end of its remote task past the deadline.
#[derive(Debug)]
pub(crate) struct Settling(Option<Arc<AtomicUsize>>);

impl Settling {
    pub(crate) fn begin() -> Self {
        let counter = SCOPE.try_with(|scope| scope.settling.clone()).ok().flatten();
        if let Some(counter) = &counter {
            counter.fetch_add(1, Ordering::Relaxed);
        }
        Self(counter)
    }
}

impl Drop for Settling {
    fn drop(&mut self) {
        if let Some(counter) = &self.0 {
            counter.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

/// Ready once the time is over. The timer is armed by the first poll that finds time left.
#[derive(Debug)]
pub(crate) struct Expiry {
    at: Instant,
    sleep: Option<Pin<Box<Sleep>>>,
}

impl Expiry {
    pub(crate) fn new(at: Instant) -> Self {
        Self { at, sleep: None }
    }

    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        // Not left to the timer, which may fire a little later than that of another deadline for the same time.
        if self.at <= Instant::now() {
            return Poll::Ready(());
        }
        let at = self.at;
        self.sleep.get_or_insert_with(|| Box::pin(sleep_until(at))).as_mut().poll(cx)
    }
}

impl Linked {
    /// The failure of a parent side that has run out of time, and of which the other side has reported this since.
    pub(crate) fn deadline_exceeded(&self, late: Option<Error>) -> Error {
        let budget = self.deadline.map_or(Duration::ZERO, |deadline| deadline.budget);
        DeadlineExceeded::of_request(self.endpoint.clone(), self.peer.aid.uid.clone(), budget, late).into()
    }

    /// Whether the deadline of this dialog has passed.
    pub(super) fn is_overdue(&self) -> bool {
        self.deadline.is_some_and(|deadline| deadline.is_over())
    }

    /// Cancels a child side that has run out of time. Whoever has set the deadline is who asked for it.
    pub(super) fn expire(&self) {
        let mut cell = self.lock();
        if cell.cancel(self.peer.aid.uid.clone(), Asked::Deadline) {
            self.wake_all(&mut cell);
        }
    }
}
