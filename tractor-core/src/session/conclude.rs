//! The end of a child side: what the parent side is told when the endpoint's task has ended.

use super::checked::Check;
use super::encoded::Encoded;
use super::end::SessionEnd;
use super::panics::catching;
use super::state::Asked;
use crate::error::{self, EndpointError, Error, MsgTypeError, Panicked};
use crate::proto::codec::{self, PldKind};
use crate::proto::dialog::{Conclusion, TaskEnd};
use crate::proto::id::Cid;
use crate::proto::msg::ErrorMsg;
use crate::proto::payload::Payload;

/// How a child-side task ended, with what it leaves behind.
pub(crate) enum Ended<'a> {
    /// With a value, which is encoded only if it is sent.
    Returned(&'a dyn Fn() -> Result<Encoded, MsgTypeError>),
    Failed(EndpointError),
    Panicked(Panicked),
    Dropped,
}

/// The failure of a task that was not dropped, ready to be sent.
type Failure = Option<Box<ErrorMsg>>;

/// A child side that is settled, and what it still has to say.
struct Settled {
    conclusion: Conclusion,
    failure: Failure,
    /// The parent side's failure, which is relayed.
    parent_failure: Failure,
    asked: Option<Asked>,
    cancel_requests: Vec<Cid>,
}

impl SessionEnd {
    /// Concludes a child side whose endpoint has returned.
    pub(crate) fn finish<T: Payload>(&self, outcome: Result<T, EndpointError>) {
        match outcome {
            Ok(value) => {
                let encode = || self.encode(PldKind::Return, &value, &Check::DECODES);
                self.conclude(Ended::Returned(&encode));
            }
            Err(error) => self.conclude(Ended::Failed(error)),
        }
    }

    /// Settles a child side: tells the parent side how the task ended, and leaves the table.
    pub(crate) fn conclude(&self, ended: Ended<'_>) {
        let us = &self.peer.us;
        // User code may run here: before the lock.
        let (end, failure) = match &ended {
            Ended::Returned(_) => (TaskEnd::Returned, None),
            Ended::Failed(error) => (TaskEnd::Failed, Some(Box::new(error::pack(us, error)))),
            Ended::Panicked(panic) => (TaskEnd::Failed, Some(Box::new(panic.clone().pack(us)))),
            Ended::Dropped => (TaskEnd::Dropped, None),
        };
        let settled = self.settle(end, failure);
        match (&settled.conclusion, ended) {
            (Conclusion::Nothing, _) => {}
            (Conclusion::Return, Ended::Returned(encode)) => self.send_return(encode),
            (Conclusion::Stop, _) => _ = self.append_stop(),
            (Conclusion::StreamCancelled(_), _) if settled.asked == Some(Asked::Peer) => {
                _ = self.append_stop()
            }
            _ => self.send_error(self.last_error(&settled)),
        }
        for request in settled.cancel_requests {
            self.peer.acknowledge_cancel(request);
        }
        self.peer.forget(self);
    }

    fn settle(&self, end: TaskEnd, failure: Failure) -> Settled {
        let mut cell = self.lock();
        let (end, failure) = match failure {
            // The endpoint was told by its own requests before it was dropped: they had the same deadline.
            Some(told) if self.is_overdue() && error::is_deadline(&told) => {
                cell.cancel(self.peer.aid.uid.clone(), Asked::Deadline);
                (TaskEnd::Dropped, None)
            }
            failure => (end, failure),
        };
        cell.task_end = Some(end.clone());
        let settled = Settled {
            conclusion: cell.dialog.conclude(end),
            failure,
            parent_failure: cell.parent_failure.take(),
            asked: cell.asked,
            cancel_requests: std::mem::take(&mut cell.cancel_requests),
        };
        // A stream that the endpoint has given to another task.
        cell.wake_stream();
        settled
    }

    /// The error with which a dialog ends that has no result.
    fn last_error(&self, settled: &Settled) -> ErrorMsg {
        let (us, peer) = (&self.peer.us, &self.peer.aid.uid);
        match &settled.conclusion {
            Conclusion::Cancelled(_) | Conclusion::StreamCancelled(_)
                if settled.asked == Some(Asked::Deadline) =>
            {
                error::deadline_passed(us, peer)
            }
            Conclusion::Cancelled(by) | Conclusion::StreamCancelled(by) => error::cancelled(us, peer, by),
            Conclusion::Relay => match &settled.parent_failure {
                // A report of ours about what the parent side sent: nothing is passed on.
                Some(msg) if msg.relay_path.last() == Some(us) => (**msg).clone(),
                Some(msg) => error::relay(us, msg),
                None => error::cancelled(us, peer, us),
            },
            Conclusion::Error | Conclusion::Return | Conclusion::Stop | Conclusion::Nothing => {
                let gone =
                    || error::local(us, error::type_names::RUNTIME_FAILURE, "the actor is shutting down");
                settled.failure.as_deref().cloned().unwrap_or_else(gone)
            }
        }
    }

    fn send_return(&self, encode: &dyn Fn() -> Result<Encoded, MsgTypeError>) {
        // The dialog is settled already: a serializer or rule that panics must not take the answer with it.
        let sent = catching(|| {
            encode().map(|encoded| {
                self.peer.channel.append(|out| codec::encode_pld(PldKind::Return, &self.cid, &encoded, out))
            })
        });
        let sent = match sent {
            Ok(sent) => sent,
            Err(panic) => {
                let Panicked { message, location } = &panic;
                tracing::error!(endpoint = %self.endpoint, "the result was not sent, a panic:: {message} at {location}");
                return self.send_error(panic.pack(&self.peer.us));
            }
        };
        match sent.map_err(Error::from).and_then(|appended| self.accepted(appended)) {
            Ok(_driver) => {}
            // The caller is gone; its result has nowhere to go.
            Err(Error::Closed(closed)) => {
                tracing::debug!(cid = %self.cid, endpoint = %self.endpoint, "result not sent: {closed}");
            }
            Err(error) => {
                tracing::error!(endpoint = %self.endpoint, "the result cannot be sent: {error}");
                self.send_error(error::pack(&self.peer.us, &EndpointError::new(error)));
            }
        }
    }
}
