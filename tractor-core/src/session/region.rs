//! The scopes around the running task: the teardowns left behind in them, and whether they have failed.
//!
//! A region is what one scope runs: the body of a nursery or of a context, an endpoint, a shared resource. A scope that
//! is dropped in it before its end leaves a teardown behind, and the code that runs the region waits for that.
//!
//! # Invariants
//! 1. A teardown left behind in a region counts in every region around it, until it is over.
//! 2. In a region that has failed, a result that may only follow from that failure is held back for one poll. The task
//!    is dropped in that poll, so the scope returns the first failure.

use std::future::poll_fn;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use super::end::SessionEnd;
use crate::error::{Error, Result};
use crate::wakers::{Slot, Woken, poll_or_register};

tokio::task_local! {
    static HERE: Place;
}

/// The innermost region of the running task.
#[derive(Debug, Clone)]
enum Place {
    Endpoint(Arc<SessionEnd>),
    Scope(Arc<Region>),
}

impl Place {
    fn here() -> Option<Self> {
        HERE.try_with(Self::clone).ok()
    }

    fn region(&self) -> &Region {
        match self {
            Self::Endpoint(session) => session.region(),
            Self::Scope(region) => region,
        }
    }

    fn around(&self) -> Option<&Self> {
        match self {
            Self::Endpoint(_) => None,
            Self::Scope(region) => region.around.as_ref(),
        }
    }

    /// This region and those around it.
    fn outwards(&self) -> impl Iterator<Item = &Self> {
        std::iter::successors(Some(self), |place| place.around())
    }

    /// Whether the running task is about to be dropped here.
    fn is_over(&self) -> bool {
        match self {
            Self::Endpoint(session) => session.is_being_dropped(),
            Self::Scope(region) => region.failed.load(Ordering::Acquire),
        }
    }
}

/// The code that one scope runs.
#[derive(Debug, Default)]
pub(crate) struct Region {
    around: Option<Place>,
    failed: AtomicBool,
    left: Mutex<Left>,
}

/// The teardowns that were left behind.
#[derive(Debug, Default)]
struct Left {
    teardowns: usize,
    /// The task of the scope, which waits for them.
    scope: Slot,
}

impl Region {
    /// A region of the running task.
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self { around: Place::here(), ..Self::default() })
    }

    fn lock(&self) -> MutexGuard<'_, Left> {
        self.left.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs the region's code.
    pub(crate) fn run<F: Future>(self: &Arc<Self>, future: F) -> impl Future<Output = F::Output> + use<F> {
        HERE.scope(Place::Scope(self.clone()), future)
    }

    /// Marks the region as failed; its code will be dropped.
    pub(crate) fn fail(&self) {
        self.failed.store(true, Ordering::Release);
    }

    /// Waits until every teardown left behind has ended.
    pub(crate) fn poll_down(&self, cx: &Context<'_>) -> Poll<()> {
        poll_or_register(
            cx,
            || self.lock(),
            |left| &mut left.scope,
            |left| if left.teardowns == 0 { Poll::Ready(()) } else { Poll::Pending },
        )
    }

    /// As [`poll_down`](Self::poll_down).
    pub(crate) async fn down(&self) {
        poll_fn(|cx| self.poll_down(cx)).await;
    }
}

/// Runs an endpoint, as a region of its own.
pub(crate) fn in_endpoint<F: Future>(
    session: Arc<SessionEnd>,
    endpoint: F,
) -> impl Future<Output = F::Output> + use<F> {
    HERE.scope(Place::Endpoint(session), endpoint)
}

/// The dialog whose endpoint the running task is in.
pub(crate) fn endpoint_here() -> Option<Arc<SessionEnd>> {
    let outermost = |here: &Place| match here.outwards().last() {
        Some(Place::Endpoint(session)) => Some(session.clone()),
        Some(Place::Scope(_)) | None => None,
    };
    HERE.try_with(outermost).ok().flatten()
}

/// The unfinished end of a scope that was dropped. This is dropped when it is finished.
#[derive(Debug)]
pub(crate) struct Teardown(Place);

impl Teardown {
    /// The teardown of a scope that is dropped here. `None` if no region around it could wait.
    pub(crate) fn here() -> Option<Self> {
        let place = Place::here()?;
        place.outwards().for_each(|place| place.region().lock().teardowns += 1);
        Some(Self(place))
    }
}

impl Drop for Teardown {
    fn drop(&mut self) {
        for place in self.0.outwards() {
            let mut woken = Woken::default();
            let mut left = place.region().lock();
            left.teardowns -= 1;
            if left.teardowns == 0 {
                woken.add(left.scope.take());
            }
        }
    }
}

/// Whether a failure may only follow from another one, because a task or an actor was told to end.
fn may_follow(error: &Error) -> bool {
    matches!(
        error,
        Error::Cancelled(_) | Error::Closed(_) | Error::Unreachable(_) | Error::Spawn(_) | Error::Runtime(_)
    )
}

/// Holds a failure back, once, if it may follow from the failure of a surrounding scope, or from the end of the
/// endpoint.
#[derive(Debug, Default)]
pub(crate) struct InOrder {
    gave_way: bool,
}

impl InOrder {
    /// The result, unless it is held back for now. Then the task is woken: it is polled again at once, or dropped.
    pub(crate) fn poll<T>(&mut self, cx: &Context<'_>, result: Result<T>) -> Poll<Result<T>> {
        if let Err(error) = &result
            && self.holds_back(error)
        {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        Poll::Ready(result)
    }

    fn holds_back(&mut self, error: &Error) -> bool {
        let is_over = || HERE.try_with(|here| here.outwards().any(Place::is_over)).unwrap_or(false);
        !self.gave_way && may_follow(error) && is_over() && !std::mem::replace(&mut self.gave_way, true)
    }
}

/// Passes a result on, but first gives way to a failure of a surrounding scope that may have caused it.
pub(crate) async fn in_order<T>(result: Result<T>) -> Result<T> {
    let Err(error) = result else { return result };
    let mut order = InOrder::default();
    poll_fn(|cx| order.poll(cx, Err(error.clone()))).await
}
