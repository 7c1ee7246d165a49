//! What is known of a dialog at one moment: who asked for its end, who is responsible, what became of it.

use super::cell::Cell;
use super::linked::{Linked, Outcome};
use crate::error::Error;
use crate::proto::dialog::{Absorbs, Side, TaskEnd, Verdict, blame, judge};
use crate::proto::id::Uid;

/// Where the first request to cancel a dialog came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Asked {
    /// This side of the dialog.
    Here,
    /// The other side.
    Peer,
    /// Nobody asked for this dialog: its whole actor must end.
    Actor,
    /// The other side, beforehand: the time it has given is over.
    Deadline,
}

impl Linked {
    /// Who asked first for the end of this dialog, as far as this side was told.
    pub(crate) fn canceller(&self) -> Option<Uid> {
        self.lock().dialog.canceller().cloned()
    }

    pub(crate) fn side(&self) -> Side {
        self.lock().dialog.side()
    }

    pub(crate) fn phase_name(&self) -> &'static str {
        self.lock().dialog.phase_name()
    }

    /// Whether this side has asked for the cancellation.
    pub(crate) fn cancel_called(&self) -> bool {
        self.lock().cancel_called
    }

    /// Whether the other side has confirmed a cancellation that this side asked for.
    pub(crate) fn cancel_acked(&self) -> bool {
        let cell = self.lock();
        matches!(&cell.outcome, Some(Outcome::Failed(error)) if self.is_acknowledgement(&cell, error))
    }

    /// Who is responsible for the end of the dialog, once somebody is.
    pub(crate) fn responsible(&self) -> Option<Uid> {
        let cell = self.lock();
        if cell.dialog.side() == Side::Child
            && let Some(by) = cell.dialog.canceller()
        {
            return Some(by.clone());
        }
        let failure = match &cell.outcome {
            Some(Outcome::Failed(error)) => Some(error),
            _ => cell.broken.as_ref(),
        };
        failure.map(|error| self.blamed(error).clone())
    }

    /// The failure that has ended this side.
    pub(crate) fn failed_with(&self) -> Option<Error> {
        let cell = self.lock();
        match &cell.outcome {
            Some(Outcome::Failed(error)) => Some(error.clone()),
            Some(Outcome::Returned(_) | Outcome::StreamDone) => None,
            None => cell.broken.clone(),
        }
    }

    /// What the dialog is doing or how it ended, for people.
    pub(crate) fn state(&self) -> &'static str {
        let cell = self.lock();
        match cell.dialog.side() {
            Side::Parent => self.parent_state(&cell),
            Side::Child => child_state(&cell),
        }
    }

    fn parent_state(&self, cell: &Cell) -> &'static str {
        match &cell.outcome {
            None => cell.dialog.phase_name(),
            Some(Outcome::Returned(_) | Outcome::StreamDone) => "result-returned",
            Some(Outcome::Failed(error)) if self.is_acknowledgement(cell, error) => "self-cancelled",
            // Only this side can have one task of the peer cancelled; everybody else ends the whole actor.
            Some(Outcome::Failed(Error::Cancelled(told))) if told.canceller() == Some(&self.peer.aid.uid) => {
                "peer-cancelled"
            }
            Some(Outcome::Failed(Error::Cancelled(_))) => "actor-cancelled",
            Some(Outcome::Failed(_)) => "errored",
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

fn child_state(cell: &Cell) -> &'static str {
    if cell.task_end == Some(TaskEnd::Failed) {
        return "errored";
    }
    match cell.asked {
        Some(Asked::Here) => "self-cancelled",
        Some(Asked::Peer) => "peer-cancelled",
        Some(Asked::Actor) => "actor-cancelled",
        Some(Asked::Deadline) => "deadline-exceeded",
        None if cell.dialog.is_ending() => "errored",
        None => match &cell.task_end {
            None => cell.dialog.phase_name(),
            Some(TaskEnd::Returned) => "result-returned",
            Some(TaskEnd::Failed | TaskEnd::Dropped) => "errored",
        },
    }
}
