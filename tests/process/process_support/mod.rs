//! Helpers of the process tests: data about processes, whole programs as children, and endpoints.

#![allow(dead_code, unreachable_pub, reason = "each test binary uses a part")]

pub mod endpoints;
pub mod role;

use std::collections::BTreeSet;
use std::future::Future;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use tractor::Portal;

/// The time limit of a test.
pub const WHOLE: Duration = Duration::from_secs(45);

/// Runs a whole test with its time limit.
pub async fn bounded<T>(future: impl Future<Output = T>) -> T {
    bounded_by(WHOLE, future).await
}

/// Runs a whole test that takes longer than others.
pub async fn bounded_by<T>(limit: Duration, future: impl Future<Output = T>) -> T {
    tokio::time::timeout(limit, future).await.expect("the test is over in time")
}

pub fn pid_of(portal: &Portal) -> u32 {
    portal.pid().and_then(|pid| u32::try_from(pid).ok()).expect("children report their pid")
}

pub fn signal(pid: u32, signal: Signal) {
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw).expect("a pid");
    kill_process(pid, signal).expect("the process is ours");
}

/// One letter for the state of a process; `None` when there is no such process.
pub fn state(pid: u32) -> Option<char> {
    stat(pid)?.0.chars().next()
}

/// The fields of a process from its state on, if it exists.
fn stat(pid: u32) -> Option<(String, Vec<String>)> {
    let text = std::fs::read(format!("/proc/{pid}/stat")).ok()?;
    let text = String::from_utf8_lossy(&text);
    let (_, tail) = text.rsplit_once(") ")?;
    let mut fields = tail.split_whitespace().map(ToOwned::to_owned);
    Some((fields.next()?, fields.collect()))
}

pub fn parent(pid: u32) -> Option<u32> {
    stat(pid)?.1.first()?.parse().ok()
}

pub fn process_group(pid: u32) -> Option<u32> {
    stat(pid)?.1.get(1)?.parse().ok()
}

/// Whether a process no longer runs. A zombie counts as gone.
pub fn is_gone(pid: u32) -> bool {
    matches!(state(pid), None | Some('Z' | 'X'))
}

/// Resident memory of a process.
pub fn resident_kib(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("the process is ours");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("Linux reports it");
    line.trim().trim_end_matches(" kB").parse().expect("a number")
}

/// The targets of a process's open file descriptors.
pub fn fds(pid: u32) -> Vec<String> {
    let folder = std::fs::read_dir(format!("/proc/{pid}/fd")).expect("the process is ours");
    let mut fds: Vec<String> = folder
        .filter_map(|entry| std::fs::read_link(entry.ok()?.path()).ok())
        .map(|target| target.to_string_lossy().into_owned())
        .collect();
    fds.sort();
    fds
}

/// Socket files that an actor of this process has made for itself.
pub fn sockets_of(pid: u32) -> Vec<PathBuf> {
    let ours = tractor::socket_addr("any").expect("a short name").uds_path().expect("a Unix socket");
    let dir = Path::new(&ours).parent().expect("the socket is in a directory");
    let files = std::fs::read_dir(dir).expect("actors have listened there");
    let end = format!("@{pid}.sock");
    let paths = files.filter_map(|entry| Some(entry.ok()?.path()));
    paths.filter(|path| path.to_string_lossy().ends_with(&end)).collect()
}

/// Children of a process that are dead and not reaped.
pub fn zombies_of(pid: u32) -> BTreeSet<u32> {
    let all = std::fs::read_dir("/proc").expect("a process table");
    all.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .filter(|other| parent(*other) == Some(pid) && state(*other) == Some('Z'))
        .collect()
}

/// Waits until a condition holds, at most `limit`; returns how long it took.
pub async fn eventually(what: &str, limit: Duration, mut holds: impl FnMut() -> bool) -> Duration {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < limit, "not within {limit:?}: {what}");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    start.elapsed()
}
