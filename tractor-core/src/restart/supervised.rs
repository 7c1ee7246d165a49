//! The handle of a supervised child.

use std::fmt;
use std::sync::Arc;

use tokio::sync::{oneshot, watch};

use super::drive::Note;
use super::supervisor::Supervisor;
use crate::actor::Actor;
use crate::api::Portal;
use crate::error::{Error, Result, RuntimeFailure};
use crate::proto::supervision::ChildId;
use crate::session::{ActorEnd, in_order};

/// A supervised child actor, through all its restarts. Cheap to clone.
///
/// * When the process dies, its open calls, contexts and streams fail with [`Error::Died`]. They are not repeated,
///   because they may have had an effect. When the child is stopped because of a sibling, they fail with
///   [`Error::Cancelled`], which names this actor.
/// * [`portal`](Self::portal) returns a portal to the current process, and waits while there is none.
#[derive(Clone)]
pub struct Supervised {
    id: ChildId,
    name: Arc<str>,
    supervisor: Supervisor,
    status: watch::Receiver<Status>,
}

/// The state of a child.
#[derive(Debug)]
pub(super) struct Status {
    /// The number of the current life, or of the last one.
    pub(super) incarnation: u64,
    pub(super) life: Life,
    /// How the last process has ended; `None` before the end of the first.
    pub(super) end: Option<ActorEnd>,
}

#[derive(Debug)]
pub(super) enum Life {
    /// There is no process, or it cannot be called.
    Down,
    Up(Portal),
    /// There will be no further process.
    Over(Error),
}

impl Supervised {
    pub(super) fn new(
        id: ChildId,
        name: Arc<str>,
        supervisor: Supervisor,
        status: watch::Receiver<Status>,
    ) -> Self {
        Self { id, name, supervisor, status }
    }

    /// A portal to the current process; waits while there is none.
    ///
    /// The portal leads to one process and ends with it: after a failure, call this again. The wait ends with the
    /// restart, or with an error if there will be no further process.
    ///
    /// # Errors
    /// [`Error::GaveUp`] when the supervisor has given up; [`Error::Died`] or [`Error::Spawn`] when the child has
    /// failed and is not restarted; [`Error::Runtime`] when it has ended in order or was cancelled, alone or with its
    /// nursery.
    ///
    /// # Cancel safety
    /// Cancel safe.
    pub async fn portal(&self) -> Result<Portal> {
        self.portal_after(0).await
    }

    /// A portal to the first process with a number above this one.
    ///
    /// ```no_run
    /// # use tractor_core as tractor;
    /// # async fn example(worker: tractor::Supervised) -> tractor::Result<()> {
    /// let before = worker.incarnation();
    /// worker.portal().await?.cancel_actor().await?;   // a permanent child comes back
    /// let portal = worker.portal_after(before).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// As [`portal`](Self::portal).
    ///
    /// # Cancel safety
    /// Cancel safe.
    pub async fn portal_after(&self, incarnation: u64) -> Result<Portal> {
        in_order(self.found_after(incarnation).await).await
    }

    /// The child's name, the same in all its lives.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The number of its current life, or of the last one while there is none. The first is 1.
    pub fn incarnation(&self) -> u64 {
        self.status.borrow().incarnation
    }

    async fn found_after(&self, incarnation: u64) -> Result<Portal> {
        let mut status = self.status.clone();
        let seen = status
            .wait_for(|status| match &status.life {
                Life::Down => false,
                // If the connection has ended, the supervisor is about to notice the end of the process.
                Life::Up(portal) => status.incarnation > incarnation && !portal.peer.drained.is_cancelled(),
                Life::Over(_) => true,
            })
            .await;
        match seen.as_deref() {
            Ok(Status { life: Life::Up(portal), .. }) => Ok(portal.clone()),
            Ok(Status { life: Life::Over(error), .. }) => Err(error.clone()),
            Ok(Status { life: Life::Down, .. }) | Err(_) => {
                Err(RuntimeFailure::new("the runtime is shutting down").into())
            }
        }
    }

    /// Ends this child for good, whatever its restart rule, and waits until its process is gone. Its siblings go on.
    ///
    /// Returns how its last process has ended; `None` if there never was one. The process is ended as by
    /// [`Portal::cancel_actor`](crate::Portal::cancel_actor).
    ///
    /// # Cancel safety
    /// The request is made at the first poll and stays made.
    pub async fn cancel(&self) -> Option<ActorEnd> {
        self.remove();
        let mut status = self.status.clone();
        // The supervisor holds the other end as long as it has the child.
        while status.changed().await.is_ok() {}
        let last = status.borrow();
        last.end.clone()
    }

    /// Ends the current process, and waits for the next one, for instance to get fresh state or out of a hang.
    ///
    /// The process is ended as by [`Portal::cancel_actor`](crate::Portal::cancel_actor): it is asked to end, and
    /// signalled when its time is over. The next process is started at once, whatever the child's restart rule. This
    /// restart does not count for the [intensity](crate::Supervision::intensity), and has no backoff. Siblings are
    /// restarted too if the strategy says so. If the child is being restarted already, this waits for that restart.
    ///
    /// ```no_run
    /// # use tractor_core::{self as tractor, DynCall};
    /// # async fn example(oracle: tractor::Supervised) -> tractor::Result<()> {
    /// let fresh = oracle.restart().await?;
    /// let answer: u64 = fresh.run_dyn(DynCall::new("oracle", "answer")).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// As [`portal`](Self::portal).
    ///
    /// # Cancel safety
    /// The request is made at the first poll and stays made.
    pub async fn restart(&self) -> Result<Portal> {
        let (sender, ends) = oneshot::channel();
        self.supervisor.tell(Note::Renew(self.id, sender));
        // If no answer comes, the child is over, and the status says so.
        self.portal_after(ends.await.unwrap_or(0)).await
    }

    /// Kills the current process, and waits until it is gone. `None` if there is none.
    ///
    /// This does the same as [`Portal::kill`](crate::Portal::kill) of the child's portal. Then the restart rule
    /// applies, as after a crash: a permanent or transient child is restarted, after its backoff, and the restart
    /// counts for the [intensity](crate::Supervision::intensity); a temporary one is over. [`restart`](Self::restart)
    /// is not counted, and [`cancel`](Self::cancel) ends the child for good.
    ///
    /// ```no_run
    /// # async fn example(worker: tractor_core::Supervised) {
    /// if let Some(end) = worker.kill().await {
    ///     println!("{}: {end}", worker.name());
    /// }
    /// # }
    /// ```
    ///
    /// # Cancel safety
    /// The request is made at the first poll and stays made.
    pub async fn kill(&self) -> Option<ActorEnd> {
        let (sender, killed) = oneshot::channel();
        self.supervisor.tell(Note::Kill(self.id, sender));
        Some(killed.await.ok()?.gone().await)
    }

    /// The actor that supervises the child.
    pub(crate) fn supervising(&self) -> &Actor {
        &self.supervisor.nursery().inner.actor
    }

    /// Whether both handles are of one child.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        self.id == other.id && self.supervisor.is_same(&other.supervisor)
    }

    /// Whether there will be no further process.
    pub(crate) fn is_over(&self) -> bool {
        matches!(self.status.borrow().life, Life::Over(_))
    }

    /// Asks the supervisor to end the child for good.
    pub(super) fn remove(&self) {
        self.supervisor.tell(Note::Remove(self.id));
    }
}

impl fmt::Debug for Supervised {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Supervised")
            .field("name", &self.name)
            .field("status", &*self.status.borrow())
            .finish_non_exhaustive()
    }
}
