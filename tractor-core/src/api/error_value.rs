//! What of an endpoint's error travels besides its texts: its value, if its type is serde, or all of an error of ours
//! that another type hides.
//!
//! The three traits have one method name. Generated code, which knows the concrete error type, calls it on a
//! `&&Probe(&E)` (`error_value!()`): the compiler takes the first one if `E` is `Serialize`, else the second, one
//! reference further away, if `E` stands for an error inside of it, and else the third, one reference nearer. So no
//! error type needs an attribute, and aliases of `Result` work. `DeserializeOwned` is not asked for: of a type such as
//! `&'static str`, which has it for some lifetimes, the compiler would take the first one and refuse it afterwards.

use std::error::Error as StdError;
use std::ops::Deref;

use serde::Serialize;

use crate::error::{self, Carried, WireName};
use crate::session::catching;

/// A closure from an error, whose type is known where this stands, to what of it travels, and the name of its type if
/// it has chosen one.
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

/// An error whose type is asked what it can do.
#[derive(Debug)]
pub struct Probe<'e, E>(pub &'e E);

/// Errors that travel as values.
pub trait CarriesValue {
    /// The value; none when it does not encode: the error's texts travel all the same.
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

/// Types that hold an error of any type: `anyhow::Error`, `Box<dyn Error>`. Made a plain box, some hide what they hold.
pub trait CarriesOwn {
    /// The error inside, if it is one of ours.
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
    /// Nothing.
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

/// Errors that are known by the name of their type.
pub trait NamedByType {
    /// None.
    fn __tractor_name(&self) -> Option<&'static str>;
}

impl<E> NamedByType for &Probe<'_, E> {
    fn __tractor_name(&self) -> Option<&'static str> {
        None
    }
}
