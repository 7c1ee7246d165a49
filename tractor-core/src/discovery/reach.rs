//! The connections by which an actor reaches those that it has handles on. They stay open, to be used again.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};

use super::connect::{Connection, NotMet, dial};
use super::query::is_ours;
use crate::actor::{Actor, ActorLocal};
use crate::api::{DynCall, Portal};
use crate::error::{Error, NotFound, Result};
use crate::proto::addr::Addr;
use crate::proto::id::Uid;
use crate::proto::limits::{LINES_KEPT_MAX, REF_ADDRS_MAX, UUID_BYTES_MAX};
use crate::proto::registry::by_preference;

/// Before a supervising actor is asked again for a child whose process has just ended.
pub(super) const GONE_PAUSE: Duration = Duration::from_millis(5);

/// The method by which an actor is told to listen.
pub(super) const LISTEN: &str = "listen";

// ---- Who is where ------------------------------------------------------------------------------------------------

/// One process, and where it listens.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Place {
    pub(super) name: String,
    #[serde(deserialize_with = "uuid")]
    pub(super) uuid: String,
    #[serde(deserialize_with = "addrs")]
    addrs: Vec<Addr>,
}

impl Place {
    pub(super) fn new(uid: &Uid, mut addrs: Vec<Addr>) -> Self {
        addrs.truncate(REF_ADDRS_MAX);
        Self { name: uid.name().to_owned(), uuid: uid.uuid().to_owned(), addrs }
    }

    /// That of a connected actor, which begins to listen if it does not.
    pub(super) async fn of(portal: &Portal) -> Result<Self> {
        let addrs = portal.run_dyn(DynCall::new("self", LISTEN)).await?;
        Ok(Self::new(portal.uid(), addrs))
    }

    pub(super) fn uid(&self) -> Uid {
        Uid::new(self.name.as_str(), self.uuid.as_str())
    }
}

fn uuid<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let uuid = String::deserialize(deserializer)?;
    if uuid.len() > UUID_BYTES_MAX {
        return Err(D::Error::custom(format!(
            "a uuid has at most {UUID_BYTES_MAX} bytes (`UUID_BYTES_MAX`)"
        )));
    }
    Ok(uuid)
}

fn addrs<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Addr>, D::Error> {
    let addrs = Vec::deserialize(deserializer)?;
    if addrs.len() > REF_ADDRS_MAX {
        return Err(D::Error::custom(format!(
            "a handle has at most {REF_ADDRS_MAX} addresses (`REF_ADDRS_MAX`)"
        )));
    }
    Ok(addrs)
}

/// Why a process was not reached.
#[derive(Debug)]
pub(super) enum Missed {
    /// It is gone; with its death, where this actor has seen it.
    Gone(Option<Error>),
    Not(Error),
}

impl Missed {
    pub(super) fn error(self, place: &Place) -> Error {
        match self {
            Self::Gone(Some(died)) => died,
            Self::Gone(None) => NotFound::ended(place.name.as_str(), "nobody else has its identity").into(),
            Self::Not(error) => error,
        }
    }
}

// ---- Connections -------------------------------------------------------------------------------------------------

/// Those of the running actor.
static LINES: ActorLocal<Lines> = ActorLocal::new(Lines::default);

/// By the uuid of who is at the other end. Locked for a look.
#[derive(Debug, Default)]
struct Lines(Mutex<Slots>);

#[derive(Debug, Default)]
struct Slots {
    asked: u64,
    by_uuid: HashMap<String, Slot>,
}

/// The one connection to an actor.
#[derive(Debug, Clone)]
struct Slot {
    name: Arc<str>,
    /// Locked by who connects; others wait for that.
    line: Arc<tokio::sync::Mutex<Option<Connection>>>,
    /// Every portal that was given out holds it.
    lease: Arc<()>,
    /// When it was asked for last.
    asked: u64,
}

impl Slot {
    fn lend(&self, connection: &Connection) -> Portal {
        connection.0.clone().leased(self.lease.clone())
    }

    /// Nobody has a portal, nor is about to get one, and nothing is open. Looked at under the lock of all: a place is
    /// given out under it.
    fn is_unused(&self) -> bool {
        let is_idle = |line: &Option<Connection>| {
            line.as_ref().is_none_or(|connection| is_over(connection) || connection.0.dialogs_open() == 0)
        };
        let is_free = Arc::strong_count(&self.lease) == 1 && Arc::strong_count(&self.line) == 1;
        is_free && self.line.try_lock().is_ok_and(|line| is_idle(&line))
    }
}

fn is_over(connection: &Connection) -> bool {
    connection.0.peer.drained.is_cancelled()
}

impl Lines {
    fn lock(&self) -> MutexGuard<'_, Slots> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The place for the connection to an actor. If there are many, those that are not used are closed.
    fn slot(&self, uid: &Uid) -> Slot {
        // Dropped after the lock.
        let mut closed = Vec::new();
        let mut slots = self.lock();
        slots.asked += 1;
        let asked = slots.asked;
        while slots.by_uuid.len() >= LINES_KEPT_MAX && !slots.by_uuid.contains_key(uid.uuid()) {
            let unused = slots.by_uuid.iter().filter(|(_, slot)| slot.is_unused());
            let Some((uuid, _)) = unused.min_by_key(|(_, slot)| slot.asked) else { break };
            let uuid = uuid.clone();
            closed.extend(slots.by_uuid.remove(&uuid));
        }
        let slot = slots.by_uuid.entry(uid.uuid().to_owned()).or_insert_with(|| Slot {
            name: uid.name().into(),
            line: Arc::default(),
            lease: Arc::default(),
            asked,
        });
        slot.asked = asked;
        slot.clone()
    }
}

/// The connection to a parent or child, which is open as long as both live.
fn family(actor: &Actor, is_it: impl Fn(&Uid) -> bool) -> Option<Portal> {
    let mut family = actor.peers().into_iter().filter(|peer| peer.is_family && !peer.drained.is_cancelled());
    family.find(|peer| is_it(&peer.aid.uid)).map(Portal::new)
}

/// An open connection to somebody with this name that stays.
pub(super) fn kept_by_name(actor: &Actor, name: &str) -> Option<Portal> {
    if let Some(portal) = family(actor, |uid| uid.name() == name) {
        return Some(portal);
    }
    let lines = LINES.get();
    let slots: Vec<_> = lines.lock().by_uuid.values().filter(|slot| *slot.name == *name).cloned().collect();
    slots.iter().find_map(|slot| {
        let line = slot.line.try_lock().ok()?;
        line.as_ref().filter(|connection| !is_over(connection)).map(|connection| slot.lend(connection))
    })
}

/// Keeps a new connection, unless there is one by now.
pub(super) async fn keep(connection: Connection) -> Portal {
    let slot = LINES.get().slot(connection.0.uid());
    let mut line = slot.line.lock().await;
    match &*line {
        Some(kept) if !is_over(kept) => slot.lend(kept),
        _ => slot.lend(line.insert(connection)),
    }
}

/// Reaches one process, over a connection that is there or a new one.
pub(super) async fn reach(actor: &Actor, place: &Place) -> Result<Portal, Missed> {
    let uid = place.uid();
    let is_near = actor.parent_peer().is_some_and(|parent| parent.aid.uid == uid) || actor.is_parent_of(&uid);
    if let Some(portal) = is_near.then(|| family(actor, |known| *known == uid)).flatten() {
        return Ok(portal);
    }
    let slot = LINES.get().slot(&uid);
    let mut line = slot.line.lock().await;
    if let Some(kept) = &*line {
        if !is_over(kept) {
            return Ok(slot.lend(kept));
        }
        // It says why it is over.
        let died = kept.0.addrs().await.err().filter(|error| error.as_died().is_some());
        *line = None;
        if died.is_some() {
            return Err(Missed::Gone(died));
        }
    }
    Ok(slot.lend(line.insert(dial_to(actor, &uid, &place.addrs).await?)))
}

async fn dial_to(actor: &Actor, uid: &Uid, addrs: &[Addr]) -> Result<Connection, Missed> {
    let mut missed = Missed::Gone(None);
    for addr in by_preference(addrs.to_vec(), is_ours) {
        match dial(actor, &addr).await {
            Ok(connection) if connection.0.uid() == uid => return Ok(connection),
            Ok(other) => {
                tracing::debug!("{} listens at {addr}, where {uid} has", other.0.uid());
                other.close().await;
            }
            Err(NotMet { error, is_nobody: false }) => missed = Missed::Not(error),
            Err(NotMet { error: died @ Error::Died(_), .. }) if matches!(missed, Missed::Gone(_)) => {
                missed = Missed::Gone(Some(died));
            }
            Err(_nobody) => {}
        }
    }
    Err(missed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_the_connections_that_nobody_uses_the_last_ones_are_kept() {
        let lines = Lines::default();
        let uid = |n: usize| Uid::new("w", n.to_string());
        let is_kept = |n: usize| lines.lock().by_uuid.contains_key(uid(n).uuid());
        let connecting = lines.slot(&uid(0));
        let lease = lines.slot(&uid(1)).lease;
        let last = 3 * LINES_KEPT_MAX;
        for n in 2..=last {
            lines.slot(&uid(n));
            lines.slot(&uid(2));
        }
        assert_eq!(lines.lock().by_uuid.len(), LINES_KEPT_MAX);
        assert!([0, 1, 2, last, last - LINES_KEPT_MAX + 4].into_iter().all(is_kept));
        assert!([3, last - LINES_KEPT_MAX + 3].into_iter().all(|n| !is_kept(n)));
        drop((connecting, lease));
        lines.slot(&uid(last + 1));
        lines.slot(&uid(last + 2));
        assert!(!is_kept(0) && !is_kept(1));
    }
}
