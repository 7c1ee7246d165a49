//! Which of an endpoint's errors travel as values: those whose type is serde.
//!
//! The two traits have one method name. Generated code, which knows the concrete error type, calls it on a `&E`
//! (`error_value!()`): the compiler takes the first one if `E` is `Serialize`, and the second, one reference further away, if it is
//! not. So no error type needs an attribute, and aliases of `Result` work. `DeserializeOwned` is not asked for: of a type such
//! as `&'static str`, which has it for some lifetimes, the compiler would take the first one and refuse it afterwards.

use serde::Serialize;

use crate::error::value_of;
use crate::proto::msg::ErrorValue;
use crate::session::catching;

/// A closure from an error, whose type is known where this stands, to its value.
#[doc(hidden)]
#[macro_export]
macro_rules! __error_value {
    () => {
        |error| {
            #[allow(unused_imports, reason = "one of them applies")]
            use $crate::__private::{CarriesText as _, CarriesValue as _};
            error.__tractor_value()
        }
    };
}

/// Errors that travel as values.
pub trait CarriesValue {
    /// The value; `None` when it does not encode: the error's texts travel all the same.
    fn __tractor_value(&self) -> Option<ErrorValue>;
}

impl<E: Serialize> CarriesValue for E {
    fn __tractor_value(&self) -> Option<ErrorValue> {
        catching(|| value_of(self)).unwrap_or_else(|panic| {
            tracing::warn!("a failure travels without its value: its serializer panicked: {}", panic.message);
            None
        })
    }
}

/// Errors that travel by name and text.
pub trait CarriesText {
    /// Nothing.
    fn __tractor_value(&self) -> Option<ErrorValue>;
}

impl<E> CarriesText for &E {
    fn __tractor_value(&self) -> Option<ErrorValue> {
        None
    }
}
