//! Values on their way out: encoded once, straight into the connection's write buffer.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use super::checked::{ErasedPayload, How, Rule};
use super::invoke::catching;
use super::linked::Linked;
use super::state::Asked;
use crate::error::{self, EndpointError, Error, MessagingError, Panicked, TransportClosed};
use crate::ipc::Appended;
use crate::proto::codec::{self, PldKind, YieldHead};
use crate::proto::dialog::{Command, Conclusion, Misuse, TaskEnd};
use crate::proto::msg::{ErrorMsg, Msg};
use crate::proto::payload::{Payload, PayloadError};

/// How a child-side task ended, with what it leaves behind.
pub(crate) enum Ended<'a> {
    Returned(&'a dyn ErasedPayload),
    Failed(EndpointError),
    Panicked(Panicked),
    Dropped,
}

/// What a send waits for that does not go through at once.
pub(crate) type Room<'a> = Pin<Box<dyn Future<Output = ()> + Send + 'a>>;

/// What became of an attempt to send a streamed value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Tried {
    Sent,
    /// The receiver has no room.
    NoCredit,
    /// Too much waits to be written on the connection.
    BufferFull,
    /// The connection is gone; the dialog will be told why.
    Ending,
    /// Others should run first.
    TurnOver,
}

impl Linked {
    /// Sends one streamed value, waiting for room; `waiting` is empty at first, and belongs to this value.
    ///
    /// A value that was not sent when this is no longer polled is not sent at all.
    #[inline]
    pub(crate) fn poll_send<'a, T: Payload>(
        &'a self,
        cx: &mut Context<'_>,
        head: &YieldHead,
        value: &T,
        waiting: &mut Option<Room<'a>>,
    ) -> Poll<Result<(), Error>> {
        loop {
            if let Some(room) = waiting {
                ready!(room.as_mut().poll(cx));
                *waiting = None;
            }
            let full = match self.try_send(head, value)? {
                Tried::Sent => return Poll::Ready(Ok(())),
                Tried::TurnOver => {
                    // Not a plain wake-up: sockets are looked at before this task runs again.
                    *waiting = Some(Box::pin(tokio::task::yield_now()));
                    continue;
                }
                full => full,
            };
            // Registered before the second look, so that room made in between is not missed.
            let room = match full {
                Tried::BufferFull => self.peer.channel.room().notified(),
                Tried::Sent | Tried::NoCredit | Tried::Ending | Tried::TurnOver => self.room.notified(),
            };
            let mut room = Box::pin(room);
            room.as_mut().enable();
            match self.try_send(head, value)? {
                Tried::Sent => return Poll::Ready(Ok(())),
                again if again == full => *waiting = Some(room),
                _other => {}
            }
        }
    }

    /// Sends one streamed value if there is room for it.
    #[inline]
    fn try_send<T: Payload>(&self, head: &YieldHead, value: &T) -> Result<Tried, Error> {
        let mut cell = self.lock();
        if let Some(error) = cell.failure().or(cell.overrun.as_ref()) {
            return Err(error.clone());
        }
        cell.dialog.command(Command::Yield).map_err(|misuse| self.misuse(misuse))?;
        if self.stopped_by_peer(&cell) {
            return Err(MessagingError::new("the peer has closed the stream", Some(self.cid)).into());
        }
        let has_credit = self.peer.has_credit();
        if has_credit && !cell.tx.has_room() {
            return Ok(Tried::NoCredit);
        }
        if cell.pace.is_turn_over() {
            return Ok(Tried::TurnOver);
        }
        let mut payload_bytes = 0;
        let appended = self.peer.channel.append_if_room(|out| {
            out.extend_from_slice(head.as_bytes());
            let start = out.len();
            value.encode_payload(self.format, out)?;
            payload_bytes = out.len() - start;
            Ok(())
        });
        match appended {
            Ok(None) => return Ok(Tried::BufferFull),
            // The loss of the dialog is about to be told, with the reason.
            Ok(Some(Appended::Closed(_))) => return Ok(Tried::Ending),
            Ok(Some(appended)) => {
                if has_credit && matches!(appended, Appended::Yes) {
                    cell.tx.spend(payload_bytes);
                }
                drop(cell);
                self.appended(value, Ok(appended))?;
            }
            Err(problem) => {
                drop(cell);
                self.appended(value, Err(problem))?;
            }
        }
        Ok(Tried::Sent)
    }

    /// Sends the first value of a context.
    pub(crate) fn send_started<T: Payload>(
        &self,
        value: &T,
        how: &How<T>,
        rule: Option<Rule<T>>,
    ) -> Result<(), Error> {
        self.with_checked(PldKind::Started, value, how, rule, |encoded| {
            let mut cell = self.lock();
            // The machine must not count as started when the value cannot be sent.
            let mut next = cell.dialog.clone();
            next.command(Command::Started).map_err(|misuse| self.misuse(misuse))?;
            let kind = PldKind::Started;
            let appended =
                self.peer.channel.append_infallibly(|out| codec::encode_pld(kind, &self.cid, encoded, out));
            self.told(appended)?;
            cell.dialog = next;
            Ok(())
        })?
    }

    /// Closes the local half of the stream, if it is open.
    pub(crate) fn send_stop(&self) -> Result<(), Error> {
        let mut cell = self.lock();
        match cell.dialog.command(Command::Stop) {
            Ok(()) => {}
            Err(Misuse::StreamClosed | Misuse::Ended | Misuse::StreamNotOpen) => return Ok(()),
            Err(misuse) => return Err(self.misuse(misuse)),
        }
        if self.stopped_by_peer(&cell) {
            // The side that saw `Stop` first does not answer it.
            return Ok(());
        }
        self.say_stop();
        Ok(())
    }

    fn say_stop(&self) {
        // A closed channel is reported by the loss of the dialog.
        _ = self.peer.channel.send(&Msg::Stop { cid: self.cid });
    }

    fn appended(
        &self,
        value: &impl ErasedPayload,
        appended: Result<Appended, PayloadError>,
    ) -> Result<(), Error> {
        match appended {
            Ok(appended) => self.told(appended),
            Err(problem) => Err(self.unencodable(PldKind::Yield, value, problem).into()),
        }
    }

    fn told(&self, appended: Appended) -> Result<(), Error> {
        match appended {
            Appended::Yes => Ok(()),
            Appended::TooLarge(error) => Err(MessagingError::new(error.to_string(), Some(self.cid)).into()),
            Appended::Closed(reason) => Err(TransportClosed::new(self.peer.aid.uid.clone(), reason).into()),
        }
    }

    /// Settles a child side: tells the parent side how the task ended, and leaves the table.
    pub(crate) fn conclude(&self, ended: Ended<'_>) {
        let us = &self.peer.us;
        let (end, failure): (TaskEnd, Option<ErrorMsg>) = match &ended {
            Ended::Returned(_) => (TaskEnd::Returned, None),
            Ended::Failed(error) => (TaskEnd::Failed, Some(error::pack(us, error))),
            Ended::Panicked(panic) => (TaskEnd::Failed, Some(panic.clone().pack(us))),
            Ended::Dropped => (TaskEnd::Dropped, None),
        };
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
        let conclusion = cell.dialog.conclude(end);
        let parent_failure = cell.parent_failure.take();
        let asked = cell.asked;
        let cancel_requests = std::mem::take(&mut cell.cancel_requests);
        // A stream that the endpoint has given to another task.
        self.wake_stream(&mut cell);
        drop(cell);
        match (conclusion, ended) {
            (Conclusion::Return, Ended::Returned(value)) => self.send_return(value),
            (Conclusion::Cancelled(_) | Conclusion::StreamCancelled(_), _)
                if asked == Some(Asked::Deadline) =>
            {
                self.send_error(error::deadline_passed(us, &self.peer.aid.uid));
            }
            (Conclusion::StreamCancelled(_), _) if asked == Some(Asked::Peer) => self.say_stop(),
            (Conclusion::Stop, _) => self.say_stop(),
            (Conclusion::Cancelled(by) | Conclusion::StreamCancelled(by), _) => {
                self.send_error(error::cancelled(us, &self.peer.aid.uid, &by))
            }
            (Conclusion::Relay, _) => match parent_failure {
                // A report of ours about what the parent side sent: nothing is passed on.
                Some(msg) if msg.relay_path.last() == Some(us) => self.send_error(*msg),
                Some(msg) => self.send_error(error::relay(us, &msg)),
                None => self.send_error(error::cancelled(us, &self.peer.aid.uid, us)),
            },
            (Conclusion::Error | Conclusion::Return, _) => {
                let gone =
                    || error::local(us, error::type_names::RUNTIME_FAILURE, "the actor is shutting down");
                self.send_error(failure.unwrap_or_else(gone));
            }
            (Conclusion::Nothing, _) => {}
        }
        for request in cancel_requests {
            self.peer.acknowledge_cancel(request);
        }
        self.peer.forget(self);
    }

    fn send_return(&self, value: &dyn ErasedPayload) {
        // The dialog is settled already: a serializer or rule that panics must not take the answer with it.
        let sent = catching(|| {
            self.with_checked_erased(PldKind::Return, value, |encoded| {
                self.peer
                    .channel
                    .append_infallibly(|out| codec::encode_pld(PldKind::Return, &self.cid, encoded, out))
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
        match sent.map_err(Error::from).and_then(|appended| self.told(appended)) {
            Ok(()) => {}
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
