//! Deadlines in the public API: scopes with a deadline, and requests past theirs.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::Instant;

use crate::actor::{saying_for_whom, try_current_actor, whereabouts};
use crate::error::{DeadlineExceeded, Error};
use crate::session::{
    ActorEnd, ChildActor, Deadline, Expiry, Outcome, Region, SessionEnd, Settling, Waiting, instant_after,
    within,
};

/// Runs a future, and every request that is started in it, within this time.
///
/// A request started in it has the remaining time as its own deadline. The deadline travels with the request: the
/// endpoint runs under it ([`current_deadline`](crate::current_deadline)), and so do the requests that the endpoint
/// makes to further actors. The time that is left shrinks with each hop. Of two deadlines the earlier one holds; an
/// inner scope never prolongs an outer one.
///
/// What happens when the time is over:
///
/// * A request in it ends with [`Error::DeadlineExceeded`], which names the endpoint and the actor. Its remote task is
///   cancelled, and the request waits for the task's end, at most
///   [`Timeouts::context_cancel`](crate::proto::limits::Timeouts::context_cancel). After that the request returns even
///   if the actor hangs or cannot be reached. A failure that the endpoint reports meanwhile is the
///   [source](std::error::Error::source) of the error.
/// * A future that waits for anything else is dropped, and the error names the endpoint and the actor it ran in. Scopes
///   in it, such as a nursery, end within the same limit; after that their actor ends them in the background.
/// * The other actor also cancels the task by its own clock, so that work ends even if the caller hangs or cannot be
///   reached. The endpoint is dropped as in any cancellation ([`cancelled`](crate::ContextHandle::cancelled),
///   [`shield`](crate::shield)). The caller's error is the same, whichever clock is faster. A peer of the base protocol
///   gets no deadline; then only the caller's clock counts.
/// * A result or another failure that arrives before the caller's time is over is returned as it is.
///
/// Requests that the future started before this call, because it was polled earlier, are not limited. A task made with
/// `tokio::spawn` leaves the scope. The scope does not limit the life of a child actor.
///
/// ```
/// # use tractor_core::{self as tractor, DynCall, Portal};
/// # use std::time::Duration;
/// # async fn example(portal: &Portal) -> tractor::Result<u64> {
/// let ask = DynCall::new("oracle", "answer");
/// let second = Duration::from_secs(1);
/// let answer = portal.run_dyn(ask.clone());
/// let one: u64 = tractor::with_deadline(second, answer).await?;
/// tractor::with_deadline(2 * second, async {
///     let two: u64 = portal.run_dyn(ask.clone()).await?;
///     let three: u64 = portal.run_dyn(ask).await?; // has what the second one left
///     Ok(one + two + three)
/// })
/// .await
/// # }
/// ```
///
/// # Errors
/// The future's own error; [`Error::DeadlineExceeded`] when the future was not ready in time.
///
/// # Cancel safety
/// As cancel safe as the future.
pub async fn with_deadline<T, E, F>(budget: Duration, future: F) -> Result<T, E>
where
    F: IntoFuture<Output = Result<T, E>>,
    E: From<Error>,
{
    scope(Deadline::starting_now(Some(budget), None), future).await
}

/// As [`with_deadline`], but with a point on the runtime's clock as its deadline.
///
/// # Errors
/// As [`with_deadline`].
///
/// # Cancel safety
/// As [`with_deadline`].
pub async fn with_deadline_at<T, E, F>(at: Instant, future: F) -> Result<T, E>
where
    F: IntoFuture<Output = Result<T, E>>,
    E: From<Error>,
{
    scope(Deadline::starting_now(None, Some(at)), future).await
}

/// A budget beyond the end of the clock counts as none; without a deadline the future just runs.
async fn scope<T, E, F>(deadline: Option<Deadline>, future: F) -> Result<T, E>
where
    F: IntoFuture<Output = Result<T, E>>,
    E: From<Error>,
{
    let Some(deadline) = deadline else { return future.await };
    let region = Region::new();
    if let Some(result) = within(deadline.at, region.run(future.into_future())).await {
        return result;
    }
    // Waits for the scopes that the future has left behind, within the actor's limit.
    if let Ok(actor) = try_current_actor() {
        let limit = actor.timeouts().context_cancel;
        let _settling = Settling::begin(instant_after(limit));
        _ = tokio::time::timeout(limit, region.down()).await;
    }
    Err(Error::DeadlineExceeded(DeadlineExceeded::of_scope(deadline.budget, whereabouts())).into())
}

/// The time limits of a request that has not started yet.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Limit {
    /// The time from the start of the request on.
    budget: Option<Duration>,
    at: Option<Instant>,
}

impl Limit {
    pub(super) fn add_budget(&mut self, budget: Duration) {
        self.budget = Some(self.budget.map_or(budget, |known| known.min(budget)));
    }

    pub(super) fn add_point(&mut self, at: Instant) {
        self.at = Some(self.at.map_or(at, |known| known.min(at)));
    }

    /// The deadline of a request that starts now, in the running task.
    pub(super) fn starting_now(&self) -> Option<Deadline> {
        Deadline::starting_now(self.budget, self.at)
    }
}

/// How the inside of a dialog's scope ended.
pub(super) enum Inside<T, E> {
    /// With this result; the other side has ended, too.
    Done(Result<T, E>),
    /// With this error, which wins over everything later. The other side may still have to be ended.
    Failed(E),
}

/// Runs the inside of a dialog's scope within its deadline, and ends the other side. If the deadline drops the inside,
/// the scope's own guard cancels the other side.
pub(super) async fn in_time<T, E: From<Error>>(
    session: &Arc<SessionEnd>,
    inside: impl Future<Output = Inside<T, E>>,
) -> Result<T, E> {
    let region = Region::new();
    let inside = region.run(inside);
    let inside = match session.deadline {
        None => inside.await,
        Some(deadline) => match within(deadline.at, inside).await {
            Some(inside) => inside,
            None => return Err(grace(session, region).await.into()),
        },
    };
    let (result, failed) = match inside {
        Inside::Done(result) => (result, false),
        Inside::Failed(error) => (Err(error), true),
    };
    ended(session, region, failed).await;
    result
}

/// Waits for the end of the other side, and of the scopes left behind in this one. Compiled once, whatever the scope
/// runs.
async fn ended(session: &Arc<SessionEnd>, region: Arc<Region>, failed: bool) {
    let end = async {
        if failed {
            session.cancel_remote();
            session.drained().await;
        }
        region.down().await;
    };
    let end = saying_for_whom(session.peer.timeouts.scope_warning, || waits_for(session), end);
    match session.deadline {
        None => end.await,
        Some(deadline) => {
            if within(deadline.at, end).await.is_none() {
                _ = grace(session, region).await;
            }
        }
    }
}

/// The text of the warning that a dialog's scope waits at its exit, with a hint.
pub(super) fn waits_for(session: &SessionEnd) -> String {
    let (endpoint, actor) = (&session.endpoint, session.peer.aid.uid.name());
    if session.has_outcome() {
        format!("the scope of `{endpoint}` in actor {actor:?} is waiting for scopes that were dropped in it")
    } else if session.cancel_called() {
        format!(
            "a scope is waiting for `{endpoint}` in actor {actor:?}, which was cancelled: is it shielded or busy?"
        )
    } else {
        format!(
            "a scope is waiting for `{endpoint}` in actor {actor:?} to return: close its stream, or cancel it \
             (`ContextHandle::cancel`)"
        )
    }
}

/// Cancels a request that is past its deadline. Waits, within a limit, for its end and for the scopes left behind in
/// it.
async fn grace(session: &Arc<SessionEnd>, region: Arc<Region>) -> Error {
    let mut grace = Grace { region: Some(region), ..Grace::begin(session) };
    poll_fn(|cx| grace.poll(cx)).await
}

/// The wait of a request past its deadline: for the end of the remote task, within a limit.
#[derive(Debug)]
pub(super) struct Grace {
    /// `None` for a limit beyond the end of the clock.
    until: Option<Expiry>,
    outcome: Waiting,
    /// The error of the request, once the remote task has ended.
    error: Option<Error>,
    /// `None` for a call, in which nothing runs here.
    region: Option<Arc<Region>>,
    session: Arc<SessionEnd>,
    _settling: Settling,
}

impl Grace {
    /// Cancels the remote task.
    pub(super) fn begin(session: &Arc<SessionEnd>) -> Self {
        session.cancel_remote();
        let until = instant_after(session.peer.timeouts.context_cancel);
        let outcome = Waiting::new(session.clone());
        Self {
            until: until.map(Expiry::new),
            outcome,
            error: None,
            region: None,
            session: session.clone(),
            _settling: Settling::begin(until),
        }
    }

    /// Ready with the error of the request.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Error> {
        let session = &*self.session;
        if self.error.is_none()
            && let Poll::Ready(outcome) = self.outcome.poll_drained(cx)
        {
            self.error = Some(late_error(session, outcome));
        }
        if self.region.as_ref().is_none_or(|region| region.poll_down(cx).is_ready())
            && let Some(error) = self.error.take()
        {
            return Poll::Ready(error);
        }
        let Some(until) = &mut self.until else { return Poll::Pending };
        std::task::ready!(until.poll(cx));
        tracing::warn!(
            endpoint = %session.endpoint, actor = %session.peer.aid.uid,
            "a task past its deadline did not end within {:?} (`Timeouts::context_cancel`)",
            session.peer.timeouts.context_cancel
        );
        session.give_up();
        Poll::Ready(self.error.take().unwrap_or_else(|| session.deadline_exceeded(None)))
    }
}

/// The wait of a call past its deadline whose actor is being killed: until the process is gone. The ladder bounds it.
pub(super) struct Fatal {
    end: Pin<Box<dyn Future<Output = ActorEnd> + Send>>,
    session: Arc<SessionEnd>,
    _settling: Settling,
}

impl Fatal {
    /// Kills the actor.
    pub(super) fn begin(session: &Arc<SessionEnd>, child: &Arc<ChildActor>) -> Self {
        child.kill();
        let child = child.clone();
        let end = Box::pin(async move { child.gone().await });
        Self { end, session: session.clone(), _settling: Settling::begin(None) }
    }

    /// Ready with the error of the call.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Error> {
        self.end.as_mut().poll(cx).map(|end| {
            let died = match end {
                ActorEnd::Killed(died) | ActorEnd::Died(died) => Some(died.into()),
                ActorEnd::InOrder | ActorEnd::Acknowledged => None,
            };
            self.session.deadline_exceeded(died)
        })
    }
}

/// The deadline's error, with the failure that the other side reported after it as its source.
fn late_error(session: &SessionEnd, outcome: Outcome) -> Error {
    match outcome {
        Outcome::Failed(Error::Cancelled(_) | Error::DeadlineExceeded(_))
        | Outcome::Returned(_)
        | Outcome::StreamDone => session.deadline_exceeded(None),
        Outcome::Failed(late) => session.deadline_exceeded(Some(late)),
    }
}
