//! The end of a child side: the message to the parent side after the endpoint's task has ended.

use std::cell::Cell;
use std::sync::atomic::Ordering;

use super::checked::Check;
use super::encoded::Encoded;
use super::end::SessionEnd;
use super::panics::catching;
use super::state::Asked;
use crate::error::{self, EndpointError, Error, MsgTypeError, Panicked};
use crate::net::Held;
use crate::proto::codec::PldKind;
use crate::proto::dialog::{Conclusion, TaskEnd};
use crate::proto::id::Cid;
use crate::proto::msg::ErrorMsg;
use crate::proto::payload::Payload;

/// The end of a child-side task that did not return.
#[derive(Debug)]
pub(crate) enum Ended {
    Failed(Box<ErrorMsg>),
    Dropped,
}

/// Encodes the value of a task that has returned; called only if the value is sent.
type Encode<'a> = &'a dyn Fn() -> Result<Encoded, MsgTypeError>;

/// The failure of a task that was not dropped, ready to be sent.
type Failure = Option<Box<ErrorMsg>>;

/// A settled child side, and its last message.
struct Settled {
    conclusion: Conclusion,
    failure: Failure,
    /// The parent side's failure, to be relayed.
    parent_failure: Failure,
    asked: Option<Asked>,
    cancel_requests: Vec<Cid>,
}

/// A result that waits for room on its connection. It is encoded, so that it can be counted.
pub(crate) struct Unsent {
    encoded: Encoded,
    _held: Held,
}

impl SessionEnd {
    /// Settles a child side whose endpoint has returned and whose scopes have ended.
    pub(crate) fn finish<T: Payload>(&self, value: &T) {
        let encode = || self.encode(PldKind::Return, value, &Check::of_result());
        self.tell(self.settle(TaskEnd::Returned, None), Some(&encode));
    }

    /// Encodes a result that must wait for room. A result that cannot be encoded need not wait: its error needs no
    /// room.
    pub(crate) fn encode_result<T: Payload>(&self, value: &T) -> Option<Unsent> {
        let encode = || self.encode(PldKind::Return, value, &Check::of_result());
        let mut encoded = catching(encode).ok()?.ok()?;
        encoded.fit();
        let _held = self.peer.channel.hold_unsent(encoded.len());
        Some(Unsent { encoded, _held })
    }

    /// Settles a child side whose endpoint has returned this value and whose scopes have ended.
    pub(crate) fn finish_encoded(&self, Unsent { encoded, _held }: Unsent) {
        let encoded = Cell::new(Some(encoded));
        let encode = || Ok(encoded.take().expect("a result is sent once"));
        self.tell(self.settle(TaskEnd::Returned, None), Some(&encode));
    }

    /// Settles a child side whose endpoint has ended in another way and whose scopes have ended.
    pub(crate) fn conclude(&self, ended: Ended) {
        let (end, failure) = match ended {
            Ended::Failed(failure) => (TaskEnd::Failed, Some(failure)),
            Ended::Dropped => (TaskEnd::Dropped, None),
        };
        self.tell(self.settle(end, failure), None);
    }

    /// Tells the parent side how the task ended, and leaves the table.
    fn tell(&self, settled: Settled, value: Option<Encode<'_>>) {
        match (&settled.conclusion, value) {
            (Conclusion::Nothing, _) => {}
            (Conclusion::Return, Some(encode)) => self.send_return(encode),
            (Conclusion::Stop, _) => _ = self.append_stop(),
            (Conclusion::StreamCancelled(_), _) if settled.asked == Some(Asked::Peer) => {
                _ = self.append_stop()
            }
            _ => self.send_error(self.last_error(&settled)),
        }
        for request in settled.cancel_requests {
            self.peer.acknowledge_cancel(request);
        }
        if self.is_entered.load(Ordering::Relaxed) {
            self.peer.forget(self);
        }
    }

    fn settle(&self, end: TaskEnd, failure: Failure) -> Settled {
        let mut cell = self.lock();
        let (end, failure) = match failure {
            // The endpoint's own requests had the same deadline and reported it before the endpoint was dropped.
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
        // The endpoint may have given its stream to another task.
        cell.wake_stream();
        settled
    }

    /// The error that ends a dialog without a result.
    fn last_error(&self, settled: &Settled) -> ErrorMsg {
        let (us, peer) = (&self.peer.us, &self.peer.aid.uid);
        match &settled.conclusion {
            Conclusion::Cancelled(_) | Conclusion::StreamCancelled(_)
                if settled.asked == Some(Asked::Deadline) =>
            {
                error::deadline_passed(us, peer, &self.endpoint)
            }
            Conclusion::Cancelled(by) | Conclusion::StreamCancelled(by) => error::cancelled(us, peer, by),
            Conclusion::Relay => match &settled.parent_failure {
                // This is our own report about a message of the parent side, so it is not passed on.
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

    fn send_return(&self, encode: Encode<'_>) {
        // The dialog is settled already: the peer must get an answer even if a serializer or rule panics.
        let sent = catching(|| encode().map(|mut encoded| self.append_pld(PldKind::Return, &mut encoded)));
        let sent = match sent {
            Ok(sent) => sent,
            Err(panic) => {
                let Panicked { message, location } = &panic;
                tracing::error!(
                    endpoint = %self.endpoint,
                    "the result was not sent, because encoding or checking it panicked: {message} at {location}"
                );
                return self.send_error(panic.pack(&self.peer.us));
            }
        };
        match sent.map_err(Error::from).and_then(|appended| self.accepted(appended)) {
            Ok(_driver) => {}
            // The caller is gone, so the result is dropped.
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
