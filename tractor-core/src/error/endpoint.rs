//! What an endpoint failed with, whatever its error type is.

use std::error::Error as StdError;

use crate::proto::msg::ErrorValue;

/// A failure on its way out of an endpoint: the user's error and the name of its type.
#[derive(Debug)]
pub struct EndpointError {
    error: Box<dyn StdError + Send + Sync>,
    type_name: &'static str,
    value: Option<ErrorValue>,
}

impl EndpointError {
    /// Wraps the error of an endpoint.
    pub fn new<E: Into<Box<dyn StdError + Send + Sync>>>(error: E) -> Self {
        Self { error: error.into(), type_name: short_type_name::<E>(), value: None }
    }

    /// The same with the error as a value, for who knows its type.
    #[must_use]
    pub(crate) fn carrying(mut self, value: Option<ErrorValue>) -> Self {
        self.value = value;
        self
    }

    pub(crate) fn value(&self) -> Option<&ErrorValue> {
        self.value.as_ref()
    }

    pub(crate) fn error(&self) -> &(dyn StdError + Send + Sync + 'static) {
        &*self.error
    }

    pub(crate) fn type_name(&self) -> &'static str {
        self.type_name
    }
}

/// The last segment of a type's path, without its generic arguments: `std::io::Error` is `Error`.
///
/// A bare `Error` says nothing on the wire, so its module is kept: `io::Error`.
fn short_type_name<T: ?Sized>() -> &'static str {
    let full = std::any::type_name::<T>();
    let path = full.split('<').next().unwrap_or(full);
    let mut cuts = path.rmatch_indices("::").map(|(at, _)| at + 2);
    let last = cuts.next().unwrap_or(0);
    if &path[last..] == "Error" { &path[cuts.next().unwrap_or(0)..] } else { &path[last..] }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn type_names_are_short_but_telling() {
        assert_eq!(short_type_name::<std::num::ParseIntError>(), "ParseIntError");
        assert_eq!(short_type_name::<std::io::Error>(), "error::Error");
        assert_eq!(short_type_name::<String>(), "String");
        assert_eq!(short_type_name::<Vec<String>>(), "Vec");
    }
}
