//! Names that can be registered.

use crate::limits::NAME_BYTES_MAX;

/// The rule that a name breaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NameProblem {
    /// It is empty.
    #[error("an actor's name is not empty")]
    Empty,
    /// It is too long.
    #[error("an actor's name has at most {NAME_BYTES_MAX} bytes (`NAME_BYTES_MAX`), this one has {bytes}")]
    TooLong {
        /// Its length.
        bytes: usize,
    },
    /// It has control characters.
    #[error("an actor's name has no control characters")]
    Control,
}

/// Checks a name that is to be registered or looked up.
///
/// # Errors
/// The first rule that it breaks.
pub fn check_name(name: &str) -> Result<(), NameProblem> {
    if name.is_empty() {
        Err(NameProblem::Empty)
    } else if name.len() > NAME_BYTES_MAX {
        Err(NameProblem::TooLong { bytes: name.len() })
    } else if name.contains(char::is_control) {
        Err(NameProblem::Control)
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_not_empty_nor_too_long_and_stay_on_their_line() {
        for good in ["a", "kv store", "größe", &"n".repeat(NAME_BYTES_MAX)] {
            assert_eq!(check_name(good), Ok(()), "{good}");
        }
        assert_eq!(check_name(""), Err(NameProblem::Empty));
        let long = "n".repeat(NAME_BYTES_MAX + 1);
        assert_eq!(check_name(&long), Err(NameProblem::TooLong { bytes: long.len() }));
        assert!(NameProblem::TooLong { bytes: 9 }.to_string().contains("NAME_BYTES_MAX"));
        for bad in ["a\nb", "\0", "\u{9b}", "a\x1b[2J"] {
            assert_eq!(check_name(bad), Err(NameProblem::Control), "{bad:?}");
        }
    }
}
