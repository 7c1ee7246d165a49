//! Names under which nobody is found.

use std::fmt;
use std::sync::Arc;

use crate::proto::id::Escaped;
use crate::proto::registry::NameProblem;

/// No actor was found under a name.
///
/// A registrar that cannot be asked, and an actor that is registered and cannot be reached though somebody listens
/// there, are [`Error::Unreachable`](crate::Error::Unreachable) instead.
#[derive(Debug, Clone, thiserror::Error)]
#[error("no actor `{}` was found: {why}{}", Escaped(name), Detail(detail.as_deref()))]
pub struct NotFound {
    name: Arc<str>,
    why: Absence,
    detail: Option<Arc<str>>,
}

/// More about it, if there is.
struct Detail<'a>(Option<&'a str>);

impl fmt::Display for Detail<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.map_or(Ok(()), |detail| write!(f, ": {}", Escaped(detail)))
    }
}

/// Why nobody was found under a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Absence {
    /// There is nobody to ask.
    #[error("this tree has no registry; name one with `ActorOptions::registry`")]
    NoRegistry,
    /// Nobody can have that name.
    #[error("{0}")]
    BadName(NameProblem),
    /// No registrar knows it. That may change.
    #[error("nobody is registered under that name")]
    NotRegistered,
    /// Who was registered under it is gone, and is registered no more. That may change.
    #[error("who was registered under that name is gone")]
    Expired,
    /// The process that a handle names has ended, or the supervised child has for good. Nobody takes its place.
    #[error("it has ended")]
    Ended,
}

impl NotFound {
    pub(crate) fn new(name: &str, why: Absence) -> Self {
        Self { name: name.into(), why, detail: None }
    }

    /// Nobody takes its place.
    pub(crate) fn ended(name: impl Into<Arc<str>>, detail: impl Into<Arc<str>>) -> Self {
        Self { name: name.into(), why: Absence::Ended, detail: Some(detail.into()) }
    }

    /// The name, or the uuid, that was looked for.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Why nobody was found.
    pub fn why(&self) -> Absence {
        self.why
    }

    pub(super) fn may_appear(&self) -> bool {
        match self.why {
            Absence::NotRegistered | Absence::Expired => true,
            Absence::NoRegistry | Absence::BadName(_) | Absence::Ended => false,
        }
    }
}
