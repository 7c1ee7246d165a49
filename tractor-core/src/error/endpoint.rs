//! The failure of an endpoint, whatever its error type is.

use std::error::Error as StdError;
use std::io;

use super::pack::type_names;
use super::{
    ActorDied, ActorFailure, ActorTooSlow, ContextCancelled, DeadlineExceeded, Error, ErrorGroup, GaveUp,
    Lagged, MessagingError, MsgTypeError, RemoteActorError, RuntimeFailure, StreamUnread, TransportClosed,
    Unreachable,
};
use crate::proto::msg::ErrorValue;

/// A failure on its way out of an endpoint: the user's error and the name of its type.
#[derive(Debug)]
pub struct EndpointError {
    error: Box<dyn StdError + Send + Sync>,
    type_name: &'static str,
    carried: Carried,
}

/// The part of a failure that travels besides its texts.
#[derive(Debug)]
pub enum Carried {
    /// Nothing.
    Text,
    /// The user's error as a value.
    Value(ErrorValue),
    /// A whole error of ours, inside of a type that hides it, such as `anyhow::Error`.
    Own(Error),
}

impl EndpointError {
    /// Wraps the error of an endpoint.
    pub fn new<E: Into<Box<dyn StdError + Send + Sync>>>(error: E) -> Self {
        Self { error: error.into(), type_name: wire_name::<E>(), carried: Carried::Text }
    }

    /// Adds the part that travels besides texts, and the name that the error's type has chosen. For callers that know
    /// the type.
    #[must_use]
    pub(crate) fn carrying(mut self, carried: Carried, name: Option<&'static str>) -> Self {
        self.carried = carried;
        self.type_name = name.unwrap_or(self.type_name);
        self
    }

    pub(crate) fn value(&self) -> Option<&ErrorValue> {
        match &self.carried {
            Carried::Value(value) => Some(value),
            Carried::Text | Carried::Own(_) => None,
        }
    }

    /// The error, if it is one of ours.
    pub(super) fn own(&self) -> Option<Error> {
        match &self.carried {
            Carried::Own(error) => Some(error.clone()),
            Carried::Text | Carried::Value(_) => own(self.error()),
        }
    }

    pub(crate) fn error(&self) -> &(dyn StdError + Send + Sync + 'static) {
        &*self.error
    }

    pub(crate) fn type_name(&self) -> &'static str {
        self.type_name
    }
}

/// An error of ours, or the payload of one; also inside of an I/O error.
pub(crate) fn own(error: &(dyn StdError + 'static)) -> Option<Error> {
    let inside = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
    let error = inside.map_or(error, |inside| inside);
    macro_rules! one_of {
        ($($ty:ty)*) => {
            $(if let Some(error) = error.downcast_ref::<$ty>() {
                return Some(error.clone().into());
            })*
        };
    }
    one_of! {
        Error ActorDied ActorFailure ActorTooSlow ContextCancelled DeadlineExceeded ErrorGroup GaveUp Lagged
        MessagingError MsgTypeError RemoteActorError RuntimeFailure StreamUnread TransportClosed Unreachable
    }
    None
}

/// The last segment of a type's path, without its generic arguments: `std::num::ParseIntError` is `ParseIntError`.
///
/// A bare `Error` or `error::Error` would say nothing, and the name of one of our errors would be wrong. Such names
/// keep their modules: `fmt::Error`, `io::error::Error`.
fn wire_name<T: ?Sized>() -> &'static str {
    let full = std::any::type_name::<T>();
    let path = full.split('<').next().unwrap_or(full);
    let mut cuts = path.rmatch_indices("::").map(|(at, _)| at + 2);
    let last = cuts.next().unwrap_or(0);
    let name = &path[last..];
    if name != "Error" && !type_names::ALL.contains(&name) {
        return name;
    }
    let with_module = &path[cuts.next().unwrap_or(0)..];
    if with_module.starts_with("error::") { &path[cuts.next().unwrap_or(0)..] } else { with_module }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn type_names_are_short_and_specific() {
        assert_eq!(wire_name::<std::num::ParseIntError>(), "ParseIntError");
        assert_eq!(wire_name::<std::fmt::Error>(), "fmt::Error");
        assert_eq!(wire_name::<std::io::Error>(), "io::error::Error");
        assert_eq!(wire_name::<String>(), "String");
        assert_eq!(wire_name::<Vec<String>>(), "Vec");
    }

    #[test]
    fn a_foreign_type_with_the_name_of_one_of_ours_keeps_its_module() {
        #[derive(Debug)]
        struct TypeError<T>(T);
        #[derive(Debug)]
        struct RemoteActorError;
        assert!(wire_name::<TypeError<u8>>().ends_with("::TypeError"), "{}", wire_name::<TypeError<u8>>());
        assert!(wire_name::<RemoteActorError>().ends_with("::RemoteActorError"));
        assert!(type_names::ALL.iter().all(|name| !name.contains("::")));
    }
}
