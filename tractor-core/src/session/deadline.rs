//! Deadlines: the time that a request, and everything started on its behalf, has left.
//!
//! A deadline is a point on this actor's own clock. It travels as the remaining time, without the time in transit.
//!
//! # Invariants
//! 1. Of two deadlines the earlier one holds: no scope and no hop prolongs its deadline.
//! 2. Without a deadline there is no timer and no allocation.
//! 3. A waiting future is polled before its clock is read: a result that is ready when the time is over still counts.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep_until};

use super::end::SessionEnd;
use super::state::Asked;
use crate::error::{DeadlineExceeded, Error};

/// Pause between two looks at requests that settle.
const LOOK_AGAIN: Duration = Duration::from_millis(100);

tokio::task_local! {
    static SCOPE: DeadlineScope;
}

/// The limits of the running task.
#[derive(Clone)]
struct DeadlineScope {
    at: Instant,
    /// `None` in an endpoint: it is dropped without waiting for its requests.
    overdue: Option<Arc<Overdue>>,
}

/// The requests in a scope that are past their deadline and wait for the end of their remote tasks.
#[derive(Debug, Default)]
struct Overdue {
    /// The scope around this one, which waits for them too.
    outer: Option<Arc<Self>>,
    waits: Mutex<Waits>,
}

#[derive(Debug, Default)]
struct Waits {
    count: usize,
    /// When the last of them gives up; `None` for never.
    until: Option<Instant>,
}

impl Overdue {
    fn lock(&self) -> MutexGuard<'_, Waits> {
        self.waits.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn begin(&self, until: Option<Instant>) {
        let mut waits = self.lock();
        waits.until = if waits.count == 0 { until } else { waits.until.zip(until).map(|(a, b)| a.max(b)) };
        waits.count += 1;
    }

    /// Whether the scope still waits for the requests. It does not when they are past their own time to give up: then
    /// nothing polls them any more.
    fn hold(&self) -> bool {
        let waits = self.lock();
        let late =
            waits.until.map_or(Duration::ZERO, |until| Instant::now().saturating_duration_since(until));
        waits.count > 0 && late < LOOK_AGAIN
    }

    /// This scope and those around it.
    fn outwards(&self) -> impl Iterator<Item = &Self> {
        std::iter::successors(Some(self), |scope| scope.outer.as_deref())
    }
}

/// The late requests of the running task's scope.
fn overdue_here() -> Option<Arc<Overdue>> {
    SCOPE.try_with(|scope| scope.overdue.clone()).ok().flatten()
}

/// The deadline of one request or scope, and the time there was when it began. Both come from one reading of the clock:
/// time between two readings would be missing from the budget.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Deadline {
    pub(crate) at: Instant,
    pub(crate) budget: Duration,
}

impl Deadline {
    /// The deadline of a request that starts now in the running task: the earliest of this budget, this point, and the
    /// task's own deadline.
    pub(crate) fn starting_now(within: Option<Duration>, until: Option<Instant>) -> Option<Self> {
        // Reading the clock costs more than the rest of a call without a deadline.
        if within.is_none() && until.is_none() && effective(None).is_none() {
            return None;
        }
        let now = Instant::now();
        let end = within.and_then(|within| now.checked_add(within));
        let own = match (end, until) {
            (Some(end), Some(until)) => Some(end.min(until)),
            (end, until) => end.or(until),
        };
        let at = effective(own)?;
        let budget = within.filter(|_| end == Some(at)).unwrap_or_else(|| budget(now, at));
        Some(Self { at, budget })
    }

    /// The deadline of a request of the peer. A time beyond the range of the clock counts as none.
    pub(crate) fn of_peer(remaining: Option<Duration>) -> Option<Self> {
        let budget = remaining?;
        Some(Self { at: Instant::now().checked_add(budget)?, budget })
    }

    pub(crate) fn is_over(&self) -> bool {
        self.at <= Instant::now()
    }
}

/// The deadline of the running task: that of the request whose endpoint runs, or that of a
/// [`with_deadline`](crate::with_deadline) around the caller. Every request that starts in the task inherits it.
///
/// It is a point on the runtime's clock, for functions like `tokio::time::sleep_until`. `None` without a deadline, and
/// in tasks made with `tokio::spawn`, which have left the scope.
pub fn current_deadline() -> Option<Instant> {
    SCOPE.try_with(|scope| scope.at).ok()
}

/// The earlier of the given deadline and that of the running task.
fn effective(own: Option<Instant>) -> Option<Instant> {
    match (own, current_deadline()) {
        (Some(own), Some(inherited)) => Some(own.min(inherited)),
        (own, inherited) => own.or(inherited),
    }
}

/// The time until a deadline, for error texts: rounded up to whole milliseconds. Zero only if no time is left.
fn budget(now: Instant, at: Instant) -> Duration {
    let left = at.saturating_duration_since(now);
    let millis = left.as_nanos().div_ceil(1_000_000);
    u64::try_from(millis).map_or(left, Duration::from_millis)
}

/// This long from now; `None` if the clock ends before that.
pub(crate) fn instant_after(budget: Duration) -> Option<Instant> {
    Instant::now().checked_add(budget)
}

/// Polls or drops an endpoint with the deadline of its request.
pub(crate) fn in_scope<R>(deadline: Option<Deadline>, f: impl FnOnce() -> R) -> R {
    match deadline {
        Some(Deadline { at, .. }) => SCOPE.sync_scope(DeadlineScope { at, overdue: None }, f),
        None => f(),
    }
}

/// Runs a future as a scope with this deadline. When the deadline comes first, drops the future and returns `None`.
pub(crate) async fn within<F: Future>(at: Instant, future: F) -> Option<F::Output> {
    let at = effective(Some(at)).unwrap_or(at);
    let overdue = Arc::new(Overdue { outer: overdue_here(), waits: Mutex::default() });
    let mut over = Expiry::new(at);
    let scope = DeadlineScope { at, overdue: Some(overdue.clone()) };
    let mut future = pin!(SCOPE.scope(scope, future));
    poll_fn(|cx| {
        if let Poll::Ready(output) = future.as_mut().poll(cx) {
            return Poll::Ready(Some(output));
        }
        while over.poll(cx).is_ready() {
            if !overdue.hold() {
                return Poll::Ready(None);
            }
            // The requests in the future now end by themselves, with errors that tell more than this scope can. A
            // request that has moved to another task does not wake this one.
            over = Expiry::new(Instant::now() + LOOK_AGAIN);
        }
        Poll::Pending
    })
    .await
}

/// Counts a request of the running task that waits for the end of its remote task past the deadline.
#[derive(Debug)]
pub(crate) struct Settling(Option<Arc<Overdue>>);

impl Settling {
    /// The request waits until this point at most, if there is one.
    pub(crate) fn begin(until: Option<Instant>) -> Self {
        let scope = overdue_here();
        scope.iter().flat_map(|scope| scope.outwards()).for_each(|scope| scope.begin(until));
        Self(scope)
    }
}

impl Drop for Settling {
    fn drop(&mut self) {
        self.0.iter().flat_map(|scope| scope.outwards()).for_each(|scope| scope.lock().count -= 1);
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

impl SessionEnd {
    /// The failure of a parent side that has run out of time. `late` is the error that the other side has reported
    /// since.
    pub(crate) fn deadline_exceeded(&self, late: Option<Error>) -> Error {
        let budget = self.deadline.map_or(Duration::ZERO, |deadline| deadline.budget);
        DeadlineExceeded::of_request(self.endpoint.clone(), self.peer.aid.uid.clone(), budget, late).into()
    }

    /// Whether the deadline of this dialog has passed.
    pub(crate) fn is_overdue(&self) -> bool {
        self.deadline.is_some_and(|deadline| deadline.is_over())
    }

    /// Cancels a child side that has run out of time. The side that set the deadline counts as the canceller.
    pub(crate) fn expire(&self) {
        let mut cell = self.lock();
        if cell.cancel(self.peer.aid.uid.clone(), Asked::Deadline) {
            cell.wake_all();
        }
    }
}
