//! The wakers of tasks that wait, kept under a lock and used outside of it.
//!
//! Cloning, waking and dropping a waker may run foreign code. So a waker is cloned before the lock is taken. A waker
//! that was taken out of a slot under the lock is woken or dropped after the lock is released.

use std::task::{Context, Poll, Waker};

/// The waker of the one task that plays a role. Empty once the task was woken.
#[derive(Debug, Default)]
pub(crate) struct Slot(Option<Waker>);

impl From<Option<Waker>> for Slot {
    fn from(waker: Option<Waker>) -> Self {
        Self(waker)
    }
}

impl Slot {
    /// Whether the task is registered already.
    #[inline]
    pub(crate) fn holds(&self, cx: &Context<'_>) -> bool {
        self.0.as_ref().is_some_and(|waker| waker.will_wake(cx.waker()))
    }

    /// Whether no task waits.
    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// Registers a task. The caller drops the replaced waker after the lock.
    #[must_use = "a waker is dropped after the lock"]
    pub(crate) fn replace(&mut self, waker: Waker) -> Option<Waker> {
        self.0.replace(waker)
    }

    /// Takes the waker out, to wake it after the lock.
    #[inline]
    #[must_use = "a waker is woken after the lock"]
    pub(crate) fn take(&mut self) -> Option<Waker> {
        self.0.take()
    }
}

/// Looks for something under a lock. If there is nothing, registers the task in a slot that the lock guards.
#[inline]
pub(crate) fn poll_or_register<G, R>(
    cx: &Context<'_>,
    lock: impl Fn() -> G,
    slot: impl Fn(&mut G) -> &mut Slot,
    mut look: impl FnMut(&mut G) -> Poll<R>,
) -> Poll<R> {
    // Dropped after the guard, if the look has found something.
    let mut waker = None;
    loop {
        let mut guard = lock();
        let found = look(&mut guard);
        if found.is_ready() || slot(&mut guard).holds(cx) {
            return found;
        }
        if let Some(waker) = waker.take() {
            let before = slot(&mut guard).replace(waker);
            drop(guard);
            drop(before);
            return found;
        }
        drop(guard);
        waker = Some(cx.waker().clone());
    }
}

/// The wakers of any number of tasks. Each task has a place, and frees it.
#[derive(Debug, Default)]
pub(crate) struct Waiters(Vec<Place>);

#[derive(Debug)]
enum Place {
    Free,
    /// A place is without a waker from the wake of its task until the task waits again.
    Taken(Option<Waker>),
}

impl Waiters {
    /// Whether no task has a place.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.iter().all(|place| matches!(place, Place::Free))
    }

    /// Whether the task is registered already.
    pub(crate) fn holds(&self, place: Option<usize>, cx: &Context<'_>) -> bool {
        let waker = place.and_then(|at| match &self.0[at] {
            Place::Taken(waker) => waker.as_ref(),
            Place::Free => None,
        });
        waker.is_some_and(|waker| waker.will_wake(cx.waker()))
    }

    /// Registers a task at its place, or finds a place for it. The caller drops the replaced waker after the lock.
    #[must_use = "a waker is dropped after the lock"]
    pub(crate) fn enter(&mut self, place: &mut Option<usize>, waker: Waker) -> Option<Waker> {
        let at = *place.get_or_insert_with(|| {
            let free = self.0.iter().position(|place| matches!(place, Place::Free));
            free.unwrap_or_else(|| {
                self.0.push(Place::Free);
                self.0.len() - 1
            })
        });
        match std::mem::replace(&mut self.0[at], Place::Taken(Some(waker))) {
            Place::Taken(before) => before,
            Place::Free => None,
        }
    }

    /// Frees a place. The caller drops the replaced waker after the lock.
    #[must_use = "a waker is dropped after the lock"]
    pub(crate) fn leave(&mut self, at: usize) -> Option<Waker> {
        match std::mem::replace(&mut self.0[at], Place::Free) {
            Place::Taken(waker) => waker,
            Place::Free => None,
        }
    }

    fn take_all(&mut self) -> impl Iterator<Item = Waker> {
        self.0.iter_mut().filter_map(|place| match place {
            Place::Taken(waker) => waker.take(),
            Place::Free => None,
        })
    }
}

/// A waker that wakes its task when this is dropped: after the lock under which it was taken out.
#[derive(Debug, Default)]
pub(crate) struct Wake(pub(crate) Option<Waker>);

impl Drop for Wake {
    #[inline]
    fn drop(&mut self) {
        if let Some(waker) = self.0.take() {
            waker.wake();
        }
    }
}

/// Wakers that wake their tasks when this is dropped: after the lock under which they were taken out.
#[derive(Debug, Default)]
pub(crate) struct Woken {
    /// Mostly there is one waker, which needs no allocation.
    first: Wake,
    more: Vec<Wake>,
}

impl Woken {
    #[inline]
    pub(crate) fn add(&mut self, waker: Option<Waker>) {
        if waker.is_none() {
            return;
        }
        if self.first.0.is_none() {
            self.first.0 = waker;
        } else {
            self.more.push(Wake(waker));
        }
    }

    pub(crate) fn add_all(&mut self, waiters: &mut Waiters) {
        waiters.take_all().for_each(|waker| self.add(Some(waker)));
    }
}
