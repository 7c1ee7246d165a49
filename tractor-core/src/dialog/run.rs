//! One call in another actor, as a future.

use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::Instant;

use super::deadline::{Grace, Limit};
use super::stream::decode;
use crate::actor::{Again, Deadline, Expiry, Linked, Outcome, Peer, Rule, Sent, Unsettled};
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
    rule: Option<Rule<T>>,
    types: PhantomData<fn() -> T>,
}

/// Sends the request, with the deadline that the call has; a second time if its types were refused and fit all the same.
type Starter = Box<dyn FnMut(&Arc<Peer>, Option<Deadline>, Option<Again>) -> Result<Sent> + Send>;

enum State {
    Unstarted(Arc<Peer>, Starter),
    Running(Running),
    /// Past its deadline; the remote task was cancelled.
    Settling(Grace),
    Done,
}

struct Running {
    linked: Arc<Linked>,
    /// The means to send the request again, until the peer is known to accept its types.
    unsettled: Option<(Unsettled, Starter)>,
    /// The clock is there only with a deadline.
    expiry: Option<Expiry>,
}

impl Running {
    fn new(sent: Sent, starter: Starter) -> Self {
        let Sent { linked, unsettled } = sent;
        let expiry = linked.deadline.map(|deadline| Expiry::new(deadline.at));
        Self { linked, unsettled: unsettled.map(|unsettled| (unsettled, starter)), expiry }
    }
}

impl<T: Payload> Run<T> {
    pub(super) fn new(
        peer: Arc<Peer>,
        limit: Limit,
        rule: Option<Rule<T>>,
        starter: impl FnMut(&Arc<Peer>, Option<Deadline>, Option<Again>) -> Result<Sent> + Send + 'static,
    ) -> Self {
        Self { state: State::Unstarted(peer, Box::new(starter)), limit, rule, types: PhantomData }
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
        if let State::Unstarted(..) = self.state {
            let State::Unstarted(peer, mut starter) = std::mem::replace(&mut self.state, State::Done) else {
                unreachable!("matched above")
            };
            let sent = starter(&peer, self.limit.starting_now(), None)?;
            self.state = State::Running(Running::new(sent, starter));
        }
        while let State::Running(running) = &mut self.state {
            if let Poll::Ready(outcome) = running.linked.poll_outcome(cx) {
                let State::Running(Running { linked, unsettled, .. }) =
                    std::mem::replace(&mut self.state, State::Done)
                else {
                    unreachable!("matched above")
                };
                let failure = if let Outcome::Failed(error) = &outcome { Some(error) } else { None };
                if let Some((unsettled, mut starter)) = unsettled
                    && let Some(again) = unsettled.settle(&linked.peer, failure)?
                {
                    let sent = starter(&linked.peer, linked.deadline, Some(again))?;
                    self.state = State::Running(Running::new(sent, starter));
                    continue;
                }
                return Poll::Ready(value_of(&linked, self.rule, outcome));
            }
            let Some(expiry) = &mut running.expiry else { return Poll::Pending };
            std::task::ready!(expiry.poll(cx));
            let linked = running.linked.clone();
            let grace = Grace::begin(&linked);
            self.state = State::Settling(grace);
        }
        let State::Settling(grace) = &mut self.state else { panic!("`Run` polled after it was ready") };
        let error = std::task::ready!(grace.poll(cx));
        self.state = State::Done;
        Poll::Ready(Err(error))
    }
}

fn value_of<T: Payload>(linked: &Linked, rule: Option<Rule<T>>, outcome: Outcome) -> Result<T> {
    match outcome {
        Outcome::Returned(value) => decode(linked, PldKind::Return, rule, &value),
        Outcome::Failed(error) => Err(error),
        Outcome::StreamDone => Err(no_value(linked)),
    }
}

fn no_value(linked: &Linked) -> Error {
    MessagingError::new("the endpoint ended as a one-way stream, without a value", Some(linked.cid)).into()
}

impl<T> Drop for Run<T> {
    fn drop(&mut self) {
        if let State::Running(running) = &self.state {
            abandon(&running.linked);
        }
    }
}

impl<T> std::fmt::Debug for Run<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let state = match &self.state {
            State::Unstarted(..) => "unstarted",
            State::Running(running) => running.linked.phase_name(),
            State::Settling(..) => "past its deadline",
            State::Done => "done",
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
