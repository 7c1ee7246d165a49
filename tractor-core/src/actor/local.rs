//! State of an actor: one value per actor, dropped with it.

use std::any::Any;
use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};

use super::current::try_current_actor;
use crate::error::Error;

/// A value that exists once per actor; declared with [`actor_local!`](crate::actor_local).
#[derive(Debug)]
pub struct ActorLocal<T: 'static> {
    init: fn() -> T,
}

type Slot = Arc<dyn Any + Send + Sync>;

/// The values of one actor, by the address of their declaration.
#[derive(Debug, Default)]
pub(super) struct Locals(Mutex<HashMap<usize, Slot>>);

impl Locals {
    pub(super) fn clear(&self) {
        let dropped = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        // User destructors run here, without the lock, even after one has panicked.
        for (_, value) in dropped {
            if catch_unwind(AssertUnwindSafe(|| drop(value))).is_err() {
                tracing::error!("a destructor of the actor's state panicked");
            }
        }
    }
}

impl<T: Send + Sync + 'static> ActorLocal<T> {
    #[doc(hidden)]
    pub const fn new(init: fn() -> T) -> Self {
        Self { init }
    }

    /// The running actor's value, made on first use.
    ///
    /// # Panics
    /// Outside of any actor; [`try_get`](Self::try_get) returns an error instead.
    pub fn get(&'static self) -> Arc<T> {
        match self.try_get() {
            Ok(value) => value,
            Err(error) => panic!("{error}"),
        }
    }

    /// The running actor's value, made on first use.
    ///
    /// # Errors
    /// [`Error::NoRuntime`] outside of any actor.
    pub fn try_get(&'static self) -> Result<Arc<T>, Error> {
        let actor = try_current_actor()?;
        let key = std::ptr::from_ref(self) as usize;
        let found = |slots: &HashMap<usize, Slot>| slots.get(&key).cloned();
        let locals = &actor.inner.locals.0;
        let known = found(&locals.lock().unwrap_or_else(PoisonError::into_inner));
        let slot = match known {
            Some(slot) => slot,
            None => {
                // The initialiser is user code: it runs without the lock, and the first value that is ready is kept.
                let fresh: Slot = Arc::new((self.init)());
                locals.lock().unwrap_or_else(PoisonError::into_inner).entry(key).or_insert(fresh).clone()
            }
        };
        Ok(slot.downcast().expect("a slot's key is the address of the declaration, which fixes its type"))
    }
}

/// Declares a value that exists once per actor. It is made on first use and dropped when the actor ends.
///
/// ```
/// # use tractor_core as tractor;
/// use std::sync::atomic::{AtomicU64, Ordering};
///
/// tractor::actor_local! {
///     /// Requests this actor has served.
///     static SERVED: AtomicU64 = AtomicU64::new(0);
/// }
///
/// async fn serve() -> u64 {
///     SERVED.get().fetch_add(1, Ordering::Relaxed) + 1
/// }
/// ```
#[macro_export]
macro_rules! actor_local {
    ($($(#[$attr:meta])* $vis:vis static $name:ident : $ty:ty = $init:expr;)*) => {$(
        $(#[$attr])* $vis static $name: $crate::ActorLocal<$ty> = $crate::ActorLocal::new(|| $init);
    )*};
}
