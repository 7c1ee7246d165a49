//! Several failures at once.

use std::fmt;
use std::sync::Arc;

use super::Error;

/// Several failures of one scope. A scope with a single failure returns that failure itself. Another actor gets a group
/// as one text, without the members' values.
#[derive(Debug, Clone)]
pub struct ErrorGroup {
    members: Arc<[Error]>,
}

impl ErrorGroup {
    /// The failures, in the order they became known.
    pub fn members(&self) -> &[Error] {
        &self.members
    }

    /// One error for all of these: none, the only one, or a group.
    pub(crate) fn collapse(mut errors: Vec<Error>) -> Option<Error> {
        if errors.len() < 2 {
            return errors.pop();
        }
        Some(Error::Group(Self { members: errors.into() }))
    }
}

impl fmt::Display for ErrorGroup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} failures:", self.members.len())?;
        for (index, member) in self.members.iter().enumerate() {
            write!(f, "{} [{}] {member}", if index == 0 { "" } else { ";" }, index + 1)?;
        }
        Ok(())
    }
}

impl std::error::Error for ErrorGroup {}
