//! A supervisor that has given up.

use std::sync::Arc;
use std::time::Duration;

use super::Error;
use crate::proto::supervision::{Intensity, Strategy};

/// A supervisor has made as many restarts as it may, and there would have to be one more. Its source is the last
/// failure.
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

    /// Which children a restart concerned.
    pub fn strategy(&self) -> Strategy {
        self.strategy
    }

    /// The child whose end was one too many.
    pub fn child(&self) -> &str {
        &self.child
    }

    /// Restarts of the supervisor's children within the window before.
    pub fn restarts(&self) -> u16 {
        self.restarts
    }

    /// The time within which they were counted.
    pub fn window(&self) -> Duration {
        self.window
    }

    /// How that child has ended.
    pub fn cause(&self) -> &Error {
        &self.cause
    }

    pub(super) fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.cause, &other.cause)
    }
}
