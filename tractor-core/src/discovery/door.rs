//! Limits the connections of an actor, over all its addresses. Guests, which are still in their handshake, have a limit
//! of their own. Strangers, which are let in without a proof, get at most half of the room of members.

use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;

use crate::net::OtherEnd;
use crate::proto::guests::{Guests, Room, Ticket};
use crate::proto::limits::Limits;

/// The address that a guest comes from, if that is known.
type Source = Option<IpAddr>;

/// Shared by the listeners of an actor.
#[derive(Debug)]
pub(super) struct Door {
    room: Room,
    members: Arc<Semaphore>,
    /// A stranger takes a permit here besides that of a member.
    strangers: Arc<Semaphore>,
    guests: Mutex<Guests<Source, CancellationToken>>,
}

/// Held by a connection during its handshake.
#[derive(Debug)]
pub(super) enum Place {
    Member(Membership),
    Guest(Guest),
}

/// The right to stay, until it is dropped.
#[derive(Debug)]
#[expect(dead_code, reason = "dropping them makes room")]
pub(super) struct Membership {
    member: OwnedSemaphorePermit,
    stranger: Option<OwnedSemaphorePermit>,
}

/// The right to wait for a place, until this is dropped or another guest needs the room.
#[derive(Debug)]
pub(super) struct Guest {
    door: Arc<Door>,
    ticket: Ticket<Source>,
    leave: CancellationToken,
}

impl Door {
    pub(super) fn new(limits: &Limits) -> Self {
        let room = Room::within(limits, files_max());
        let places = |count: usize| Arc::new(Semaphore::new(count.min(Semaphore::MAX_PERMITS)));
        let (members, strangers) = (places(room.members), places(room.strangers()));
        Self { room, members, strangers, guests: Mutex::new(Guests::new(room.guests)) }
    }

    /// Gives a new connection its place. A guest gets it at once, a peer of our own user as soon as there is room for a
    /// member.
    pub(super) async fn enter(self: &Arc<Self>, other_end: OtherEnd) -> Place {
        match other_end {
            OtherEnd::OurUser => Place::Member(self.member().await),
            OtherEnd::Anybody(source) => Place::Guest(self.guest(source)),
        }
    }

    async fn member(&self) -> Membership {
        if self.members.available_permits() == 0 {
            let max = self.room.members;
            tracing::warn!(
                "a connection waits until one of {max} ends (`Limits::connections_max`, and `ulimit -n`)"
            );
        }
        Membership { member: free(&self.members).await, stranger: None }
    }

    async fn stranger(&self) -> Membership {
        // Logs no line for each guest, because guests could fill the log.
        let stranger = free(&self.strangers).await;
        Membership { stranger: Some(stranger), member: free(&self.members).await }
    }

    fn guest(self: &Arc<Self>, source: Source) -> Guest {
        let leave = CancellationToken::new();
        let (ticket, left) =
            self.guests.lock().unwrap_or_else(PoisonError::into_inner).enter(source, leave.clone());
        if let Some(left) = left {
            left.cancel();
        }
        Guest { door: self.clone(), ticket, leave }
    }
}

impl Place {
    /// Cancelled when another guest needs the place. That of a member stays its own.
    pub(super) fn needed(&self) -> Option<CancellationToken> {
        match self {
            Self::Member(_) => None,
            Self::Guest(guest) => Some(guest.leave.clone()),
        }
    }

    /// Waits for room for a connection after its handshake. `has_proved`: the peer belongs to the tree.
    pub(super) async fn stay(self, has_proved: bool) -> Membership {
        match self {
            Self::Member(membership) => membership,
            Self::Guest(guest) if has_proved => guest.door.member().await,
            Self::Guest(guest) => guest.door.stranger().await,
        }
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        let left = self.door.guests.lock().unwrap_or_else(PoisonError::into_inner).leave(&self.ticket);
        drop(left);
    }
}

async fn free(places: &Arc<Semaphore>) -> OwnedSemaphorePermit {
    places.clone().acquire_owned().await.expect("the semaphore is never closed")
}

/// How many files this process may have open.
fn files_max() -> usize {
    let files = rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
    files.and_then(|files| usize::try_from(files).ok()).unwrap_or(usize::MAX)
}
