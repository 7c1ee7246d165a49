//! A supervisor that has given up.

use std::sync::Arc;
use std::time::Duration;

use super::Error;
use crate::proto::supervision::{Intensity, Strategy};

/// A supervisor has used up its restarts, and would need one more. The source is the last failure.
#[derive(Debug, Clone, thiserror::Error)]
#[error(
    "the {strategy} supervisor gave up on actor `{child}`, after {restarts} restarts within {window:?} \
     (`Supervision::intensity`)"
)]
pub struct GaveUp {
    strategy: Strategy,
    child: Arc<str>,
    restarts: u16,
    window: Duration,
    #[source]
    cause: Arc<Error>,
}

impl GaveUp {
    pub(crate) fn new(
        strategy: Strategy,
        child: Arc<str>,
        restarts: u16,
        intensity: Intensity,
        cause: Error,
    ) -> Self {
        let cause = Arc::new(cause.into_cause());
        Self { strategy, child, restarts, window: intensity.window, cause }
    }

    /// The supervisor's strategy: which children a restart concerned.
    pub fn strategy(&self) -> Strategy {
        self.strategy
    }

    /// The child whose end exceeded the limit.
    pub fn child(&self) -> &str {
        &self.child
    }

    /// The restarts of the supervisor's children within the last window.
    pub fn restarts(&self) -> u16 {
        self.restarts
    }

    /// The window: the time within which restarts are counted.
    pub fn window(&self) -> Duration {
        self.window
    }

    /// The error of that child's last end.
    pub fn cause(&self) -> &Error {
        &self.cause
    }

    pub(super) fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.cause, &other.cause)
    }
}
