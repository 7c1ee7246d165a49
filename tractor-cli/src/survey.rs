//! The reports of all actors of a registry, and the system's facts about those without a report.

use std::time::Duration;

use futures_util::{StreamExt, stream};
use serde_json::{Value as Json, json};
use tractor_core::proto::addr::Addr;
use tractor_core::{ActorReport, Error, Portal, connect};

use crate::process::{Facts, facts};
use crate::reach::{ANSWER, Knock, Library, NO_PROOF, Registry, Row, asks_for_proof, knock};

/// Actors that are asked at the same time.
const AT_ONCE: usize = 32;

/// The findings about one actor.
#[derive(Debug)]
pub(crate) struct Seen {
    pub(crate) row: Row,
    pub(crate) state: State,
    /// The library of the actor, if it has answered.
    pub(crate) library: Option<Library>,
    pub(crate) report: Option<ActorReport>,
    pub(crate) pid: Option<i32>,
    /// The system's facts about that process.
    pub(crate) facts: Facts,
    /// Why it is not up, or has no report.
    pub(crate) why: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    /// It has described itself.
    Up,
    /// Its report says that it is ending.
    Ending,
    /// It runs but gives no report, because of its library or because it refuses us.
    Quiet,
    /// It listens but does not answer in time: it is busy, is stopped, or refuses us.
    Silent,
    /// Nothing, or another actor, listens at its addresses.
    Gone,
}

impl State {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Up => "up",
            Self::Ending => "ending",
            Self::Quiet => "quiet",
            Self::Silent => "silent",
            Self::Gone => "gone",
        }
    }
}

/// Asks every actor in a registrar's table, in the order of the table.
pub(crate) async fn survey(registry: &Registry) -> Vec<Seen> {
    stream::iter(registry.rows.clone()).map(look).buffered(AT_ONCE).collect().await
}

async fn look(row: Row) -> Seen {
    let mut seen = Seen {
        row,
        state: State::Gone,
        library: None,
        report: None,
        pid: None,
        facts: Facts::default(),
        why: Some("it has no address".to_owned()),
    };
    for addr in seen.row.addrs.clone() {
        look_at(&mut seen, &addr).await;
        if seen.state != State::Gone {
            break;
        }
    }
    match seen.pid.map(facts) {
        Some(Some(facts)) => seen.facts = facts,
        // The process belongs to another user or host.
        Some(None) if cfg!(target_os = "linux") => seen.pid = None,
        Some(None) | None => {}
    }
    seen
}

async fn look_at(seen: &mut Seen, addr: &Addr) {
    let proved = match knock(addr).await {
        Knock::Open(pid) => pid,
        Knock::Absent(_) | Knock::Dead => {
            seen.why = Some(format!("nothing listens at {addr}"));
            return;
        }
        Knock::Foreign(why) => {
            seen.why = Some(why);
            return;
        }
    };
    let met = connect(addr, async |portal| {
        let is_it = portal.uid() == &seen.row.uid;
        Ok::<_, Error>(if is_it { Ok(hear(portal).await) } else { Err(portal.uid().clone()) })
    });
    match met.await {
        Ok(Ok(heard)) => {
            let is_here = matches!(addr, Addr::Tcp(addr) if addr.ip().is_loopback());
            seen.pid = proved.or(heard.claimed.filter(|_| is_here));
            seen.library = Some(heard.library);
            (seen.state, seen.why) = match &heard.report {
                Ok(report) if report.is_ending => (State::Ending, None),
                Ok(_) => (State::Up, None),
                Err(None) => (State::Quiet, None),
                Err(Some(Error::Remote(error))) => (State::Quiet, Some(error.message().to_owned())),
                Err(Some(Error::Died(_) | Error::Closed(_))) if heard.asks_for_proof => {
                    (State::Silent, Some(NO_PROOF.to_owned()))
                }
                Err(Some(error @ (Error::Died(_) | Error::Closed(_)))) => {
                    (State::Gone, Some(error.to_string()))
                }
                Err(Some(error)) => (State::Silent, Some(error.to_string())),
            };
            seen.report = heard.report.ok();
        }
        Ok(Err(other)) => seen.why = Some(format!("{other} listens at {addr} now")),
        Err(Error::Died(died)) => seen.why = Some(died.to_string()),
        Err(error) => {
            seen.state = State::Silent;
            seen.pid = proved;
            seen.why = Some(error.to_string());
        }
    }
}

/// The answers of an actor.
struct Heard {
    library: Library,
    /// The process that it claims.
    claimed: Option<i32>,
    asks_for_proof: bool,
    /// Its report, or why there is none, if it was asked for one.
    report: Result<ActorReport, Option<Error>>,
}

async fn hear(portal: &Portal) -> Heard {
    let library = Library::of(portal.aid());
    // The methods of an actor of the base protocol are a closed set.
    let report = match library {
        Library::Rust => portal.deadline(ANSWER).describe().await.map_err(Some),
        Library::Python => Err(None),
    };
    let claimed = portal.pid().and_then(|pid| i32::try_from(pid).ok());
    Heard { library, claimed, asks_for_proof: asks_for_proof(portal), report }
}

impl Seen {
    /// The time since it became an actor, or else since its process started.
    pub(crate) fn uptime(&self) -> Option<Duration> {
        self.report.as_ref().map(|report| report.uptime).or(self.facts.uptime)
    }

    pub(crate) fn to_json(&self) -> Json {
        let addrs: Vec<_> = self.row.addrs.iter().map(ToString::to_string).collect();
        json!({
            "name": self.row.uid.name(),
            "uuid": self.row.uid.uuid(),
            "state": self.state.name(),
            "why": self.why,
            "library": self.library.map(Library::name),
            "pid": self.pid,
            "addrs": addrs,
            "uptime_secs": self.uptime().map(|uptime| uptime.as_secs_f64()),
            "memory_bytes": self.facts.memory_bytes,
        })
    }
}
