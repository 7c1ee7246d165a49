//! Names of errors that their types choose.

use super::pack::type_names;

/// Longest name that a type may choose.
const NAME_BYTES_MAX: usize = 128;

/// Another name for a type of errors in other actors than its own: that of
/// [`RemoteActorError::src_type`](super::RemoteActorError::src_type), and what an actor of the Python library looks for
/// among the types that it knows. It passes an error of a type that it does not know on as one of its own; so where
/// such actors are on the way, `ValueError` or a name that they have registered keeps type and origin.
///
/// A name with a meaning of its own, such as `TypeError` for a request with wrong arguments, does not compile.
///
/// ```
/// # use tractor_core as tractor;
/// #[derive(Debug, thiserror::Error)]
/// #[error("{0} is out of range")]
/// struct OutOfRange(i64);
///
/// impl tractor::error::WireName for OutOfRange {
///     const NAME: &'static str = "ValueError";
/// }
/// ```
pub trait WireName {
    /// The name.
    const NAME: &'static str;
}

/// Whether a type may choose this name: a short one, of visible characters, without a meaning of ours.
pub(crate) const fn may_be_chosen(name: &str) -> bool {
    let name = name.as_bytes();
    let mut at = 0;
    while at < name.len() {
        if !name[at].is_ascii_graphic() {
            return false;
        }
        at += 1;
    }
    let mut ours = 0;
    while ours < type_names::ALL.len() {
        if is_same(name, type_names::ALL[ours].as_bytes()) {
            return false;
        }
        ours += 1;
    }
    !name.is_empty() && name.len() <= NAME_BYTES_MAX
}

const fn is_same(one: &[u8], other: &[u8]) -> bool {
    if one.len() != other.len() {
        return false;
    }
    let mut at = 0;
    while at < one.len() {
        if one[at] != other[at] {
            return false;
        }
        at += 1;
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_with_a_meaning_and_what_is_no_name_cannot_be_chosen() {
        for name in ["ValueError", "shop.Error", "E"] {
            assert!(may_be_chosen(name), "{name}");
        }
        let long = "E".repeat(NAME_BYTES_MAX + 1);
        for name in type_names::ALL.iter().copied().chain(["", "a b", "a\n", "é", &long]) {
            assert!(!may_be_chosen(name), "{name}");
        }
    }
}
