//! A mark on every process of an actor and its programs, which can be read even when the process is a zombie.
//!
//! A zombie has neither arguments nor an environment. Its resource limits can be read until it is reaped, and `fork`
//! and `exec` keep them. So the soft limit of file locks, which Linux does not enforce since 2.4.25, marks the owner of
//! a process: an actor sets it to its own number.

use rustix::process::Pid;

/// Distinguishes a mark from an ordinary limit.
const MARK: u64 = 0x7472_6163 << 32;

/// The limit that an actor with this number sets.
#[cfg_attr(not(target_os = "linux"), allow(dead_code, reason = "nobody is marked"))]
pub(crate) fn mark_of(actor: Pid) -> u64 {
    MARK | u64::from(actor.as_raw_nonzero().get().cast_unsigned())
}

fn actor_in(limit: u64) -> Option<Pid> {
    Pid::from_raw(i32::try_from(limit.checked_sub(MARK)?).ok()?)
}

/// The actor whose process this one is; `None` in a root.
#[cfg(target_os = "linux")]
pub(super) fn ours() -> Option<Pid> {
    rustix::process::getrlimit(rustix::process::Resource::Locks).current.and_then(actor_in)
}

#[cfg(not(target_os = "linux"))]
pub(super) fn ours() -> Option<Pid> {
    None
}

/// The actor whose process this is, dead or alive.
pub(super) fn owner_of(process: Pid) -> Option<Pid> {
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", process.as_raw_nonzero())).ok()?;
    let soft =
        limits.lines().find_map(|line| line.strip_prefix("Max file locks"))?.split_whitespace().next()?;
    actor_in(soft.parse().ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_names_its_actor_and_other_limits_name_none() {
        let pid = Pid::from_raw(4_194_303).expect("the highest number of a process");
        assert_eq!(actor_in(mark_of(pid)), Some(pid));
        for limit in [0, 4_194_303, MARK, MARK - 1, MARK | 1 << 31, u64::MAX] {
            assert_eq!(actor_in(limit), None, "{limit:x}");
        }
    }
}
