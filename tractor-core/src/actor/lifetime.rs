//! The lifetime stack: callbacks that run when the actor ends.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Mutex, PoisonError};

use crate::error::TooLate;

type Callback = Box<dyn FnOnce() + Send>;

/// Synchronous cleanup callbacks of one actor, run last in, first out, exactly once each.
#[derive(Default)]
pub(super) struct LifetimeStack {
    /// `None` once the stack was closed.
    callbacks: Mutex<Option<Vec<Callback>>>,
}

impl std::fmt::Debug for LifetimeStack {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LifetimeStack").finish_non_exhaustive()
    }
}

impl LifetimeStack {
    pub(super) fn new() -> Self {
        Self { callbacks: Mutex::new(Some(Vec::new())) }
    }

    /// Adds a callback. The error gives it back if the stack was closed before.
    pub(super) fn push<F: FnOnce() + Send + 'static>(&self, callback: F) -> Result<(), TooLate<F>> {
        match &mut *self.callbacks.lock().unwrap_or_else(PoisonError::into_inner) {
            Some(callbacks) => {
                callbacks.push(Box::new(callback));
                Ok(())
            }
            None => Err(TooLate(callback)),
        }
    }

    /// Runs every callback, even after one has panicked.
    pub(super) fn close(&self) {
        let callbacks = self.callbacks.lock().unwrap_or_else(PoisonError::into_inner).take();
        for callback in callbacks.into_iter().flatten().rev() {
            if catch_unwind(AssertUnwindSafe(callback)).is_err() {
                tracing::error!("a callback of the lifetime stack panicked");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[test]
    fn callbacks_run_once_in_reverse_even_past_a_panic() {
        let stack = LifetimeStack::new();
        let ran = Arc::new(Mutex::new(Vec::new()));
        for n in 0..3 {
            let ran = ran.clone();
            let callback = move || {
                ran.lock().unwrap().push(n);
                assert!(n != 1, "on purpose");
            };
            assert!(stack.push(callback).is_ok());
        }
        stack.close();
        stack.close();
        assert_eq!(*ran.lock().unwrap(), [2, 1, 0]);
        assert!(stack.push(|| {}).is_err());
    }
}
