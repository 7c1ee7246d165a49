//! One waker for one role.

use std::task::{Context, Waker};

/// The waker of the one future that has a role; a later poll replaces it.
///
/// A list of wakers would not do: whether two wakers wake the same task cannot always be told, so it could grow with
/// every poll.
#[derive(Debug, Default)]
pub(crate) struct Slot(Option<Waker>);

impl Slot {
    /// Registers the polling task.
    pub(crate) fn set(&mut self, cx: &Context<'_>) {
        match &mut self.0 {
            Some(waker) => waker.clone_from(cx.waker()),
            None => self.0 = Some(cx.waker().clone()),
        }
    }

    /// Wakes the registered task, once.
    pub(crate) fn wake(&mut self) {
        if let Some(waker) = self.0.take() {
            waker.wake();
        }
    }
}
