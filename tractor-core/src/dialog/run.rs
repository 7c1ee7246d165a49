//! One call in another actor, as a future.

use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::Instant;

use super::deadline::{Grace, Limit};
use super::scope::Scope;
use super::stream::decode;
use crate::actor::{Deadline, Expiry, Linked, Outcome, Peer};
use crate::error::{Error, MessagingError, Result};
use crate::proto::codec::PldKind;
use crate::proto::payload::Payload;

/// A call in another actor; made by [`Portal::run`](super::Portal::run). Like any future it does nothing until polled.
///
/// # Cancel safety
/// Dropping it after its first poll cancels the remote task, unless its outcome has arrived.
#[must_use = "futures do nothing unless awaited"]
pub struct Run<T> {
    state: State,
    limit: Limit,
    /// What the value has to keep to.
    types: PhantomData<fn() -> T>,
}

/// Sends the request, with the deadline that the call has.
type Send = Box<dyn FnOnce(&Arc<Peer>, Option<Deadline>) -> Result<Arc<Linked>> + std::marker::Send>;

enum State {
    Unsent(Arc<Peer>, Send),
    /// The clock is there only with a deadline. Dropped, the scope cancels the remote task.
    Sent(Scope, Option<Expiry>),
    /// Past its deadline; the remote task was cancelled.
    Overdue(Grace),
    Over,
}

impl<T: Payload> Run<T> {
    pub(super) fn new(
        peer: Arc<Peer>,
        limit: Limit,
        send: impl FnOnce(&Arc<Peer>, Option<Deadline>) -> Result<Arc<Linked>> + std::marker::Send + 'static,
    ) -> Self {
        Self { state: State::Unsent(peer, Box::new(send)), limit, types: PhantomData }
    }

    /// Limits the call to this much time from its first poll on. Of several limits the earliest holds; the actor is told
    /// what is left, and so are those that it calls in turn. Zero refuses the call.
    ///
    /// When the time is over, the remote task is cancelled and the call ends with
    /// [`Error::DeadlineExceeded`], whatever the actor does; see [`with_deadline`](crate::with_deadline).
    ///
    /// ```
    /// # use tractor_core::{self as tractor, DynCall, Portal};
    /// # use std::time::Duration;
    /// # async fn example(portal: &Portal) -> tractor::Result<()> {
    /// let call = DynCall::new("oracle", "answer");
    /// let answer: u64 = portal.run_dyn(call).deadline(Duration::from_secs(2)).await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn deadline(mut self, budget: Duration) -> Self {
        self.limit.add_budget(budget);
        self
    }

    /// As [`deadline`](Self::deadline), until a point on the runtime's clock.
    pub fn deadline_at(mut self, at: Instant) -> Self {
        self.limit.add_point(at);
        self
    }
}

impl<T: Payload> Future for Run<T> {
    type Output = Result<T>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        loop {
            self.state = match std::mem::replace(&mut self.state, State::Over) {
                State::Unsent(peer, send) => {
                    let linked = send(&peer, self.limit.starting_now())?;
                    let expiry = linked.deadline.map(|deadline| Expiry::new(deadline.at));
                    State::Sent(Scope(linked), expiry)
                }
                State::Sent(scope, mut expiry) => {
                    if let Poll::Ready(outcome) = scope.0.poll_outcome(cx) {
                        return Poll::Ready(value_of(&scope.0, outcome));
                    }
                    if !expiry.as_mut().is_some_and(|expiry| expiry.poll(cx).is_ready()) {
                        self.state = State::Sent(scope, expiry);
                        return Poll::Pending;
                    }
                    State::Overdue(Grace::begin(&scope.0))
                }
                State::Overdue(mut grace) => {
                    let polled = grace.poll(cx);
                    if polled.is_pending() {
                        self.state = State::Overdue(grace);
                    }
                    return polled.map(Err);
                }
                State::Over => panic!("`Run` polled after it was ready"),
            }
        }
    }
}

fn value_of<T: Payload>(linked: &Linked, outcome: Outcome) -> Result<T> {
    match outcome {
        Outcome::Returned(value) => decode(linked, PldKind::Return, &value),
        Outcome::Failed(error) => Err(error),
        Outcome::StreamDone => Err(no_value(linked)),
    }
}

fn no_value(linked: &Linked) -> Error {
    MessagingError::new("the endpoint ended as a one-way stream, without a value", Some(linked.cid)).into()
}

impl<T> std::fmt::Debug for Run<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let state = match &self.state {
            State::Unsent(..) => "unstarted",
            State::Sent(scope, _) => scope.0.phase_name(),
            State::Overdue(_) => "past its deadline",
            State::Over => "done",
        };
        f.debug_struct("Run").field("state", &state).finish()
    }
}

/// Cancels a dialog whose parent side is being dropped. The table keeps it until its outcome arrives.
pub(super) fn abandon(linked: &Arc<Linked>) {
    if linked.cancel_here() {
        linked.peer.request_cancel(linked.cid);
    }
}
