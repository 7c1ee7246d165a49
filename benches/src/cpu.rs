//! Keeps a process and all that it starts on one CPU.
//!
//! Unpinned, a round trip between two processes includes waking an idle CPU, which costs more than everything else and
//! makes results bimodal. Latency is therefore reported both ways and judged pinned.

use std::io;

use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

/// Restricts this thread, and every thread and process it starts from now on, to the first CPU it may use.
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
