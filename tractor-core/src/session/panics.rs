//! Panics of user code, as values.

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, PanicHookInfo, catch_unwind};

use crate::error::Panicked;

thread_local! {
    /// Place of the last panic on this thread that `catching` has not caught yet.
    static PLACE: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Notes the place of a panic on this thread, for [`catching`]. The panic hook calls it, so it must not panic.
pub(crate) fn note_panic_place(info: &PanicHookInfo<'_>) {
    let place = info.location().map_or_else(String::new, ToString::to_string);
    _ = PLACE.try_with(|slot| slot.try_borrow_mut().map(|mut slot| *slot = Some(place)));
}

/// Calls `f`; a panic becomes a value with its text, and its place if the hook is installed.
pub(crate) fn catching<R>(f: impl FnOnce() -> R) -> Result<R, Panicked> {
    catch_unwind(AssertUnwindSafe(f)).map_err(|payload| {
        let message = payload
            .downcast_ref::<&str>()
            .map(|text| (*text).to_owned())
            .or_else(|| payload.downcast_ref::<String>().cloned())
            .unwrap_or_else(|| "a panic whose payload is not text".to_owned());
        let location = PLACE.with(|slot| slot.borrow_mut().take()).unwrap_or_default();
        Panicked { message, location }
    })
}
