//! The processes below this one in the process table.

use std::collections::HashMap;
use std::fs;

use rustix::process::{Pid, Signal};

/// First characters of the process name of every child actor.
const PREFIX: &str = "_subactor[";

/// One row of the process table.
#[derive(Debug, Clone)]
pub struct Process {
    /// Its number.
    pub pid: i32,
    /// The number of its parent.
    pub parent: i32,
    /// The number of its process group.
    pub group: i32,
    /// Its start, in ticks since boot, which distinguishes it from a later process with the same number.
    pub begun: u64,
    name: String,
    state: char,
}

impl Process {
    /// Whether it has ended and was not reaped.
    pub fn is_zombie(&self) -> bool {
        self.state == 'Z'
    }

    /// Whether it sleeps.
    pub fn is_sleeping(&self) -> bool {
        self.state == 'S'
    }

    /// Whether a signal has stopped it.
    pub fn is_stopped(&self) -> bool {
        self.state == 'T'
    }

    /// Whether it is an actor whose name begins with `tag`. Before its boot only its first argument has the name.
    fn is_actor(&self, tag: &str) -> bool {
        let named = format!("{PREFIX}{tag}");
        let first_argument = || fs::read(format!("/proc/{}/cmdline", self.pid)).unwrap_or_default();
        self.name.starts_with(&named) || first_argument().starts_with(named.as_bytes())
    }
}

/// A row, unless the process is gone.
pub fn process(pid: i32) -> Option<Process> {
    let stat = fs::read(format!("/proc/{pid}/stat")).ok()?;
    let stat = String::from_utf8_lossy(&stat);
    // `pid (name) state parent group ...`, where the name may contain any character.
    let (head, tail) = stat.rsplit_once(") ")?;
    let (_, name) = head.split_once(" (")?;
    let mut fields = tail.split(' ');
    let state = fields.next()?.chars().next()?;
    let parent = fields.next()?.parse().ok()?;
    let group = fields.next()?.parse().ok()?;
    // This is field 22.
    let begun = fields.nth(16)?.parse().ok()?;
    Some(Process { pid, parent, group, begun, name: name.to_owned(), state })
}

/// Actors below this process whose names begin with `tag`.
pub fn descendants(tag: &str) -> Vec<Process> {
    below().into_iter().filter(|process| process.is_actor(tag)).collect()
}

/// All processes below this one, actors or not.
pub fn below() -> Vec<Process> {
    let pids = fs::read_dir("/proc").expect("the process table is readable");
    let table: HashMap<i32, Process> = pids
        .filter_map(|entry| process(entry.ok()?.file_name().to_str()?.parse().ok()?))
        .map(|process| (process.pid, process))
        .collect();
    let us = std::process::id().cast_signed();
    let is_below = |process: &Process| {
        let mut above = process.parent;
        while above != us {
            match table.get(&above) {
                Some(next) => above = next.parent,
                None => return false,
            }
        }
        true
    };
    table.values().filter(|process| is_below(process)).cloned().collect()
}

/// Time a process has spent on a processor, in hundredths of a second, unless it is gone.
pub fn cpu_ticks(pid: i32) -> Option<u64> {
    let stat = fs::read(format!("/proc/{pid}/stat")).ok()?;
    let stat = String::from_utf8_lossy(&stat);
    let (_, tail) = stat.rsplit_once(") ")?;
    // Counted from the field after the name, fields 11 and 12 are the times in user and in kernel mode.
    tail.split(' ').skip(11).take(2).map(|ticks| ticks.parse::<u64>().ok()).sum()
}

/// Sends a signal.
pub fn signal(pid: i32, signal: Signal) {
    let id = Pid::from_raw(pid).expect("a pid is positive");
    rustix::process::kill_process(id, signal).expect("the process was not waited for");
}

/// The pid of a portal's actor.
pub fn pid_of(portal: &tractor::Portal) -> i32 {
    portal.pid().and_then(|pid| pid.try_into().ok()).expect("a child reports its pid")
}
