//! Missed deadlines.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::{ActorDied, Error};
use crate::proto::id::Uid;

/// A request, or a scope, did not end within its deadline.
///
/// For a request this names the endpoint and the actor. For a scope the text says in which endpoint and actor the scope
/// was. The remote task of a request was cancelled. [`with_deadline`](crate::with_deadline) documents the errors of
/// both sides.
#[derive(Debug, Clone)]
pub struct DeadlineExceeded(Arc<Exceeded>);

#[derive(Debug)]
struct Exceeded {
    /// Endpoint and actor; `None` for a scope.
    request: Option<(Arc<str>, Uid)>,
    /// The endpoint and the actor of a scope, as text.
    scope: Option<String>,
    budget: Duration,
    /// The deadline was over before the request could be sent.
    before_start: bool,
    /// The failure that came after the deadline.
    late: Option<Error>,
}

impl DeadlineExceeded {
    /// `scope` names the endpoint and the actor of the scope, if any.
    pub(crate) fn of_scope(budget: Duration, scope: Option<String>) -> Self {
        Self(Arc::new(Exceeded { request: None, scope, budget, before_start: false, late: None }))
    }

    /// `late` is the failure that the other side has reported after the deadline.
    pub(crate) fn of_request(endpoint: Arc<str>, actor: Uid, budget: Duration, late: Option<Error>) -> Self {
        let late = late.map(Error::into_cause);
        let request = Some((endpoint, actor));
        Self(Arc::new(Exceeded { request, scope: None, budget, before_start: false, late }))
    }

    /// The endpoint was not started.
    pub(crate) fn before_start(endpoint: Arc<str>, actor: Uid, budget: Duration) -> Self {
        let request = Some((endpoint, actor));
        Self(Arc::new(Exceeded { request, scope: None, budget, before_start: true, late: None }))
    }

    pub(super) fn is_before_start(&self) -> bool {
        self.0.before_start
    }

    pub(super) fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// The endpoint that was called, as `module:name`; `None` for a scope.
    pub fn endpoint(&self) -> Option<&str> {
        self.0.request.as_ref().map(|(endpoint, _)| &**endpoint)
    }

    /// The actor of the endpoint; `None` for a scope.
    pub fn actor(&self) -> Option<&Uid> {
        self.0.request.as_ref().map(|(_, actor)| actor)
    }

    /// How the actor died, if it died after the deadline: killed by [`Run::or_kill`](crate::Run::or_kill), or for
    /// another reason. This is also the [source](std::error::Error::source).
    pub fn actor_died(&self) -> Option<&ActorDied> {
        self.0.late.as_ref().and_then(Error::as_died)
    }

    /// The time that was left when the request, or the scope, began. Zero if none was left.
    pub fn budget(&self) -> Duration {
        self.0.budget
    }
}

impl fmt::Display for DeadlineExceeded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0.request {
            Some((endpoint, actor)) if self.0.before_start => {
                write!(f, "`{endpoint}` in actor {actor} was not started: its deadline had passed")
            }
            Some((endpoint, actor)) => {
                write!(
                    f,
                    "`{endpoint}` in actor {actor} did not end within its deadline of {:?}",
                    self.0.budget
                )?;
                match self.actor_died() {
                    Some(died) if died.was_condemned() => f.write_str(", and the actor was killed"),
                    Some(_) | None => Ok(()),
                }
            }
            None => {
                let scope = self.0.scope.as_ref().map_or_else(String::new, |scope| format!(" in {scope}"));
                write!(f, "the scope{scope} did not end within its deadline of {:?}", self.0.budget)
            }
        }
    }
}

impl std::error::Error for DeadlineExceeded {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.late.as_ref().map(|late| late as _)
    }
}
