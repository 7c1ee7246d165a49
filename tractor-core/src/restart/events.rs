//! What a supervisor tells those who watch it.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;

use crate::error::{Error, GaveUp, Lagged, Result};

/// Something that has happened to a supervisor's children.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum SupervisionEvent {
    /// A child has booted.
    Up {
        /// Its name.
        child: Arc<str>,
        /// Which of its lives begins; the first has number 1.
        incarnation: u64,
    },
    /// A child's process is gone, or could not be started.
    Down {
        /// Its name.
        child: Arc<str>,
        /// Which of its lives has ended; the one before where it could not be started.
        incarnation: u64,
        /// What it failed with; `None` when it ended in order.
        cause: Option<Error>,
    },
    /// A child's end causes a restart: its own, and that of the siblings which the strategy names.
    Restarting {
        /// Its name.
        child: Arc<str>,
        /// Time from its end to the restart, unless the siblings take longer to stop.
        delay: Duration,
    },
    /// A child has ended and is not started again.
    Over {
        /// Its name.
        child: Arc<str>,
    },
    /// There were too many restarts: the nursery fails with this.
    GaveUp(GaveUp),
}

/// A view of a supervisor's events; made by [`Supervisor::events`](super::Supervisor::events).
pub struct SupervisionEvents {
    events: broadcast::Receiver<SupervisionEvent>,
}

impl SupervisionEvents {
    pub(super) fn new(events: broadcast::Receiver<SupervisionEvent>) -> Self {
        Self { events }
    }

    /// Waits for the next event; `None` when every handle of the supervisor is gone, and its children are.
    ///
    /// # Errors
    /// [`Error::Lagged`] when this reader has fallen
    /// [`SUPERVISION_EVENTS_MAX`](crate::proto::limits::SUPERVISION_EVENTS_MAX) events behind and has lost the oldest.
    /// It may go on.
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
