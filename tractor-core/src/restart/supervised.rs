//! The handle of a supervised child: through its restarts, to whichever process lives.

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
/// * What is open in a process that dies fails with [`Error::Died`], and is not repeated: whether it had an effect is
///   known to its author only. In a sibling that is stopped it fails with [`Error::Cancelled`], which names this actor.
/// * [`portal`](Self::portal) gives a way to the process that lives, and waits while there is none.
#[derive(Clone)]
pub struct Supervised {
    id: ChildId,
    name: Arc<str>,
    supervisor: Supervisor,
    status: watch::Receiver<Status>,
}

/// How a child stands.
#[derive(Debug)]
pub(super) struct Status {
    /// The life that is lived, or was the last.
    pub(super) incarnation: u64,
    pub(super) life: Life,
    /// How the last process has ended; `None` before the end of the first.
    pub(super) end: Option<ActorEnd>,
}

#[derive(Debug)]
pub(super) enum Life {
    /// There is no process, or none that can be called.
    Down,
    Up(Portal),
    /// There will be none any more.
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

    /// A portal to the living process; waits while there is none.
    ///
    /// It belongs to this one life: ask again after a failure, as everything that is open ends with it. The wait ends
    /// with the restart, or with the error when there is none any more.
    ///
    /// # Errors
    /// [`Error::GaveUp`] when the supervisor has; [`Error::Died`] or [`Error::Spawn`] when the child is not to be
    /// restarted after that; [`Error::Runtime`] when it has ended in order or was cancelled, alone or with its nursery.
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

    /// The number of its life, or of the last one while there is none. The first has number 1.
    pub fn incarnation(&self) -> u64 {
        self.status.borrow().incarnation
    }

    async fn found_after(&self, incarnation: u64) -> Result<Portal> {
        let mut status = self.status.clone();
        let seen = status
            .wait_for(|status| match &status.life {
                Life::Down => false,
                // Where the connection has ended, the end of the process is about to be noticed.
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
    /// Tells how its last process has ended; `None` if there never was one. It is ended as by
    /// [`Portal::cancel_actor`](crate::Portal::cancel_actor).
    ///
    /// # Cancel safety
    /// The request is made at the first poll and stays made.
    pub async fn cancel(&self) -> Option<ActorEnd> {
        self.remove();
        let mut status = self.status.clone();
        // The supervisor keeps the other end as long as it keeps the child.
        while status.changed().await.is_ok() {}
        let last = status.borrow();
        last.end.clone()
    }

    /// Ends the process that lives, and waits for the next one: the way to fresh state, and out of a hang.
    ///
    /// The process is ended as by [`Portal::cancel_actor`](crate::Portal::cancel_actor): it is asked, has its time, and
    /// then is signalled. The next one is started at once, whatever the child's restart rule. This is no failure: it is
    /// neither counted by the [intensity](crate::Supervision::intensity) nor delayed by the backoff. Siblings are
    /// restarted with it where the strategy says so. A child that has no process because it is being restarted already
    /// is left to that.
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
        // Where nobody answers the child is over, which the status says.
        self.portal_after(ends.await.unwrap_or(0)).await
    }

    /// Kills the process that lives, and waits until it is gone. `None` where there is none.
    ///
    /// It is killed as by [`Portal::kill`](crate::Portal::kill), which for a supervised child is the same. What comes
    /// next is the restart rule's, as after a crash: a permanent or transient child is restarted, after its backoff,
    /// and the restart counts for the [intensity](crate::Supervision::intensity); a temporary one is over.
    /// [`restart`](Self::restart) is not counted, and [`cancel`](Self::cancel) ends the child for good.
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

    /// The actor whose child it is.
    pub(crate) fn supervising(&self) -> &Actor {
        &self.supervisor.nursery().inner.actor
    }

    /// Whether both are the same child.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        self.id == other.id && self.supervisor.is_same(&other.supervisor)
    }

    /// Whether there will be no process any more.
    pub(crate) fn is_over(&self) -> bool {
        matches!(self.status.borrow().life, Life::Over(_))
    }

    /// Asks for its end, for good.
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
