//! Names that error types choose for other actors.

use super::pack::type_names;

/// Bytes of the longest name that a type may choose.
const NAME_BYTES_MAX: usize = 128;

/// The name of an error type in other actors: their [`RemoteActorError::src_type`](super::RemoteActorError::src_type).
/// An actor of the Python library passes on an error of an unknown type as its own. With a name that it knows, such as
/// `ValueError`, the error keeps type and origin.
///
/// A name that this library uses itself, such as `TypeError` for a request with wrong arguments, does not compile.
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

/// Whether a type may choose this name: short, of visible characters, and not used by this library.
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
    fn reserved_and_malformed_names_cannot_be_chosen() {
        for name in ["ValueError", "shop.Error", "E"] {
            assert!(may_be_chosen(name), "{name}");
        }
        let long = "E".repeat(NAME_BYTES_MAX + 1);
        for name in type_names::ALL.iter().copied().chain(["", "a b", "a\n", "é", &long]) {
            assert!(!may_be_chosen(name), "{name}");
        }
    }
}
