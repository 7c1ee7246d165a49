//! CPUs: pins a measurement to one, and reads the CPU time of processes.
//!
//! Unpinned, a round trip between two processes includes waking an idle CPU, which costs more than everything else and
//! makes results bimodal. CPU time hardly depends on the load of other programs.

use std::collections::HashMap;
use std::fs;
use std::io;

use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

/// Restricts this thread, and all threads and processes that it starts later, to the first CPU that it may use.
pub(crate) fn pin_to_one() -> io::Result<()> {
    let allowed = sched_getaffinity(None)?;
    let first = (0..CpuSet::MAX_CPU)
        .find(|&cpu| allowed.is_set(cpu))
        .ok_or_else(|| io::Error::other("this process may use no CPU"))?;
    let mut one = CpuSet::new();
    one.set(first);
    sched_setaffinity(None, &one)?;
    Ok(())
}

/// Nanoseconds of CPU time of each thread of this process and of another one.
#[derive(Debug)]
pub(crate) struct CpuTime {
    other: u32,
    threads: HashMap<String, u64>,
}

impl CpuTime {
    pub(crate) fn now(other: u32) -> Self {
        let mut threads = HashMap::new();
        for process in ["self", &other.to_string()] {
            for thread in fs::read_dir(format!("/proc/{process}/task")).into_iter().flatten().flatten() {
                let Ok(text) = fs::read_to_string(thread.path().join("schedstat")) else { continue };
                let Some(nanos) = text.split(' ').next().and_then(|first| first.parse().ok()) else {
                    continue;
                };
                threads.insert(thread.file_name().to_string_lossy().into_owned(), nanos);
            }
        }
        Self { other, threads }
    }

    /// The nanoseconds used since then. Threads that have ended meanwhile are left out.
    pub(crate) fn elapsed(&self) -> f64 {
        let now = Self::now(self.other);
        let before = |thread| self.threads.get(thread).copied().unwrap_or(0);
        now.threads.iter().map(|(thread, nanos)| nanos.saturating_sub(before(thread)) as f64).sum()
    }
}

/// Bytes of memory that a process has now.
pub(crate) fn resident_bytes(process: u32) -> f64 {
    let text = fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let kib =
        text.lines().find_map(|line| line.strip_prefix("VmRSS:")?.split_whitespace().next()?.parse().ok());
    kib.map_or(f64::NAN, |kib: f64| kib * 1024.0)
}
