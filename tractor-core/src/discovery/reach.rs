//! The connections that an actor has made for handles and lookups. They stay open, to be used again.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use tokio::time::timeout;

use super::connect::{Connection, NotMet, dial};
use super::query::is_ours;
use crate::actor::{Actor, ActorLocal};
use crate::api::{DynCall, Portal};
use crate::error::{Error, NotFound, Result, Unreachable};
use crate::proto::addr::Addr;
use crate::proto::id::Uid;
use crate::proto::limits::{LINES_KEPT_MAX, NAME_BYTES_MAX, REF_ADDRS_MAX, UUID_BYTES_MAX};
use crate::proto::registry::by_preference;

/// The first pause before a supervising actor is asked again for a child whose process has just ended.
pub(super) const GONE_PAUSE: Duration = Duration::from_millis(5);
/// The longest of these pauses, each of which is twice the one before.
pub(super) const GONE_PAUSE_MAX: Duration = Duration::from_secs(1);

/// The method that makes an actor listen.
pub(super) const LISTEN: &str = "listen";

// ---- Places ------------------------------------------------------------------------------------------------------

/// One process, and where it listens.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Place {
    #[serde(deserialize_with = "name")]
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

    /// The place of a connected actor, which begins to listen if it does not.
    pub(super) async fn of(portal: &Portal) -> Result<Self> {
        let addrs = portal.run_dyn(DynCall::new("self", LISTEN)).await?;
        Ok(Self::new(portal.uid(), addrs))
    }

    pub(super) fn uid(&self) -> Uid {
        Uid::new(self.name.as_str(), self.uuid.as_str())
    }
}

fn name<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let name = String::deserialize(deserializer)?;
    if name.len() > NAME_BYTES_MAX {
        return Err(D::Error::custom(format!(
            "an actor's name has at most {NAME_BYTES_MAX} bytes (`NAME_BYTES_MAX`)"
        )));
    }
    Ok(name)
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
    /// It is gone. The error is its death, if this actor has seen it.
    Gone(Option<Error>),
    Not(Error),
}

impl Missed {
    pub(super) fn error(self, place: &Place) -> Error {
        match self {
            Self::Gone(Some(died)) => died,
            Self::Gone(None) => {
                NotFound::ended(place.name.as_str(), "no other actor has its identity").into()
            }
            Self::Not(error) => error,
        }
    }
}

// ---- Connections -------------------------------------------------------------------------------------------------

/// The connections of the current actor.
static LINES: ActorLocal<Lines> = ActorLocal::new(Lines::default);

/// Connections by the actor at the other end. The lock is held for a lookup only.
#[derive(Debug, Default)]
struct Lines(Mutex<Slots>);

#[derive(Debug, Default)]
struct Slots {
    asked: u64,
    by_uid: HashMap<Uid, Slot>,
}

/// The one connection to an actor.
#[derive(Debug, Clone)]
struct Slot {
    /// Locked while a task connects; other tasks wait for the lock.
    line: Arc<tokio::sync::Mutex<Option<Connection>>>,
    /// Whether a registrar has listed the actor. The name in a handle proves nothing: the maker of the handle chooses
    /// it.
    is_found: bool,
    /// The time of the last use.
    asked: u64,
}

impl Slot {
    /// Whether no task has a portal, or is about to get one, and no dialog is open. Called under the lock of `Lines`,
    /// under which slots are given out.
    fn is_unused(&self) -> bool {
        let is_idle = |line: &Option<Connection>| {
            line.as_ref().is_none_or(|Connection(portal)| {
                is_over(portal) || (portal.dialogs_open() == 0 && !portal.is_shared())
            })
        };
        Arc::strong_count(&self.line) == 1 && self.line.try_lock().is_ok_and(|line| is_idle(&line))
    }
}

fn is_over(portal: &Portal) -> bool {
    portal.peer.drained.is_cancelled()
}

impl Lines {
    fn lock(&self) -> MutexGuard<'_, Slots> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The slot for the connection to an actor. If there are many connections, unused ones are closed.
    fn slot(&self, uid: &Uid) -> Slot {
        // Dropped after the lock.
        let mut closed = Vec::new();
        let mut slots = self.lock();
        slots.asked += 1;
        let asked = slots.asked;
        while slots.by_uid.len() >= LINES_KEPT_MAX && !slots.by_uid.contains_key(uid) {
            let unused = slots.by_uid.iter().filter(|(_, slot)| slot.is_unused());
            let Some((first, _)) = unused.min_by_key(|(_, slot)| slot.asked) else { break };
            let first = first.clone();
            closed.extend(slots.by_uid.remove(&first));
        }
        let new = || Slot { line: Arc::default(), is_found: false, asked };
        let slot = slots.by_uid.entry(uid.clone()).or_insert_with(new);
        slot.asked = asked;
        slot.clone()
    }

    /// Records that a registrar has listed this actor.
    fn is_found(&self, uid: &Uid) {
        if let Some(slot) = self.lock().by_uid.get_mut(uid) {
            slot.is_found = true;
        }
    }

    /// Keeps the connection to a peer that has not proved that it is of our tree: it may claim any identity, so nobody
    /// else may find this connection by it.
    fn keep_apart(&self, connection: Connection) -> Portal {
        let portal = connection.0.clone();
        let slot = self.slot(&Uid::new("", uuid::Uuid::new_v4().to_string()));
        *slot.line.try_lock().expect("the slot is new") = Some(connection);
        portal
    }

    /// Removes a slot without a connection, unless another task is about to make one.
    fn forget(&self, uid: &Uid) {
        let mut slots = self.lock();
        let is_empty = |slot: &Slot| slot.line.try_lock().is_ok_and(|line| line.is_none());
        if slots.by_uid.get(uid).is_some_and(|slot| Arc::strong_count(&slot.line) == 1 && is_empty(slot)) {
            slots.by_uid.remove(uid);
        }
    }
}

/// The connection to a parent or child, which is open as long as both live.
fn family(actor: &Actor, is_it: impl Fn(&Uid) -> bool) -> Option<Portal> {
    let mut family = actor.peers().into_iter().filter(|peer| peer.is_family && !peer.drained.is_cancelled());
    family.find(|peer| is_it(&peer.aid.uid)).map(Portal::new)
}

/// An open connection to an actor with this name or uuid. A name counts only for the parent, children, and actors that
/// a registrar has listed, as the actor itself says it.
pub(super) fn kept(actor: &Actor, name: &str) -> Option<Portal> {
    if let Some(portal) = family(actor, |uid| uid.name() == name || uid.uuid() == name) {
        return Some(portal);
    }
    let lines = LINES.get();
    let mut slots: Vec<_> = lines
        .lock()
        .by_uid
        .iter()
        .filter(|(uid, slot)| slot.is_found || uid.uuid() == name)
        .map(|(_, slot)| slot.clone())
        .collect();
    slots.sort_by_key(|slot| slot.asked);
    let mut portals = slots.iter().filter_map(|slot| open(&*slot.line.try_lock().ok()?));
    portals.find(|portal| [portal.uid().name(), portal.uid().uuid()].contains(&name))
}

/// A portal over an existing connection. It keeps the connection open.
fn open(line: &Option<Connection>) -> Option<Portal> {
    line.as_ref().map(|Connection(portal)| portal).filter(|portal| !is_over(portal)).cloned()
}

/// Keeps a new connection to an actor that a registrar has listed, unless there is one by now.
pub(super) async fn keep(connection: Connection) -> Portal {
    let lines = LINES.get();
    if !connection.0.peer.is_member {
        return lines.keep_apart(connection);
    }
    let uid = connection.0.uid().clone();
    let slot = lines.slot(&uid);
    let mut line = slot.line.lock().await;
    lines.is_found(&uid);
    open(&line).unwrap_or_else(|| line.insert(connection).0.clone())
}

/// Reaches one process, over an existing connection or a new one.
pub(super) async fn reach(actor: &Actor, place: &Place) -> Result<Portal, Missed> {
    let uid = place.uid();
    let is_near = actor.parent_peer().is_some_and(|parent| parent.aid.uid == uid) || actor.is_parent_of(&uid);
    if let Some(portal) = is_near.then(|| family(actor, |known| *known == uid)).flatten() {
        return Ok(portal);
    }
    let lines = LINES.get();
    let slot = lines.slot(&uid);
    let reached = reach_over(actor, &uid, &place.addrs, &slot).await;
    drop(slot);
    lines.forget(&uid);
    reached
}

async fn reach_over(actor: &Actor, uid: &Uid, addrs: &[Addr], slot: &Slot) -> Result<Portal, Missed> {
    let mut line = slot.line.lock().await;
    if let Some(portal) = open(&line) {
        return Ok(portal);
    }
    if let Some(Connection(over)) = &*line {
        // The error says why the connection ended.
        let died = over.addrs().await.err().filter(|error| error.as_died().is_some());
        *line = None;
        if died.is_some() {
            return Err(Missed::Gone(died));
        }
    }
    // All silent addresses share one time limit, because other tasks wait for this.
    let limit = actor.timeouts().handshake;
    match timeout(limit, dial_to(actor, uid, addrs)).await {
        Ok(connection) => Ok(match connection? {
            member if member.0.peer.is_member => line.insert(member).0.clone(),
            stranger => LINES.get().keep_apart(stranger),
        }),
        Err(_elapsed) => {
            let addr = addrs.first().cloned().expect("without an address there is no wait");
            let late = format!("no answer of {uid} within {limit:?} (`Timeouts::handshake`)");
            Err(Missed::Not(Unreachable::new(addr, late).into()))
        }
    }
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
    fn the_last_idle_connections_are_kept() {
        let lines = Lines::default();
        let uid = |n: usize| Uid::new("w", n.to_string());
        let is_kept = |n: usize| lines.lock().by_uid.contains_key(&uid(n));
        let connecting = lines.slot(&uid(0));
        let other = lines.slot(&uid(1));
        let last = 3 * LINES_KEPT_MAX;
        for n in 2..=last {
            lines.slot(&uid(n));
            lines.slot(&uid(2));
        }
        assert_eq!(lines.lock().by_uid.len(), LINES_KEPT_MAX);
        assert!([0, 1, 2, last, last - LINES_KEPT_MAX + 4].into_iter().all(is_kept));
        assert!([3, last - LINES_KEPT_MAX + 3].into_iter().all(|n| !is_kept(n)));
        drop((connecting, other));
        lines.slot(&uid(last + 1));
        lines.slot(&uid(last + 2));
        assert!(!is_kept(0) && !is_kept(1));
    }
}
