//! Orphans: actors whose parent actor died are reparented to the root, which reaps them.
//!
//! A dead actor's children kill themselves (parent-death signal, loss of the parent channel). The kernel hands them to the
//! nearest subreaper, which on Linux is the root of the tree; without somebody to wait for them they would stay zombies
//! for as long as the root lives. What they chose to listen on goes with them; only their dead parent knew the addresses
//! that it had chosen for them, so those files stay.
//!
//! # Not here
//! The actor's own children: a task each waits for them.

use std::collections::HashSet;
use std::sync::{LazyLock, Mutex, PoisonError};
use std::time::Duration;

use rustix::process::{Pid, WaitId, WaitIdOptions, WaitOptions};
use tokio::signal::unix::{SignalKind, signal};

use super::sockets::remove_sockets;
use crate::actor::Actor;
use crate::net::default_uds_of;

/// First characters of the process name that every child actor gives itself at boot.
pub(crate) const PROCESS_NAME_PREFIX: &str = "_subactor[";

/// Pause between the death of some child and the look for orphans.
const SETTLE: Duration = Duration::from_millis(100);

/// Children of this process that a task waits for. Written by the spawner thread and those tasks.
static KNOWN: LazyLock<Mutex<HashSet<u32>>> = LazyLock::new(Mutex::default);

pub(super) fn know(pid: u32) {
    KNOWN.lock().unwrap_or_else(PoisonError::into_inner).insert(pid);
}

pub(super) fn forget(pid: u32) {
    KNOWN.lock().unwrap_or_else(PoisonError::into_inner).remove(&pid);
}

/// Reaps the orphaned actors that are handed to this process, until its actor ends.
pub(crate) fn reap_orphans(actor: &Actor) {
    let mut died = match signal(SignalKind::child()) {
        Ok(died) => died,
        Err(error) => {
            tracing::warn!("orphaned actors will not be reaped: {error}");
            return;
        }
    };
    let stopped = actor.clone();
    actor.spawn_link(async move {
        loop {
            tokio::select! {
                _ = died.recv() => {
                    // Mostly it was a child of our own, whose task has reaped it by then.
                    tokio::select! {
                        () = tokio::time::sleep(SETTLE) => {}
                        () = stopped.stopped() => break,
                    }
                    if somebody_is_dead() {
                        reap_dead_orphans().await;
                    }
                }
                () = stopped.stopped() => break,
            }
        }
        reap_dead_orphans().await;
    });
}

/// Whether any child of this process waits to be reaped.
fn somebody_is_dead() -> bool {
    let peek = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
    matches!(rustix::process::waitid(WaitId::All, peek), Ok(Some(_)))
}

/// Reaps every dead child that is an actor and that no task waits for.
async fn reap_dead_orphans() {
    for pid in children() {
        if KNOWN.lock().unwrap_or_else(PoisonError::into_inner).contains(&pid) || !is_dead_actor(pid) {
            continue;
        }
        let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) else { continue };
        match rustix::process::waitpid(Some(pid), WaitOptions::NOHANG) {
            Ok(_) => {
                tracing::debug!("reaped the orphaned actor with pid {}", pid.as_raw_nonzero());
                remove_sockets(default_uds_of(pid.as_raw_nonzero().get().cast_unsigned())).await;
            }
            Err(error) => {
                tracing::debug!("orphan {} was reaped by somebody else: {error}", pid.as_raw_nonzero())
            }
        }
    }
}

/// The processes whose parent this one is.
fn children() -> Vec<u32> {
    let Ok(threads) = std::fs::read_dir("/proc/self/task") else { return Vec::new() };
    threads
        .filter_map(|thread| std::fs::read_to_string(thread.ok()?.path().join("children")).ok())
        .flat_map(|pids| pids.split_whitespace().filter_map(|pid| pid.parse().ok()).collect::<Vec<_>>())
        .collect()
}

fn is_dead_actor(pid: u32) -> bool {
    let Ok(stat) = std::fs::read_to_string(format!("/proc/{pid}/stat")) else { return false };
    // `pid (name) state ...`, where the name may hold anything.
    let Some((head, tail)) = stat.rsplit_once(") ") else { return false };
    let Some((_, name)) = head.split_once(" (") else { return false };
    tail.starts_with('Z') && name.starts_with(PROCESS_NAME_PREFIX)
}
