//! The task that watches one child process: from its spawn to its reaping.
//!
//! ```text
//! Spawning --> Booting --> Running --+-- asked to end --> Requested --ack--> Ending --exit--> Reaped
//!     |           |           |      |                       |                 |
//!     |           |           |      +-- exits by itself     +-- no ack        +-- too slow
//!     |           |           |          (ActorDied)         v                 v
//!     +-----------+-----------+------ fails, dropped ----> SIGTERM --too slow--> SIGKILL --exit--> Reaped
//! ```
//!
//! # Invariants
//! 1. The watching task is one of the actor, not of the scope that asked for the child: it runs to the end whoever is
//!    dropped meanwhile, and the actor waits for it.
//! 2. It ends only after the process was waited for.
//! 3. Every wait in it has a limit, but for the one on a running child and the one after SIGKILL.

use std::pin::pin;
use std::process::ExitStatus;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::sync::{oneshot, watch};
use tokio::time::{Instant, timeout, timeout_at};
use tokio_util::sync::CancellationToken;

use super::handle::Child;
use super::reaper;
use super::sockets::remove_sockets;
use super::spawn::{ChildSpec, Spawned, spawn};
use crate::actor::{Actor, Connected, attach};
use crate::error::{ActorDied, ActorFailure, CloseReason, Error};
use crate::net::{Appended, Introduction, Transport, default_uds, introduce};
use crate::proto::addr::Addr;
use crate::proto::handshake::{Policy, Role};
use crate::proto::id::{Caps, Uid};
use crate::proto::msg::{Msg, SpawnSpec};
use crate::session::Peer;

/// One child process, shared by the task that watches it and its nursery.
#[derive(Debug)]
pub(crate) struct ChildActor {
    pub(crate) uid: Uid,
    /// Set to ask for the end of the child.
    pub(crate) cancel: CancellationToken,
    /// Set to end it without asking, or without waiting any longer for what was asked.
    pub(crate) kill: CancellationToken,
    /// Set after the process was reaped.
    pub(crate) reaped: CancellationToken,
}

/// A child that has booted, on its way to whoever asked for it. Dropped on that way, it ends the child.
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
            self.child.cancel.cancel();
        }
    }
}

/// What a child begins with.
#[derive(Debug)]
pub(crate) struct Birth {
    pub(crate) process: ChildSpec,
    pub(crate) boot: SpawnSpec,
}

/// What became of the process, told once.
type Exit = watch::Receiver<Option<Option<ExitStatus>>>;

/// Runs one child from spawn to reaping. `born` gets its connection once the child has booted; an unexpected end is the result.
pub(crate) async fn watch_child(
    actor: Actor,
    child: Arc<ChildActor>,
    birth: Birth,
    born: oneshot::Sender<Result<Newborn, Error>>,
) -> Option<Error> {
    let name = birth.process.name.clone();
    let sockets = birth.boot.bind_addrs.clone();
    let Spawned { mut process, pid, channel } = match spawn(birth.process).await {
        Ok(spawned) => spawned,
        Err(error) => {
            // Nobody waits any more when `start_actor` was dropped.
            _ = born.send(Err(ActorFailure::new(name, error.to_string()).into()));
            return None;
        }
    };
    tracing::debug!("started actor `{name}` as process {pid}");
    let (exit_tx, exit) = watch::channel(None);
    let booted = boot(&actor, &child, birth.boot, channel, &mut process, pid, exit, born).await;
    let end = match booted {
        Ok(peer) => run(&actor, &child, &peer, &mut process).await,
        Err(Unborn) => End::Kill,
    };
    let (status, error) = match end {
        End::Exited(status) => (status, None),
        End::Died(status) => (status, Some(Error::Died(ActorDied::new(name.clone(), pid, status)))),
        End::Kill => (kill(&actor, &name, pid, &mut process).await, None),
        End::Lost => {
            let status = kill(&actor, &name, pid, &mut process).await;
            // The status only tells how it was killed.
            (status, Some(Error::Died(ActorDied::new(name.clone(), pid, None))))
        }
    };
    exit_tx.send_replace(Some(status));
    reaper::clear_up().await;
    remove_sockets(socket_paths(&name, pid, sockets)).await;
    tracing::debug!("reaped actor `{name}`, process {pid}");
    error
}

/// The child never ran: it failed to boot, or was cancelled while it did.
struct Unborn;

/// How a running child has to be brought to its end.
enum End {
    /// It ended as asked.
    Exited(Option<ExitStatus>),
    /// It ended unasked.
    Died(Option<ExitStatus>),
    /// It has to be signalled.
    Kill,
    /// It has to be signalled because it is out of reach, and nobody asked for its end.
    Lost,
}

#[allow(clippy::too_many_arguments, reason = "the parts of a birth, each used once")]
async fn boot(
    actor: &Actor,
    child: &Arc<ChildActor>,
    spec: SpawnSpec,
    channel: tokio::net::UnixStream,
    process: &mut Child,
    pid: u32,
    exit: Exit,
    mut born: oneshot::Sender<Result<Newborn, Error>>,
) -> Result<Arc<Peer>, Unborn> {
    let limit = actor.timeouts().child_boot;
    let name = child.uid.name();
    let timeouts = actor.timeouts();
    let mut connecting = pin!(timeout(limit, connect(actor, child, spec, channel, pid, exit)));
    let failed = tokio::select! {
        biased;
        booted = &mut connecting => match booted {
            Ok(Ok(peer)) => {
                let newborn = Newborn { peer: Some(peer.clone()), child: child.clone() };
                // Where `start_actor` was dropped, the child ends with the newborn.
                drop(born.send(Ok(newborn)));
                return Ok(peer);
            }
            Ok(Err(BootFailure::Told(reason))) => reason,
            Ok(Err(BootFailure::Lost(reason))) => match timeout(timeouts.exit_status, process.wait()).await {
                Ok(status) => ended_early(status),
                Err(_elapsed) => reason,
            },
            Err(_elapsed) => format!("it did not finish its boot within {limit:?} (`Timeouts::child_boot`)"),
        },
        // What it has said before is still being read.
        status = process.wait() => match timeout(timeouts.drain, &mut connecting).await {
            Ok(Ok(Err(BootFailure::Told(reason)))) => reason,
            Ok(_) | Err(_) => ended_early(status),
        },
        () = child.cancel.cancelled() => "it was cancelled while it booted".to_owned(),
        () = born.closed() => return Err(Unborn),
    };
    // Nobody waits any more when `start_actor` was dropped.
    _ = born.send(Err(ActorFailure::new(name, failed).into()));
    Err(Unborn)
}

/// Why a child did not boot.
enum BootFailure {
    /// The child said so, or broke the protocol.
    Told(String),
    /// The connection ended; how the process did says more.
    Lost(String),
}

fn ended_early(status: std::io::Result<ExitStatus>) -> String {
    let status = status.map_or_else(|error| error.to_string(), |status| status.to_string());
    format!("its process ended before it had booted ({status})")
}

/// Handshake, boot data, and the child's word that it is ready.
async fn connect(
    actor: &Actor,
    child: &ChildActor,
    spec: SpawnSpec,
    channel: tokio::net::UnixStream,
    pid: u32,
    exit: Exit,
) -> Result<Arc<Peer>, BootFailure> {
    let with = Introduction {
        ours: actor.aid().clone(),
        role: Role::Acceptor,
        policy: Policy::Open,
        limits: actor.limits(),
    };
    let met = introduce(Transport::Uds(channel), with).await.map_err(|error| {
        let text = error.to_string();
        if error.is_departure() { BootFailure::Lost(text) } else { BootFailure::Told(text) }
    })?;
    if met.aid.uid != child.uid {
        let text = format!("it introduced itself as another actor, {}", met.aid.uid);
        return Err(BootFailure::Told(text));
    }
    let caps = met.caps;
    let connected =
        Connected { io: met.io, unread: met.frames.into_rest(), aid: met.aid, caps, dialer: false };
    let failure = Arc::new(watch::Sender::new(None::<CloseReason>));
    let (limit, failed) = (actor.timeouts().exit_status, failure.clone());
    let peer = attach(actor, connected, move |peer, reason| async move {
        failed.send_replace(Some(reason.clone()));
        cause_of_loss(peer, reason, pid, exit, limit).await
    });
    let frame_bytes_max = spec.limits.frame_bytes_max;
    match peer.channel.send(&Msg::SpawnSpec(Box::new(spec))) {
        // It has its own limits from here on.
        Appended::Yes(_) => peer.channel.peer_accepts(frame_bytes_max),
        Appended::TooLarge(error) => {
            return Err(BootFailure::Told(format!("what it has to know at its birth is too large: {error}")));
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
            Ok(Some(reason @ (CloseReason::PeerFailed(_) | CloseReason::Protocol(_)))) => {
                BootFailure::Told(reason.to_string())
            }
            Ok(Some(reason)) => BootFailure::Lost(reason.to_string()),
            Ok(None) | Err(_) => BootFailure::Lost("its connection was dropped".to_owned()),
        }),
    }
}

/// What everybody who waits on a child's connection is told when it ends: how the process died, unless it was asked to.
async fn cause_of_loss(
    peer: Arc<Peer>,
    reason: CloseReason,
    pid: u32,
    mut exit: Exit,
    limit: Duration,
) -> Error {
    if peer.cancel_asked.load(Ordering::Acquire) || peer.ended_in_order.load(Ordering::Acquire) {
        return peer.closed_error(reason);
    }
    let status = match timeout(limit, exit.wait_for(Option::is_some)).await {
        Ok(Ok(status)) => status.flatten(),
        Ok(Err(_)) | Err(_) => None,
    };
    if let CloseReason::PeerFailed(_) | CloseReason::Protocol(_) = reason {
        return peer.closed_error(reason);
    }
    ActorDied::new(peer.aid.uid.name(), pid, status).into()
}

/// Watches a running child until it has ended or has to be signalled.
async fn run(actor: &Actor, child: &ChildActor, peer: &Arc<Peer>, process: &mut Child) -> End {
    tokio::select! {
        biased;
        status = process.wait() => {
            let status = read_status(status);
            let asked = peer.cancel_asked.load(Ordering::Acquire) || child.cancel.is_cancelled();
            // Bytes that the child wrote before it died are still being read.
            _ = timeout(actor.timeouts().drain, peer.drained.cancelled()).await;
            if asked || peer.ended_in_order.load(Ordering::Acquire) { End::Exited(status) } else { End::Died(status) }
        }
        () = child.cancel.cancelled() => tokio::select! {
            biased;
            () = child.kill.cancelled() => End::Kill,
            end = end(actor, child, peer, process) => end,
        },
        () = peer.drained.cancelled() => connection_lost(actor, child, peer, process).await,
    }
}

/// The connection ended before the process did.
async fn connection_lost(actor: &Actor, child: &ChildActor, peer: &Arc<Peer>, process: &mut Child) -> End {
    let exited = timeout(actor.timeouts().terminate, process.wait()).await;
    let asked = peer.cancel_asked.load(Ordering::Acquire)
        || child.cancel.is_cancelled()
        || peer.ended_in_order.load(Ordering::Acquire);
    match exited {
        Ok(status) if asked => End::Exited(read_status(status)),
        Ok(status) => End::Died(read_status(status)),
        // An actor without its parent channel has nobody left to ask it.
        Err(_elapsed) if asked => End::Kill,
        Err(_elapsed) => End::Lost,
    }
}

/// Asks the child to end, and gives it time to.
async fn end(actor: &Actor, child: &ChildActor, peer: &Arc<Peer>, process: &mut Child) -> End {
    let timeouts = actor.timeouts();
    // Beyond what the clock can show there is no limit.
    let deadline = Instant::now().checked_add(timeouts.nursery_cancel);
    let asked = peer.request_end(timeouts.actor_cancel, "Timeouts::actor_cancel").await;
    if let Err(error) = &asked
        && !peer.drained.is_cancelled()
    {
        tracing::warn!("actor {}: {error}; sending SIGTERM", child.uid);
        return End::Kill;
    }
    let exited = match deadline {
        Some(deadline) => timeout_at(deadline, process.wait()).await,
        None => Ok(process.wait().await),
    };
    match exited {
        Ok(status) => End::Exited(read_status(status)),
        Err(_elapsed) => {
            let limit = timeouts.nursery_cancel;
            tracing::warn!("actor {} did not end within {limit:?} (`Timeouts::nursery_cancel`)", child.uid);
            End::Kill
        }
    }
}

/// SIGTERM, then SIGKILL.
async fn kill(actor: &Actor, name: &str, pid: u32, process: &mut Child) -> Option<ExitStatus> {
    signal(pid, Signal::TERM, process);
    let limit = actor.timeouts().terminate;
    if let Ok(status) = timeout(limit, process.wait()).await {
        return read_status(status);
    }
    tracing::warn!("actor `{name}` ignored SIGTERM for {limit:?} (`Timeouts::terminate`); sending SIGKILL");
    signal(pid, Signal::KILL, process);
    read_status(process.wait().await)
}

/// Sends a signal to the process group of a child that was not waited for yet, so that its pid is still its own. The
/// group also holds programs that the actor has started, but no other actor.
fn signal(pid: u32, signal: Signal, process: &Child) {
    let unreaped = process.id().is_some();
    if let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw)
        && unreaped
        && let Err(error) = kill_process_group(pid, signal)
    {
        tracing::debug!("signal {signal:?} to process {}: {error}", pid.as_raw_nonzero());
    }
}

fn read_status(status: std::io::Result<ExitStatus>) -> Option<ExitStatus> {
    status.inspect_err(|error| tracing::error!("a child process could not be waited for: {error}")).ok()
}

/// Where a child has listened, as far as its parent knows.
fn socket_paths(name: &str, pid: u32, bound: Option<Vec<Addr>>) -> Vec<String> {
    let addrs = bound.unwrap_or_else(|| default_uds(name, pid).into_iter().collect());
    addrs.iter().filter_map(Addr::uds_path).collect()
}
