//! Whether this process has more rights than the user who started it, because its program is set-uid, set-gid or
//! set-capability.
//!
//! The user who starts such a program chooses its environment, its descriptors and its parent. So the program does not
//! read our variables, and never becomes a child.

use std::ffi::OsString;
use std::sync::OnceLock;

use rustix::process::{getegid, geteuid, getgid, getuid};

/// Type of the entry in which the kernel marks a program with extra rights, as in the C header `elf.h`.
const AT_SECURE: usize = 23;

/// A variable of the environment; `None` in a privileged program, because another user may have chosen its environment.
pub(crate) fn env(name: &str) -> Option<OsString> {
    if is_privileged() { None } else { std::env::var_os(name) }
}

/// Whether this program was given rights when it was started. Checked once, because programs may change their user
/// while they run.
pub(crate) fn is_privileged() -> bool {
    static PRIVILEGED: OnceLock<bool> = OnceLock::new();
    *PRIVILEGED
        .get_or_init(|| has_two_users() || told_by_the_kernel().unwrap_or_else(has_gained_capabilities))
}

/// Whether this process has different real and effective users or groups, so that every program it starts counts as
/// privileged.
pub(crate) fn has_two_users() -> bool {
    getuid() != geteuid() || getgid() != getegid()
}

/// `None` if the kernel does not tell: on other systems than Linux, without `/proc`, and in a set-capability program,
/// which may not read its own entry there.
fn told_by_the_kernel() -> Option<bool> {
    secure_entry(&std::fs::read("/proc/self/auxv").ok()?)
}

/// Looks for `AT_SECURE` among pairs of machine words.
fn secure_entry(auxv: &[u8]) -> Option<bool> {
    let mut words = auxv.chunks_exact(size_of::<usize>()).map(|word| {
        let word = word.try_into().expect("chunks have the size that was asked for");
        usize::from_ne_bytes(word)
    });
    while let (Some(kind), Some(value)) = (words.next(), words.next()) {
        if kind == AT_SECURE {
            return Some(value != 0);
        }
    }
    None
}

/// Whether this process of an ordinary user has capabilities that its user does not have.
#[cfg(target_os = "linux")]
fn has_gained_capabilities() -> bool {
    use rustix::thread::{capabilities, capability_is_in_ambient_set};

    let Ok(sets) = capabilities(None) else { return false };
    // Capabilities that every program of this user gets at its start are also in the ambient set.
    let inherited = |one| capability_is_in_ambient_set(one).unwrap_or(false);
    !getuid().is_root() && !sets.permitted.iter().all(inherited)
}

#[cfg(not(target_os = "linux"))]
fn has_gained_capabilities() -> bool {
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn auxv(pairs: &[[usize; 2]]) -> Vec<u8> {
        pairs.iter().flatten().flat_map(|word| word.to_ne_bytes()).collect()
    }

    #[test]
    fn the_kernel_s_word_is_found_among_others() {
        for (pairs, told) in [
            (vec![[6, 4096], [AT_SECURE, 1], [0, 0]], Some(true)),
            (vec![[6, AT_SECURE], [AT_SECURE, 0], [0, 0]], Some(false)),
            (vec![[6, AT_SECURE], [0, 0]], None),
            (vec![], None),
        ] {
            assert_eq!(secure_entry(&auxv(&pairs)), told, "{pairs:?}");
        }
        let cut = auxv(&[[AT_SECURE, 1]]);
        assert_eq!(secure_entry(&cut[..cut.len() - 1]), None, "an entry that was cut short");
    }

    #[test]
    fn this_program_has_the_rights_of_its_user() {
        assert!(!is_privileged());
        assert!(!has_gained_capabilities() || told_by_the_kernel() == Some(false));
        assert!(env("PATH").is_some());
    }
}
