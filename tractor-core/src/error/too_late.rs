//! A cleanup callback that an actor no longer accepts.

use std::fmt;

/// The actor has ended, so the callback would never run. This error gives it back.
pub struct TooLate<F>(pub F);

impl<F> fmt::Debug for TooLate<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TooLate").finish_non_exhaustive()
    }
}

impl<F> fmt::Display for TooLate<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the actor has ended: a callback for its end comes too late")
    }
}

impl<F> std::error::Error for TooLate<F> {}
