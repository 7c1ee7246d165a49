//! The task that watches one child process from its spawn to its reaping.
//!
//! ```text
//! spawn --> boot --ready--> life, and the ladder (ladder.rs) --> reaped
//!    |        |                          ^
//!    |        +-- fails, or is cancelled +
//!    +-- fails: there was no process
//! ```
//!
//! # Invariants
//! 1. The watching task belongs to the actor, not to the scope that started the child: it runs to its end even if
//!    that scope is dropped, and the actor waits for it.
//! 2. It ends only after the process was reaped. If not even SIGKILL ends a process, the task gives it up, and reports
//!    a failure.
//! 3. Every wait in it has a limit, except the wait for a running child.

use std::pin::pin;
use std::process::ExitStatus;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use tokio::sync::{oneshot, watch};
use tokio::time::timeout;

use super::ladder::end;
use super::options::ProcessOptions;
use super::reaper;
use super::sockets::remove_sockets;
use super::spawn::{ChildSpec, Spawned, spawn};
use crate::actor::{Actor, Connected, Link, attach};
use crate::error::{ActorDied, ActorFailure, Because, CloseReason, Error};
use crate::net::{Appended, Introduction, Transport, default_uds, introduce};
use crate::proto::addr::Addr;
use crate::proto::handshake::{Policy, Role};
use crate::proto::id::Caps;
use crate::proto::msg::{Msg, SpawnSpec};
use crate::session::{ActorEnd, ChildActor, Peer, Wishes};

/// A booted child for the caller of `start_actor`. If the caller does not take it, the child ends.
#[derive(Debug)]
pub(crate) struct Newborn {
    /// `None` once it was taken.
    peer: Option<Arc<Peer>>,
    child: Arc<ChildActor>,
}

impl Newborn {
    pub(crate) fn take(mut self) -> Arc<Peer> {
        self.peer.take().expect("taken once, by value")
    }
}

impl Drop for Newborn {
    fn drop(&mut self) {
        if self.peer.is_some() {
            self.child.ask(None);
        }
    }
}

/// The settings of a new child.
#[derive(Debug)]
pub(crate) struct Birth {
    pub(crate) process: ChildSpec,
    pub(crate) options: ProcessOptions,
    pub(crate) boot: SpawnSpec,
}

/// Runs one child from spawn to reaping. `born` gets its connection when the child has booted. The error is an
/// unexpected end.
pub(crate) fn watch_child(
    actor: Actor,
    child: Arc<ChildActor>,
    mut wishes: Wishes,
    birth: Birth,
    born: oneshot::Sender<Result<Newborn, Error>>,
) -> impl Future<Output = Option<Error>> {
    // Made here, so that it also reports a task that ends before its first poll.
    let ending = Ending(child.clone(), ActorEnd::InOrder);
    async move {
        actor.at_first_child(|| reap_adopted_of(&actor));
        let name = birth.process.name.clone();
        let sockets = birth.boot.bind_addrs.clone();
        let (mut spawned, channel) = match spawn(birth.process, birth.options).await {
            Ok(spawned) => spawned,
            Err(error) => {
                // Fails if `start_actor` was dropped.
                _ = born.send(Err(ActorFailure::new(name, error.to_string()).into()));
                return None;
            }
        };
        let pid = spawned.pid;
        child.pid.get_or_init(|| pid);
        let ending =
            ending.unless_said(ActorEnd::Died(ActorDied::new(name.clone(), pid, Because::Unknown, None)));
        tracing::debug!("started actor `{name}` as process {pid}");
        let booted = boot(&actor, &child, &mut wishes, birth.boot, channel, &mut spawned, born).await;
        let (end, error) = end(&actor, &child, &mut wishes, booted.ok().as_ref(), spawned).await;
        if let ActorEnd::Died(died) | ActorEnd::Killed(died) = &end {
            // Recorded before the waiting tasks get the error and connect again.
            for addr in sockets_of(&name, pid, sockets.clone()) {
                actor.deaths().add(addr, died);
            }
        }
        child.has_ended(end.clone());
        reaper::clear_up().await;
        remove_sockets(sockets_of(&name, pid, sockets).iter().filter_map(Addr::uds_path).collect()).await;
        tracing::debug!("reaped actor `{name}`, process {pid}: {end}");
        drop(ending);
        error
    }
}

/// Reaps the orphans that actors below this one leave, from the actor's first child until the actor stops. Later
/// orphans are reaped at the end of each child.
fn reap_adopted_of(actor: &Actor) {
    let stopped = actor.clone();
    actor.spawn_link(async move {
        tokio::select! {
            () = stopped.stopped() => {}
            never = reaper::reap_adopted() => match never {},
        }
    });
}

/// Reports on drop that a child is gone, and how it has ended if that was not reported because of a panic.
struct Ending(Arc<ChildActor>, ActorEnd);

impl Ending {
    fn unless_said(mut self, end: ActorEnd) -> Self {
        self.1 = end;
        self
    }
}

impl Drop for Ending {
    fn drop(&mut self) {
        self.0.has_ended(self.1.clone());
        self.0.gone.cancel();
    }
}

/// The child never ran: it failed to boot, or was cancelled during the boot.
struct Unborn;

async fn boot(
    actor: &Actor,
    child: &Arc<ChildActor>,
    wishes: &mut Wishes,
    spec: SpawnSpec,
    channel: tokio::net::UnixStream,
    spawned: &mut Spawned,
    mut born: oneshot::Sender<Result<Newborn, Error>>,
) -> Result<Arc<Peer>, Unborn> {
    let limit = actor.timeouts().child_boot;
    let name = child.uid.name();
    let timeouts = actor.timeouts();
    let process = &mut spawned.process;
    let mut connecting = pin!(timeout(limit, connect(actor, child, spec, channel, spawned.pid)));
    let failed = tokio::select! {
        biased;
        booted = &mut connecting => match booted {
            Ok(Ok(peer)) => {
                let newborn = Newborn { peer: Some(peer.clone()), child: child.clone() };
                // If `start_actor` was dropped, dropping the newborn ends the child.
                drop(born.send(Ok(newborn)));
                return Ok(peer);
            }
            Ok(Err(BootFailure::Known(reason))) => reason,
            Ok(Err(BootFailure::Lost(reason))) => match timeout(timeouts.exit_status, process.wait()).await {
                Ok(status) => ended_early(status),
                Err(_elapsed) => reason,
            },
            Err(_elapsed) => format!("it did not finish its boot within {limit:?} (`Timeouts::child_boot`)"),
        },
        // Earlier messages of the child are still being read.
        status = process.wait() => match timeout(timeouts.drain, &mut connecting).await {
            Ok(Ok(Err(BootFailure::Known(reason)))) => reason,
            Ok(_) | Err(_) => ended_early(status),
        },
        () = wishes.end() => "it was cancelled while it booted".to_owned(),
        () = born.closed() => return Err(Unborn),
    };
    let failed = match spawned.process.id() {
        None => format!("{failed}{}", spawned.circumstances(timeouts.drain).await),
        Some(_lives) => failed,
    };
    // Fails if `start_actor` was dropped.
    _ = born.send(Err(ActorFailure::new(name, failed).into()));
    Err(Unborn)
}

/// Why a child did not boot.
enum BootFailure {
    /// The child reported it, or broke the protocol.
    Known(String),
    /// The connection ended; the status of the process says more.
    Lost(String),
}

fn ended_early(status: std::io::Result<ExitStatus>) -> String {
    let status = status.map_or_else(|error| error.to_string(), |status| status.to_string());
    format!("its process ended during its boot ({status})")
}

/// Handshake, boot data, and the child's `Ready`.
async fn connect(
    actor: &Actor,
    child: &Arc<ChildActor>,
    spec: SpawnSpec,
    channel: tokio::net::UnixStream,
    pid: u32,
) -> Result<Arc<Peer>, BootFailure> {
    let with = Introduction {
        ours: actor.aid(),
        role: Role::Acceptor,
        policy: Policy::Open,
        limits: actor.limits(),
    };
    let met = introduce(Transport::Uds(channel), with).await.map_err(|error| {
        let text = error.to_string();
        if error.is_departure() { BootFailure::Lost(text) } else { BootFailure::Known(text) }
    })?;
    if met.aid.uid != child.uid {
        let text = format!("it introduced itself as another actor, {}", met.aid.uid);
        return Err(BootFailure::Known(text));
    }
    let caps = met.caps;
    let connected =
        Connected { io: met.io, unread: met.frames.into_rest(), aid: met.aid, caps, link: Link::Child };
    let failure = Arc::new(watch::Sender::new(None::<CloseReason>));
    let (failed, child) = (failure.clone(), child.clone());
    let peer = attach(actor, connected, move |peer, reason| async move {
        failed.send_replace(Some(reason.clone()));
        // A child has one connection of this kind.
        _ = child.loss.set(reason.clone());
        cause_of_loss(&peer, &child, reason, pid).await
    });
    let frame_bytes_max = spec.limits.frame_bytes_max;
    match peer.channel.send(&Msg::SpawnSpec(Box::new(spec))) {
        // From here on the child has its own limits.
        Appended::Yes(_) => peer.channel.peer_accepts(frame_bytes_max),
        Appended::TooLarge(error) => {
            return Err(BootFailure::Known(format!("its boot data is too large: {error}")));
        }
        // `failure` reports it.
        Appended::Closed(_) => {}
    }
    if !caps.contains(Caps::READY) {
        return Ok(peer);
    }
    let mut failure = failure.subscribe();
    tokio::select! {
        () = peer.ready.cancelled() => Ok(peer),
        reason = failure.wait_for(Option::is_some) => Err(match reason.as_deref() {
            Ok(Some(
                reason @ (CloseReason::PeerFailed(_)
                | CloseReason::Protocol(_)
                | CloseReason::OverBudget(_)),
            )) => {
                BootFailure::Known(reason.to_string())
            }
            Ok(Some(reason)) => BootFailure::Lost(reason.to_string()),
            Ok(None) | Err(_) => BootFailure::Lost("its connection was dropped".to_owned()),
        }),
    }
}

/// The error of every task that waits on a child's connection when that ends: the death of the process, unless it ended
/// in good order.
async fn cause_of_loss(peer: &Peer, child: &ChildActor, reason: CloseReason, pid: u32) -> Error {
    let ended = timeout(peer.timeouts.exit_status, child.ended()).await;
    match ended {
        Ok(ActorEnd::Died(died) | ActorEnd::Killed(died)) => died.after(reason).into(),
        Ok(ActorEnd::InOrder | ActorEnd::Acknowledged) => peer.closed_error(reason),
        Err(_elapsed) if child.is_asked() || peer.ended_in_order.load(Ordering::Acquire) => {
            peer.closed_error(reason)
        }
        Err(_elapsed) => {
            ActorDied::new(peer.aid.uid.name(), pid, Because::Unknown, None).after(reason).into()
        }
    }
}

/// The known addresses of a child: those from its parent, or its default address, where it may listen since a handle
/// was requested.
fn sockets_of(name: &str, pid: u32, bound: Option<Vec<Addr>>) -> Vec<Addr> {
    let bound = bound.filter(|bound| !bound.is_empty());
    bound.unwrap_or_else(|| default_uds(name, pid).into_iter().collect())
}
