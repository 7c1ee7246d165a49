//! Names under which no actor is found.

use std::fmt;
use std::sync::Arc;

use crate::proto::id::Escaped;
use crate::proto::registry::NameProblem;

/// No actor was found under a name.
///
/// When the registrar cannot be asked, or a registered actor cannot be reached although its address is in use, the
/// error is [`Error::Unreachable`](crate::Error::Unreachable) instead.
#[derive(Debug, Clone, thiserror::Error)]
#[error("no actor `{}` was found: {why}{}", Escaped(name), Detail(detail.as_deref()))]
pub struct NotFound {
    name: Arc<str>,
    why: Absence,
    detail: Option<Arc<str>>,
}

/// A detail, if there is one.
struct Detail<'a>(Option<&'a str>);

impl fmt::Display for Detail<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.map_or(Ok(()), |detail| write!(f, ": {}", Escaped(detail)))
    }
}

/// Why no actor was found under a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Absence {
    /// There is no registrar to ask.
    #[error("this tree has no registry; name one with `ActorOptions::registry`")]
    NoRegistry,
    /// No actor can have that name.
    #[error("{0}")]
    BadName(NameProblem),
    /// No registrar knows the name. It may be registered later.
    #[error("no actor is registered under that name")]
    NotRegistered,
    /// The actor that was registered under the name is gone, and so is its row. A successor may register.
    #[error("the actor that was registered under that name is gone")]
    Expired,
    /// The process that a handle names has ended, or the supervised child has ended for good. No other actor takes its
    /// place.
    #[error("it has ended")]
    Ended,
}

impl NotFound {
    pub(crate) fn new(name: &str, why: Absence) -> Self {
        Self { name: name.into(), why, detail: None }
    }

    /// No other actor takes its place.
    pub(crate) fn ended(name: impl Into<Arc<str>>, detail: impl Into<Arc<str>>) -> Self {
        Self { name: name.into(), why: Absence::Ended, detail: Some(detail.into()) }
    }

    /// The name, or the uuid, that was looked for.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Why no actor was found.
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
