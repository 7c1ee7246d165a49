//! Ends and reaps orphans: programs that a dead actor has started, and actors below it.
//!
//! A process with child actors is a subreaper (on Linux): the kernel makes it the parent of every process below it
//! whose parent has died. These are
//!
//! | orphan | ended by | reaped |
//! | --- | --- | --- |
//! | program of a living actor | itself | by its mark (`mark.rs`) |
//! | program of an actor that has ended | SIGKILL to the group, while the actor is a zombie that holds the number | when the scope ends |
//! | the same, if another process has reaped the actor | SIGKILL to the group, when this process adopts it | when the scope ends |
//! | the same, which has left the group | - | by its mark |
//! | actor below a dead one, whatever program it is by now | the parent-death signal, the loss of its channel | by its name or mark, and its group as above |
//! | other processes, which the program itself has started | - | by the program |
//!
//! # Invariants
//! 1. A process is only ever waited for by its own number. A child with the mark of this process, or without any,
//!    belongs to the program, unless it is known to be an actor or is in the group of one.
//! 2. A number cannot change its process while it is examined: numbers are read and reaped under one lock, and no actor
//!    is made under this lock.

use std::collections::HashSet;
use std::convert::Infallible;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, ExitStatus};
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError, TryLockError};
use std::time::{Duration, Instant};

use rustix::io::Errno;
use rustix::process::{
    Pid, Signal, WaitId, WaitIdOptions, WaitOptions, kill_process, kill_process_group, test_kill_process,
    waitid, waitpid,
};
use tokio::signal::unix::{SignalKind, signal};

use super::mark;
use super::sockets::remove_sockets;
use crate::net::default_uds_of;

/// First characters of the process name that every child actor gives itself at boot.
pub(crate) const PROCESS_NAME_PREFIX: &str = "_subactor[";

/// Pause between the death of a child and the search for orphans, because many children die together.
const SETTLE: Duration = Duration::from_millis(100);
/// Longest wait for the end of a process that got SIGKILL.
const KILLED: Duration = Duration::from_secs(2);

/// The one reaper of this process, for all roots in it.
#[derive(Debug, Default)]
struct Actors {
    /// Child actors; the handle of each reaps it.
    known: HashSet<Pid>,
    /// Groups that were killed, and had members when their leaders were reaped. A group keeps its number as long as it
    /// has a member, dead or alive.
    ended: Vec<(Pid, Instant)>,
    /// When the last search for orphans began.
    swept: Option<Instant>,
}

impl Actors {
    /// Whether a group was that of an actor, as long as it keeps its number.
    fn had(&self, group: Pid) -> bool {
        self.known.contains(&group) || self.ended.iter().any(|(ended, _)| *ended == group)
    }
}

static ACTORS: LazyLock<Mutex<Actors>> = LazyLock::new(Mutex::default);
/// Held while a child is made, because for a moment it is not in the table.
static BIRTH: Mutex<()> = Mutex::new(());

fn actors() -> MutexGuard<'static, Actors> {
    ACTORS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Makes a child, and records it before it can be taken for an orphan.
pub(super) fn bear(command: &mut Command) -> std::io::Result<Child> {
    let _birth = BIRTH.lock().unwrap_or_else(PoisonError::into_inner);
    let child = command.spawn()?;
    actors().known.insert(Pid::from_child(&child));
    Ok(child)
}

/// Kills the child actors with their groups, for a process that ends without waiting.
pub(crate) fn kill_children() {
    actors().known.iter().for_each(|pid| kill(*pid));
}

/// Kills a child actor, with its group, unless another process has reaped it.
pub(super) fn kill(pid: Pid) {
    if peek(WaitId::Pid(pid)).is_ok() {
        // The process may have left its group.
        _ = kill_process(pid, Signal::KILL);
        end_group(pid);
    }
}

/// Whether one of the given children has ended. Reaps nothing. An error means that there is no such child.
fn peek(of: WaitId<'_>) -> rustix::io::Result<bool> {
    let peek = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
    waitid(of, peek).map(|ended| ended.is_some())
}

/// Whether a child has ended, or no longer exists.
pub(super) fn has_ended(pid: Pid) -> bool {
    peek(WaitId::Pid(pid)).unwrap_or(true)
}

/// Kills the rest of a dead child's group, then reaps the child.
pub(super) fn reap(pid: Pid) -> Result<ExitStatus, Errno> {
    let mut actors = actors();
    // If other code has reaped it, its group still has this number only if one of our children is in the group.
    if peek(WaitId::Pid(pid)).or_else(|_gone| peek(WaitId::Pgid(Some(pid)))).is_ok() {
        end_group(pid);
    }
    let status = waitpid(Some(pid), WaitOptions::NOHANG);
    actors.known.remove(&pid);
    if has_members(pid) {
        actors.ended.push((pid, Instant::now()));
    }
    let (_pid, status) = status?.ok_or(Errno::AGAIN)?;
    Ok(ExitStatus::from_raw(status.as_raw()))
}

/// Sends SIGKILL to a process group whose leader was not reaped, so that no other group has its number.
fn end_group(leader: Pid) {
    match kill_process_group(leader, Signal::KILL) {
        // The group is empty: the leader has left it.
        Ok(()) | Err(Errno::SRCH) => {}
        Err(error) => tracing::debug!("SIGKILL to process group {}: {error}", leader.as_raw_nonzero()),
    }
}

/// Whether a child of this process is in a group. Reaps nothing: a dead child may be an actor that has moved from its
/// own group, which may still contain its programs, to this one.
fn has_members(leader: Pid) -> bool {
    peek(WaitId::Pgid(Some(leader))).is_ok()
}

/// Reaps ended programs that actors below this process have left, as long as it is polled.
pub(super) async fn reap_adopted() -> Infallible {
    let mut deaths = match signal(SignalKind::child()) {
        Ok(deaths) => deaths,
        Err(error) => {
            tracing::warn!("orphans of actors are reaped only when a child ends: {error}");
            return std::future::pending().await;
        }
    };
    loop {
        // Usually the dead process was a child, and its handle has reaped it by then.
        let noticed = Instant::now();
        tokio::time::sleep(SETTLE).await;
        let is_done = || actors().swept.is_some_and(|last| last > noticed);
        if !is_done() && peek(WaitId::All).unwrap_or(false) {
            match sweep() {
                Some(swept) => remove_sockets_of(swept.orphans).await,
                None => continue,
            }
        }
        if deaths.recv().await.is_none() {
            return std::future::pending().await;
        }
    }
}

/// Waits for the end of the orphans that reaped actors have left to this process, and reaps them. Gives up on processes
/// that SIGKILL does not end.
pub(super) async fn clear_up() {
    let mut pauses = Pauses::new();
    loop {
        let swept = sweep();
        let is_done = swept.as_ref().is_some_and(|swept| !swept.more);
        if let Some(swept) = swept {
            remove_sockets_of(swept.orphans).await;
        }
        match pauses.next() {
            Some(pause) if !is_done => tokio::time::sleep(pause).await,
            _ => return,
        }
    }
}

/// As [`clear_up`], on a thread that may block.
pub(super) fn clear_up_here() {
    for pause in Pauses::new() {
        if sweep().is_some_and(|swept| !swept.more) {
            break;
        }
        std::thread::sleep(pause);
    }
}

/// The growing pauses between checks of killed processes.
struct Pauses {
    start: Instant,
    next: Duration,
}

impl Pauses {
    fn new() -> Self {
        Self { start: Instant::now(), next: Duration::from_millis(1) }
    }
}

impl Iterator for Pauses {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        let pause = self.next;
        self.next = (pause * 2).min(SETTLE);
        (self.start.elapsed() < KILLED).then_some(pause)
    }
}

/// Removes the socket files of orphaned actors.
async fn remove_sockets_of(orphans: Vec<Pid>) {
    for pid in orphans {
        tracing::debug!("reaped the orphaned actor with pid {}", pid.as_raw_nonzero());
        remove_sockets(default_uds_of(pid.as_raw_nonzero().get().cast_unsigned())).await;
    }
}

/// The result of a search for orphans.
struct Swept {
    /// Actors whose parent had died; they are reaped.
    orphans: Vec<Pid>,
    /// Whether orphans are left, apart from those that SIGKILL has not ended in time.
    more: bool,
}

/// Ends orphaned actors, and reaps every orphan that has ended. `None` while a child is being made.
fn sweep() -> Option<Swept> {
    let _no_birth = match BIRTH.try_lock() {
        Ok(guard) => guard,
        Err(TryLockError::Poisoned(guard)) => guard.into_inner(),
        Err(TryLockError::WouldBlock) => return None,
    };
    let mut actors = actors();
    let now = Instant::now();
    actors.swept = Some(now);
    let mut swept = Swept { orphans: Vec::new(), more: false };
    let ours = mark::ours();
    for pid in children() {
        if actors.known.contains(&pid) {
            continue;
        }
        match Row::of(pid) {
            // A process that this program has started. Its name says nothing: a copy of an actor has the actor's name.
            Some(Row { owner: Some(owner), .. }) if Some(owner) == ours => {}
            Some(Row { is_actor: true, is_dead: false, .. }) => {
                // It dies with its parent anyway.
                _ = kill_process(pid, Signal::KILL);
                swept.more = true;
            }
            Some(Row { is_actor: true, is_dead: true, .. }) => {
                end_group(pid);
                actors.ended.push((pid, now));
                reap_one(pid);
                swept.orphans.push(pid);
                // Its children have become ours, possibly after `children` was read.
                swept.more = true;
            }
            // Other code has reaped its actor. The group keeps the number as long as this process is in it.
            Some(Row { is_dead: false, owner: Some(owner), group, .. })
                if group == Some(owner) && !actors.had(owner) && !is_there(owner) =>
            {
                end_group(owner);
                actors.ended.push((owner, now));
            }
            // The group identifies the owner if the mark could not be set.
            Some(Row { is_dead: true, owner, group, .. })
                if owner.is_some() || group.is_some_and(|group| actors.had(group)) =>
            {
                reap_one(pid);
            }
            _ => {}
        }
    }
    // The number of an empty group is free, and a new child may have it by now.
    let Actors { known, ended, .. } = &mut *actors;
    ended.retain(|(group, _)| !known.contains(group) && has_members(*group));
    swept.more |= actors.ended.iter().any(|(_, since)| now.duration_since(*since) < KILLED);
    Some(swept)
}

/// Whether a process with this number exists, dead or alive.
fn is_there(pid: Pid) -> bool {
    test_kill_process(pid) != Err(Errno::SRCH)
}

/// Reaps an orphan that has ended.
fn reap_one(pid: Pid) {
    if let Err(error) = waitpid(Some(pid), WaitOptions::NOHANG) {
        tracing::debug!("orphan {} was reaped by other code: {error}", pid.as_raw_nonzero());
    }
}

/// The child processes of this process.
fn children() -> Vec<Pid> {
    let Ok(threads) = std::fs::read_dir("/proc/self/task") else { return Vec::new() };
    threads
        .filter_map(|thread| std::fs::read_to_string(thread.ok()?.path().join("children")).ok())
        .flat_map(|pids| pids.split_whitespace().filter_map(pid_in).collect::<Vec<_>>())
        .collect()
}

fn pid_in(text: &str) -> Option<Pid> {
    // A process that vanishes while it is read has group -1.
    text.parse().ok().filter(|raw| *raw > 0).and_then(Pid::from_raw)
}

/// The row of a child in the process table.
struct Row {
    is_dead: bool,
    is_actor: bool,
    group: Option<Pid>,
    /// The actor that this process is, or that has started it.
    owner: Option<Pid>,
}

impl Row {
    fn of(pid: Pid) -> Option<Self> {
        let file = |name| format!("/proc/{}/{name}", pid.as_raw_nonzero());
        // The kernel cuts names at a byte, possibly within a character.
        let stat = std::fs::read(file("stat")).ok()?;
        let stat = String::from_utf8_lossy(&stat);
        // `pid (name) state parent group ...`, where the name may contain any byte.
        let (head, tail) = stat.rsplit_once(") ")?;
        let (_, name) = head.split_once(" (")?;
        let is_dead = tail.starts_with(['Z', 'X']);
        // Before an actor has named its process, its first argument identifies it.
        let owner = mark::owner_of(pid);
        let is_actor = owner == Some(pid)
            || name.starts_with(PROCESS_NAME_PREFIX)
            || !is_dead
                && std::fs::read(file("cmdline"))
                    .is_ok_and(|line| line.starts_with(PROCESS_NAME_PREFIX.as_bytes()));
        Some(Self { is_dead, is_actor, group: tail.split(' ').nth(2).and_then(pid_in), owner })
    }
}
