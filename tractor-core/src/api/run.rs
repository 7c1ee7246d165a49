//! One call in another actor, as a future.

use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use tokio::time::Instant;

use super::deadline::{Fatal, Grace, Limit};
use super::stream::decode;
use crate::error::{Error, MessagingError, Result};
use crate::proto::codec::PldKind;
use crate::proto::payload::Payload;
use crate::session::{Deadline, Expiry, InOrder, Outcome, Peer, SessionEnd, Used};

/// A call in another actor; made by [`Portal::run`](super::Portal::run). The first poll sends the request; before that
/// nothing happens. To run calls concurrently, poll them concurrently, for instance with `join!`. Two calls reach the
/// actor in the order of their first polls.
///
/// # Cancel safety
/// Dropping it after its first poll cancels the remote task, unless its outcome has arrived.
#[must_use = "futures do nothing unless awaited"]
pub struct Run<T> {
    state: State,
    limit: Limit,
    /// The actor is killed at the deadline.
    or_kill: bool,
    order: InOrder,
    types: PhantomData<fn() -> T>,
}

/// Sends the request, with the deadline that the call has, and registers the task that waits for the outcome.
type Request = Box<dyn Fn(&Arc<Peer>, Option<Deadline>, &Waker) -> Result<Arc<SessionEnd>> + Send>;

enum State {
    Unsent(Arc<Used>, Request),
    /// The clock exists only with a deadline.
    Sent(Arc<SessionEnd>, Option<Expiry>),
    /// Past its deadline; the remote task was cancelled.
    Overdue(Box<Grace>),
    /// Past its deadline; the actor is being killed.
    Fatal(Fatal),
    Over,
}

impl<T: Payload> Run<T> {
    pub(super) fn new(
        peer: Arc<Used>,
        limit: Limit,
        request: impl Fn(&Arc<Peer>, Option<Deadline>, &Waker) -> Result<Arc<SessionEnd>> + Send + 'static,
    ) -> Self {
        Self {
            state: State::Unsent(peer, Box::new(request)),
            limit,
            or_kill: false,
            order: InOrder::default(),
            types: PhantomData,
        }
    }

    /// Limits the call to this much time from its first poll on. Of several limits the earliest holds. The remaining
    /// time is sent to the actor, which passes it on to the actors that it calls. A limit of zero refuses the call.
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

    /// As [`deadline`](Self::deadline), but with a point on the runtime's clock as its deadline.
    pub fn deadline_at(mut self, at: Instant) -> Self {
        self.limit.add_point(at);
        self
    }

    /// Kills the actor, a child of this one, as [`Portal::kill`](super::Portal::kill) does, if the call does not end
    /// before its deadline. For a function that may hang in a computation, a foreign library or a system call, where a
    /// cancellation does not reach it.
    ///
    /// Any deadline of the call counts: its own, its portal's, or that of the surrounding scope. Without a deadline
    /// nothing is killed. The call ends when the process is gone, with [`Error::DeadlineExceeded`], whose
    /// [`actor_died`](crate::error::DeadlineExceeded::actor_died) tells how. All other open dialogs on the actor fail
    /// with [`Error::Died`]. Without this option a deadline never ends an actor.
    ///
    /// ```
    /// # use tractor_core::{self as tractor, DynCall, Error, Portal};
    /// # use std::time::Duration;
    /// # async fn example(worker: &Portal) -> tractor::Result<()> {
    /// let call = worker.run_dyn::<u64>(DynCall::new("oracle", "answer"));
    /// match call.deadline(Duration::from_secs(2)).or_kill().await {
    ///     Err(Error::DeadlineExceeded(late)) if late.actor_died().is_some() => {
    ///         println!("start another one: {late}");
    ///     }
    ///     answer => println!("{}", answer?),
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`Error::Runtime`] if the actor is not a child of this one; the call is then not sent.
    ///
    /// # Cancel safety
    /// A drop before the deadline cancels the call like any other, and nothing is killed. After the deadline the actor
    /// is killed even if the future is dropped.
    pub fn or_kill(mut self) -> Self {
        self.or_kill = true;
        self
    }
}

impl<T> Run<T> {
    fn over(&mut self, result: Result<T>) -> Poll<Result<T>> {
        self.state = State::Over;
        Poll::Ready(result)
    }
}

impl<T: Payload> Future for Run<T> {
    type Output = Result<T>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        loop {
            match &mut this.state {
                State::Unsent(peer, request) => match send(peer, request, this.limit, this.or_kill, cx) {
                    Ok(session) => {
                        let expiry = session.deadline.map(|deadline| Expiry::new(deadline.at));
                        let has_clock = expiry.is_some();
                        this.state = State::Sent(session, expiry);
                        if !has_clock {
                            return Poll::Pending;
                        }
                    }
                    Err(error) => {
                        let refused = ready!(this.order.poll(cx, Err(error)));
                        return this.over(refused);
                    }
                },
                State::Sent(session, expiry) => {
                    match session.poll_outcome(cx) {
                        // The actor's clock was faster; that clock does not decide about a kill.
                        Poll::Ready(Outcome::Failed(Error::DeadlineExceeded(_))) if this.or_kill => {}
                        Poll::Ready(outcome) => {
                            let result = ready!(this.order.poll(cx, value_of(session, outcome)));
                            return this.over(result);
                        }
                        Poll::Pending => {
                            let Some(expiry) = expiry else { return Poll::Pending };
                            ready!(expiry.poll(cx));
                        }
                    }
                    let late = match &session.peer.child {
                        Some(child) if this.or_kill => State::Fatal(Fatal::begin(session, child)),
                        Some(_) | None => State::Overdue(Box::new(Grace::begin(session))),
                    };
                    session.leave();
                    this.state = late;
                }
                State::Overdue(grace) => {
                    let error = ready!(grace.poll(cx));
                    return this.over(Err(error));
                }
                State::Fatal(fatal) => {
                    let error = ready!(fatal.poll(cx));
                    return this.over(Err(error));
                }
                State::Over => panic!("`Run` polled after it was ready"),
            }
        }
    }
}

/// Starts the call; refuses it if its actor would have to be killed but cannot be.
fn send(
    peer: &Arc<Peer>,
    request: &Request,
    limit: Limit,
    or_kill: bool,
    cx: &Context<'_>,
) -> Result<Arc<SessionEnd>> {
    if or_kill {
        peer.own_child()?;
    }
    request(peer, limit.starting_now(), cx.waker())
}

/// Cancels the remote task, unless its outcome has arrived.
impl<T> Drop for Run<T> {
    fn drop(&mut self) {
        if let State::Sent(session, _) = &self.state {
            session.leave();
        }
    }
}

fn value_of<T: Payload>(session: &SessionEnd, outcome: Outcome) -> Result<T> {
    match outcome {
        Outcome::Returned(value) => decode(session, PldKind::Return, &value),
        Outcome::Failed(error) => Err(error),
        Outcome::StreamDone => Err(no_value(session)),
    }
}

fn no_value(session: &SessionEnd) -> Error {
    MessagingError::new("the endpoint ended as a one-way stream, without a value", Some(session.cid)).into()
}

impl<T> std::fmt::Debug for Run<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let state = match &self.state {
            State::Unsent(..) => "unstarted",
            State::Sent(session, _) => session.phase_name(),
            State::Overdue(_) | State::Fatal(_) => "past its deadline",
            State::Over => "done",
        };
        f.debug_struct("Run").field("state", &state).finish()
    }
}
