//! The message that brought a failure of another actor.

use std::fmt;
use std::sync::Arc;

use crate::proto::msg::ErrorMsg;

/// The `Error` message that a failure arrived with. It is the last source of that failure, and so is found inside of
/// any error type that wraps the failure, such as `anyhow::Error`.
#[derive(Clone)]
pub(crate) struct Route {
    msg: Arc<ErrorMsg>,
    is_cause: bool,
    was_refused: bool,
}

impl Route {
    pub(super) fn new(msg: Arc<ErrorMsg>) -> Self {
        Self { msg, is_cause: false, was_refused: false }
    }

    /// The route of a refusal: the request has not run.
    pub(super) fn of_refusal(msg: Arc<ErrorMsg>) -> Self {
        Self { msg, is_cause: false, was_refused: true }
    }

    /// The route of a failure that is the cause of a failure of this actor. Other actors get the latter.
    pub(super) fn of_cause(&self) -> Self {
        Self { is_cause: true, ..self.clone() }
    }

    pub(super) fn msg(&self) -> &Arc<ErrorMsg> {
        &self.msg
    }

    /// Whether the request was refused, so that it has not run.
    pub(super) fn was_refused(&self) -> bool {
        self.was_refused
    }

    /// Whether an error with this as its last source is, or wraps, the failure of the other actor.
    pub(super) fn is_passed_on(&self) -> bool {
        !self.is_cause
    }
}

impl fmt::Debug for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(&self.msg.relay_path).finish()
    }
}

impl fmt::Display for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("reported by actor")?;
        for (index, hop) in self.msg.relay_path.iter().enumerate() {
            write!(f, "{} {hop}", if index == 0 { "" } else { ", passed on by" })?;
        }
        Ok(())
    }
}

impl std::error::Error for Route {}
