//! Failures as values: the part of a user's error that travels besides its texts.
//!
//! A value is identified by the path of its type, as rustc gives it, generic arguments included: many error types are
//! called `Error`, and one must not be decoded as another because the fields happen to fit. Structs in a value are
//! maps, because a relay passes the value on unchanged, and a reader with another version of the type needs the names.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::proto::limits::{ERROR_VALUE_BYTES_MAX, ERROR_VALUE_DEPTH_MAX, NAME_BYTES_MAX};
use crate::proto::msg::ErrorValue;
use crate::proto::payload::{self, PayloadError, PayloadFormat};

/// The value of a failure; `None`, and a log line, if it does not encode or is over a limit.
pub(crate) fn encode<E: Serialize>(error: &E) -> Option<ErrorValue> {
    match encode_as(std::any::type_name::<E>(), error) {
        Ok(value) => Some(value),
        Err(problem) => {
            tracing::warn!("a failure travels without its value: {problem}");
            None
        }
    }
}

/// As [`encode`], under the given type name.
pub(super) fn encode_as<E: Serialize>(type_name: &str, error: &E) -> Result<ErrorValue, String> {
    if type_name.len() > NAME_BYTES_MAX {
        return Err(format!("the path of its type has {} bytes (`NAME_BYTES_MAX`)", type_name.len()));
    }
    let mut bytes = Vec::new();
    payload::encode(error, PayloadFormat::Base, ERROR_VALUE_DEPTH_MAX, &mut bytes)
        .map_err(|error| error.to_string())?;
    if bytes.len() > ERROR_VALUE_BYTES_MAX {
        return Err(format!("it has {} bytes (`ERROR_VALUE_BYTES_MAX`)", bytes.len()));
    }
    Ok(ErrorValue { type_name: type_name.to_owned(), value: bytes.into() })
}

/// The failure, if its type has this name.
pub(super) fn decode_as<E: DeserializeOwned>(
    type_name: &str,
    value: &ErrorValue,
) -> Option<Result<E, PayloadError>> {
    let decode = || payload::decode(&value.value, PayloadFormat::Base, ERROR_VALUE_DEPTH_MAX);
    (value.type_name == type_name).then(decode)
}
