//! One call in another actor, as a future.

use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use super::stream::decode;
use crate::actor::{Again, Linked, Outcome, Peer, Rule, Sent, Unsettled};
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
    /// What the value has to keep to.
    rule: Option<Rule<T>>,
    types: PhantomData<fn() -> T>,
}

/// Sends the request; a second time if its types were refused and fit all the same.
type Starter = Box<dyn FnMut(&Arc<Peer>, Option<Again>) -> Result<Sent> + Send>;

enum State {
    Unstarted(Arc<Peer>, Starter),
    /// Sent, with the means to send it again until the peer is known to accept its types.
    Running(Arc<Linked>, Option<(Unsettled, Starter)>),
    Done,
}

impl State {
    fn started(sent: Sent, starter: Starter) -> Self {
        Self::Running(sent.linked, sent.unsettled.map(|unsettled| (unsettled, starter)))
    }
}

impl<T: Payload> Run<T> {
    pub(super) fn new(
        peer: Arc<Peer>,
        rule: Option<Rule<T>>,
        starter: impl FnMut(&Arc<Peer>, Option<Again>) -> Result<Sent> + Send + 'static,
    ) -> Self {
        Self { state: State::Unstarted(peer, Box::new(starter)), rule, types: PhantomData }
    }
}

impl<T: Payload> Future for Run<T> {
    type Output = Result<T>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        if let State::Unstarted(..) = self.state {
            let State::Unstarted(peer, mut starter) = std::mem::replace(&mut self.state, State::Done) else {
                unreachable!("matched above")
            };
            self.state = State::started(starter(&peer, None)?, starter);
        }
        loop {
            let State::Running(linked, _) = &self.state else { panic!("`Run` polled after it was ready") };
            let outcome = std::task::ready!(linked.poll_outcome(cx));
            let State::Running(linked, unsettled) = std::mem::replace(&mut self.state, State::Done) else {
                unreachable!("matched above")
            };
            let failure = if let Outcome::Failed(error) = &outcome { Some(error) } else { None };
            if let Some((unsettled, mut starter)) = unsettled
                && let Some(again) = unsettled.settle(&linked.peer, failure)?
            {
                self.state = State::started(starter(&linked.peer, Some(again))?, starter);
                continue;
            }
            return Poll::Ready(match outcome {
                Outcome::Returned(value) => decode(&linked, PldKind::Return, self.rule, &value),
                Outcome::Failed(error) => Err(error),
                Outcome::StreamDone => Err(no_value(&linked)),
            });
        }
    }
}

fn no_value(linked: &Linked) -> Error {
    MessagingError::new("the endpoint ended as a one-way stream, without a value", Some(linked.cid)).into()
}

impl<T> Drop for Run<T> {
    fn drop(&mut self) {
        if let State::Running(linked, _) = &self.state {
            abandon(linked);
        }
    }
}

impl<T> std::fmt::Debug for Run<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let state = match &self.state {
            State::Unstarted(..) => "unstarted",
            State::Running(linked, _) => linked.phase_name(),
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
