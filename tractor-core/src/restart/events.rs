//! The events that a supervisor reports.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;

use crate::error::{Error, GaveUp, Lagged, Result};

/// A change of a supervisor's children.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum SupervisionEvent {
    /// A child has booted.
    Up {
        /// Its name.
        child: Arc<str>,
        /// The number of the life that begins; the first is 1.
        incarnation: u64,
    },
    /// A child's process is gone, or could not be started.
    Down {
        /// Its name.
        child: Arc<str>,
        /// The number of the life that has ended, or of the life before if the child could not be started.
        incarnation: u64,
        /// The failure; `None` when it ended in order.
        cause: Option<Error>,
    },
    /// A child's end causes its restart, and that of the siblings that the strategy names.
    Restarting {
        /// Its name.
        child: Arc<str>,
        /// The time from its end to the restart. It is longer if the siblings take longer to stop.
        delay: Duration,
    },
    /// A child has ended and is not started again.
    Over {
        /// Its name.
        child: Arc<str>,
    },
    /// There were too many restarts: the nursery fails with this error.
    GaveUp(GaveUp),
}

/// A reader of a supervisor's events; made by [`Supervisor::events`](super::Supervisor::events).
pub struct SupervisionEvents {
    events: broadcast::Receiver<SupervisionEvent>,
}

impl SupervisionEvents {
    pub(super) fn new(events: broadcast::Receiver<SupervisionEvent>) -> Self {
        Self { events }
    }

    /// Waits for the next event; `None` when every handle of the supervisor, and all its children, are gone.
    ///
    /// # Errors
    /// [`Error::Lagged`] when this reader has fallen
    /// [`SUPERVISION_EVENTS_MAX`](crate::proto::limits::SUPERVISION_EVENTS_MAX) events behind and has lost the oldest.
    /// The next call returns the oldest event that is left.
    ///
    /// # Cancel safety
    /// Cancel safe: a dropped future loses no event.
    pub async fn next(&mut self) -> Result<Option<SupervisionEvent>> {
        match self.events.recv().await {
            Ok(event) => Ok(Some(event)),
            Err(RecvError::Closed) => Ok(None),
            Err(RecvError::Lagged(lost)) => Err(Error::Lagged(Lagged::new(lost, "SUPERVISION_EVENTS_MAX"))),
        }
    }
}

impl fmt::Debug for SupervisionEvents {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SupervisionEvents").field("unread", &self.events.len()).finish()
    }
}
