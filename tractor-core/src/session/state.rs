//! The state of a dialog at one moment: the canceller, the responsible actor, the outcome.

use std::fmt;

use super::cell::Cell;
use super::end::{Outcome, SessionEnd};
use crate::error::Error;
use crate::proto::dialog::{Absorbs, Progress, Side, TaskEnd, Verdict, blame, judge};
use crate::proto::id::Uid;

/// Where the first request to cancel a dialog came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Asked {
    /// This side of the dialog.
    Here,
    /// The other side.
    Peer,
    /// No request for this dialog: its whole actor must end.
    Actor,
    /// The other side, in advance: its deadline is over.
    Deadline,
}

/// The state of a context, or how it ended. Displayed in lower case, such as `peer-cancelled`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ContextState {
    /// On the parent side: it waits for the first value.
    Syncing,
    /// On the child side: the first value was not sent yet.
    PreStarted,
    /// The first value was sent; this side has not opened its stream.
    Started,
    /// This side's stream is open.
    Streaming,
    /// This side has closed its half of the stream.
    StreamingFinished,
    /// The endpoint has returned.
    ResultReturned,
    /// This side has cancelled it.
    SelfCancelled,
    /// The other side has cancelled it.
    PeerCancelled,
    /// It was cancelled because its whole actor had to end.
    ActorCancelled,
    /// On the child side: its deadline is over.
    DeadlineExceeded,
    /// A side has failed, or is lost.
    Errored,
}

impl fmt::Display for ContextState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Syncing => "syncing-to-child",
            Self::PreStarted => "pre-started",
            Self::Started => "started",
            Self::Streaming => "streaming",
            Self::StreamingFinished => "streaming-finished",
            Self::ResultReturned => "result-returned",
            Self::SelfCancelled => "self-cancelled",
            Self::PeerCancelled => "peer-cancelled",
            Self::ActorCancelled => "actor-cancelled",
            Self::DeadlineExceeded => "deadline-exceeded",
            Self::Errored => "errored",
        })
    }
}

impl From<Progress> for ContextState {
    fn from(progress: Progress) -> Self {
        match progress {
            Progress::Syncing => Self::Syncing,
            Progress::PreStarted => Self::PreStarted,
            Progress::Started => Self::Started,
            Progress::Streaming => Self::Streaming,
            Progress::StreamingFinished => Self::StreamingFinished,
            Progress::Settled => Self::ResultReturned,
        }
    }
}

impl SessionEnd {
    /// The actor whose cancel request was the first, as far as this side knows.
    pub(crate) fn canceller(&self) -> Option<Uid> {
        self.cell().dialog.canceller().cloned()
    }

    pub(crate) fn side(&self) -> Side {
        self.cell().dialog.side()
    }

    pub(crate) fn phase_name(&self) -> &'static str {
        self.cell().dialog.phase_name()
    }

    /// Whether this side has asked for the cancellation.
    pub(crate) fn cancel_called(&self) -> bool {
        self.cell().cancel_called
    }

    /// Whether this side has cancelled the dialog and waits for its end. Past the deadline it does not wait.
    pub(super) fn is_end_awaited(&self) -> bool {
        let cell = self.lock();
        let is_cancelled = cell.dialog.side() == Side::Parent && cell.asked == Some(Asked::Here);
        is_cancelled && cell.outcome.is_none() && !self.is_overdue()
    }

    /// Whether the other side has acknowledged a cancellation by this side.
    pub(crate) fn cancel_acked(&self) -> bool {
        let cell = self.cell();
        matches!(&cell.outcome, Some(Outcome::Failed(error)) if self.is_acknowledgement(&cell, error))
    }

    /// The actor that is responsible for the end of the dialog, once there is one.
    pub(crate) fn responsible(&self) -> Option<Uid> {
        let cell = self.cell();
        if cell.dialog.side() == Side::Child
            && let Some(by) = cell.dialog.canceller()
        {
            return Some(by.clone());
        }
        let failure = match &cell.outcome {
            Some(Outcome::Failed(error)) => Some(error),
            _ => cell.broken.as_deref(),
        };
        failure.map(|error| self.blamed(error).clone())
    }

    /// The failure that has ended this side.
    pub(crate) fn failed_with(&self) -> Option<Error> {
        let cell = self.cell();
        match &cell.outcome {
            Some(Outcome::Failed(error)) => Some(error.clone()),
            Some(Outcome::Returned(_) | Outcome::StreamDone) => None,
            None => cell.broken.as_deref().cloned(),
        }
    }

    /// The state of the dialog, or how it ended, for people.
    pub(crate) fn state(&self) -> ContextState {
        let cell = self.cell();
        match cell.dialog.side() {
            Side::Parent => self.parent_state(&cell),
            Side::Child => child_state(&cell),
        }
    }

    fn parent_state(&self, cell: &Cell) -> ContextState {
        match &cell.outcome {
            None => cell.dialog.progress().into(),
            Some(Outcome::Returned(_) | Outcome::StreamDone) => ContextState::ResultReturned,
            Some(Outcome::Failed(error)) if self.is_acknowledgement(cell, error) => {
                ContextState::SelfCancelled
            }
            // Only this side can cancel a single task of the peer; any other actor ends the peer's whole actor.
            Some(Outcome::Failed(Error::Cancelled(told))) if told.canceller() == Some(&self.peer.aid.uid) => {
                ContextState::PeerCancelled
            }
            Some(Outcome::Failed(Error::Cancelled(_))) => ContextState::ActorCancelled,
            Some(Outcome::Failed(_)) => ContextState::Errored,
        }
    }

    fn is_acknowledgement(&self, cell: &Cell, error: &Error) -> bool {
        let Error::Cancelled(told) = error else { return false };
        let (us, peer) = (&self.peer.us, &self.peer.aid.uid);
        let absorbs = Absorbs { cancellation: cell.dialog.canceller() == Some(us), overrun: false };
        judge(us, peer, absorbs, told.msg()) == Verdict::Absorbed
    }

    fn blamed<'a>(&'a self, error: &'a Error) -> &'a Uid {
        match error {
            Error::Cancelled(told) => blame(&self.peer.us, told.msg()),
            Error::Remote(failed) => blame(&self.peer.us, failed.msg()),
            _ => &self.peer.aid.uid,
        }
    }
}

fn child_state(cell: &Cell) -> ContextState {
    if cell.task_end == Some(TaskEnd::Failed) {
        return ContextState::Errored;
    }
    match cell.asked {
        Some(Asked::Here) => ContextState::SelfCancelled,
        Some(Asked::Peer) => ContextState::PeerCancelled,
        Some(Asked::Actor) => ContextState::ActorCancelled,
        Some(Asked::Deadline) => ContextState::DeadlineExceeded,
        None if cell.dialog.is_ending() => ContextState::Errored,
        None => match &cell.task_end {
            None => cell.dialog.progress().into(),
            Some(TaskEnd::Returned) => ContextState::ResultReturned,
            Some(TaskEnd::Failed | TaskEnd::Dropped) => ContextState::Errored,
        },
    }
}
