//! Warns about a nursery that is opened outside of its actor by mistake, and so begins a second tree.

use std::sync::{Mutex, MutexGuard, Once, PoisonError};

use tokio::runtime::{Handle, Id};

use crate::actor::notice;

/// The runtimes of root actors; an entry for each root.
static WITH_ROOTS: Mutex<Vec<Id>> = Mutex::new(Vec::new());

/// A root actor's place on its runtime.
#[derive(Debug)]
pub(super) struct OnRuntime(Id);

fn with_roots() -> MutexGuard<'static, Vec<Id>> {
    WITH_ROOTS.lock().unwrap_or_else(PoisonError::into_inner)
}

impl OnRuntime {
    pub(super) fn begin() -> Self {
        let id = Handle::current().id();
        with_roots().push(id);
        Self(id)
    }
}

impl Drop for OnRuntime {
    fn drop(&mut self) {
        let mut roots = with_roots();
        if let Some(place) = roots.iter().position(|id| *id == self.0) {
            roots.swap_remove(place);
        }
    }
}

/// Warns, once per process, that a nursery outside of any actor begins a tree on a runtime that has one.
pub(super) fn say_if_second() {
    static SAID: Once = Once::new();
    if with_roots().contains(&Handle::current().id()) {
        SAID.call_once(|| {
            notice!(
                WARN,
                "a nursery was opened outside of any actor while a root actor runs: it starts a second one, which the \
                 first neither supervises nor cancels. In a spawned task or a web handler, run the future in the \
                 actor: take `tractor::current_actor()` where you have it, then `actor.enter(future).await` \
                 (`Actor::enter`); if you want two trees, use `open_root_actor`"
            );
        });
    }
}
