//! The report of an actor about itself, over the method `self:describe`.
//!
//! # Invariants
//! 1. The answer comes at once from the state of the runtime, and waits for no endpoint, task or file.
//! 2. The report is bounded: each list has at most [`REPORT_ENTRIES_MAX`] entries, and a total beside it.

use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::core::Actor;
use crate::proto::addr::Addr;
use crate::proto::dialog::Side;
use crate::proto::id::Uid;
use crate::proto::limits::REPORT_ENTRIES_MAX;
use crate::session::{ChildActor, Peer, SessionEnd};

/// The report of an actor about itself; [`Portal::describe`](crate::Portal::describe) returns it.
///
/// It travels with field names. Fields that an actor of another version does not send are empty or zero.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct ActorReport {
    /// Its process id.
    pub pid: u32,
    /// The age of the actor, in whole microseconds.
    #[serde(rename = "uptime_us", with = "micros")]
    pub uptime: Duration,
    /// Whether it has been asked to end; it then accepts no more requests.
    pub is_ending: bool,
    /// The addresses it listens on.
    pub addrs: Vec<Addr>,
    /// Its parent; `None` for a root.
    #[serde(with = "maybe_uid")]
    pub parent: Option<Uid>,
    /// The children that it has started and whose processes it watches, at most 256.
    pub children: Vec<ChildReport>,
    /// How many there are.
    pub children_total: u64,
    /// Open dialogs on its connections, at most 256.
    pub dialogs: Vec<DialogReport>,
    /// How many there are.
    pub dialogs_total: u64,
    /// Bytes of data that wait in its memory: [`Actor::waiting_bytes`].
    pub waiting_bytes: u64,
}

/// A child, in an [`ActorReport`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ChildReport {
    /// Its name and uuid.
    #[serde(with = "one_uid")]
    pub uid: Uid,
    /// Its process id; `None` while it is being started.
    #[serde(default)]
    pub pid: Option<u32>,
    /// Whether a [`Supervisor`](crate::Supervisor) restarts it.
    #[serde(default)]
    pub is_supervised: bool,
}

/// An open dialog, in an [`ActorReport`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct DialogReport {
    /// The actor at the other end.
    #[serde(with = "one_uid")]
    pub peer: Uid,
    /// `module:name` of the endpoint.
    pub endpoint: String,
    /// Whether the endpoint runs in the actor that reports. If not, that actor has called it.
    pub is_served: bool,
    /// Its state, as text.
    #[serde(default)]
    pub state: String,
}

impl Actor {
    /// The report of this actor.
    pub(super) fn report(&self) -> ActorReport {
        let (children, children_total) = self.children(REPORT_ENTRIES_MAX);
        let (mut dialogs, mut dialogs_total) = (Vec::new(), 0);
        for peer in self.peers() {
            let room = REPORT_ENTRIES_MAX.saturating_sub(dialogs.len());
            let (sessions, total) = peer.some_dialogs(room);
            dialogs_total += total as u64;
            dialogs.extend(sessions.iter().map(|session| dialog_of(&peer, session)));
        }
        ActorReport {
            pid: std::process::id(),
            uptime: self.uptime(),
            is_ending: self.cancel_requested().is_some(),
            addrs: self.addrs(),
            parent: self.parent_peer().map(|parent| parent.aid.uid.clone()),
            children: children.iter().map(|child| child_of(child)).collect(),
            children_total: children_total as u64,
            dialogs,
            dialogs_total,
            waiting_bytes: self.waiting_bytes() as u64,
        }
    }
}

fn child_of(child: &ChildActor) -> ChildReport {
    ChildReport { uid: child.uid.clone(), pid: child.pid.get().copied(), is_supervised: child.is_supervised }
}

fn dialog_of(peer: &Peer, session: &SessionEnd) -> DialogReport {
    DialogReport {
        peer: peer.aid.uid.clone(),
        endpoint: session.endpoint.to_string(),
        is_served: session.side() == Side::Child,
        state: session.phase_name().to_owned(),
    }
}

/// A uid as on the wire: its name and its uuid.
mod one_uid {
    use super::*;

    pub(super) fn serialize<S: Serializer>(uid: &Uid, serializer: S) -> Result<S::Ok, S::Error> {
        (uid.name(), uid.uuid()).serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Uid, D::Error> {
        let (name, uuid) = <(String, String)>::deserialize(deserializer)?;
        Ok(Uid::new(name, uuid))
    }
}

mod maybe_uid {
    use super::*;

    pub(super) fn serialize<S: Serializer>(uid: &Option<Uid>, serializer: S) -> Result<S::Ok, S::Error> {
        uid.as_ref().map(|uid| (uid.name(), uid.uuid())).serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Uid>, D::Error> {
        let uid = Option::<(String, String)>::deserialize(deserializer)?;
        Ok(uid.map(|(name, uuid)| Uid::new(name, uuid)))
    }
}

mod micros {
    use super::*;

    pub(super) fn serialize<S: Serializer>(time: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
        u64::try_from(time.as_micros()).unwrap_or(u64::MAX).serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
        u64::deserialize(deserializer).map(Duration::from_micros)
    }
}
