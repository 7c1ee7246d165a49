//! The parts of an endpoint's error that travel besides its texts: its value, if its type is serde, or a whole error of
//! this library inside another type.
//!
//! Generated code, which knows the concrete error type `E`, calls one method name on a `&&Probe(&E)`
//! (`error_value!()`). Three traits have that method, for different numbers of references, so method resolution tries
//! them in order: [`CarriesValue`] if `E` is `Serialize`, [`CarriesOwn`] if `E` may hold any error, else
//! [`CarriesText`]. [`CarriesValue`] does not require `DeserializeOwned`, which types such as `&'static str` implement
//! for some lifetimes only: the compiler would choose this trait and then refuse it.

use std::error::Error as StdError;
use std::ops::Deref;

use serde::Serialize;

use crate::error::{self, Carried, WireName};
use crate::session::catching;

/// A closure from an error to the parts of it that travel, and to the chosen name of its type, if any. The type of the
/// error is known where this macro is used.
#[doc(hidden)]
#[macro_export]
macro_rules! __error_value {
    () => {
        |__error| {
            use $crate::__private::{CarriesOwn as _, CarriesText as _, CarriesValue as _};
            use $crate::__private::{NamedByItself as _, NamedByType as _};
            let __probe = $crate::__private::Probe(__error);
            ((&&__probe).__tractor_carried(), (&__probe).__tractor_name())
        }
    };
}

/// Wraps an error, so that method resolution finds the traits of its type.
#[derive(Debug)]
pub struct Probe<'e, E>(pub &'e E);

/// Errors that travel as values.
pub trait CarriesValue {
    /// The value; `None` if it does not encode. The error's texts travel in any case.
    fn __tractor_carried(&self) -> Carried;
}

impl<E: Serialize> CarriesValue for &Probe<'_, E> {
    fn __tractor_carried(&self) -> Carried {
        let value = catching(|| error::value_of(self.0)).unwrap_or_else(|panic| {
            tracing::warn!("a failure travels without its value: its serializer panicked: {}", panic.message);
            None
        });
        value.map_or(Carried::Text, Carried::Value)
    }
}

/// Types that hold an error of any type: `anyhow::Error`, `Box<dyn Error>`. Some of them hide it once converted to a
/// plain box.
pub trait CarriesOwn {
    /// The error inside, if it is one of this library.
    fn __tractor_carried(&self) -> Carried;
}

impl<E: Deref<Target = dyn StdError + Send + Sync>> CarriesOwn for &&Probe<'_, E> {
    fn __tractor_carried(&self) -> Carried {
        let own = catching(|| error::own(&**self.0)).ok().flatten();
        own.map_or(Carried::Text, Carried::Own)
    }
}

/// Errors that travel by name and text.
pub trait CarriesText {
    /// No value, and no other error.
    fn __tractor_carried(&self) -> Carried;
}

impl<E> CarriesText for Probe<'_, E> {
    fn __tractor_carried(&self) -> Carried {
        Carried::Text
    }
}

/// Errors whose type has chosen its name.
pub trait NamedByItself {
    /// The name.
    fn __tractor_name(&self) -> Option<&'static str>;
}

impl<E: WireName> NamedByItself for Probe<'_, E> {
    fn __tractor_name(&self) -> Option<&'static str> {
        const {
            assert!(
                error::may_be_chosen(E::NAME),
                "a `WireName` is short, of visible characters, and none that has a meaning of its own"
            );
        }
        Some(E::NAME)
    }
}

/// Errors that travel under the name of their type.
pub trait NamedByType {
    /// `None`.
    fn __tractor_name(&self) -> Option<&'static str>;
}

impl<E> NamedByType for &Probe<'_, E> {
    fn __tractor_name(&self) -> Option<&'static str> {
        None
    }
}
