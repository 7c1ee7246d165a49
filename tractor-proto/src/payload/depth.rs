//! The depth of values that are known at run time only.
//!
//! A [`Value`] may be nested as deep as there is memory, and is encoded by recursion: one that is too deep would take the whole
//! process with it. Those of a peer are bounded as they are decoded.

use std::any::Any;

use rmpv::Value;

use super::PayloadError;
use crate::limits::VALUE_DEPTH_MAX;

/// Refuses a [`Value`] that is too deep to be encoded. Other types have the depth that their author gave them.
#[inline]
pub fn check_depth<T: 'static>(value: &T) -> Result<(), PayloadError> {
    match (value as &dyn Any).downcast_ref() {
        Some(value) => check_depth_of(value),
        None => Ok(()),
    }
}

fn check_depth_of(value: &Value) -> Result<(), PayloadError> {
    let mut level = vec![value];
    for _ in 0..=VALUE_DEPTH_MAX {
        let mut below = Vec::new();
        for value in level {
            match value {
                Value::Array(items) => below.extend(items),
                Value::Map(entries) => below.extend(entries.iter().flat_map(|(key, value)| [key, value])),
                _ => {}
            }
        }
        if below.is_empty() {
            return Ok(());
        }
        level = below;
    }
    Err(PayloadError::new(format!("the value is nested deeper than {VALUE_DEPTH_MAX} levels")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::payload::{PayloadFormat, decode};

    fn nested(depth: usize) -> Value {
        (0..depth).fold(Value::Nil, |inner, level| match level % 3 {
            0 => Value::Array(vec![Value::Nil, inner]),
            1 => Value::Map(vec![(Value::Nil, inner)]),
            _ => Value::Map(vec![(inner, Value::Nil)]),
        })
    }

    #[test]
    fn only_values_that_are_too_deep_are_refused() {
        assert_eq!(check_depth(&nested(VALUE_DEPTH_MAX)), Ok(()));
        let error = check_depth(&nested(VALUE_DEPTH_MAX + 1)).expect_err("too deep");
        assert_eq!(error.to_string(), "the value is nested deeper than 512 levels");
        assert_eq!(check_depth(&"a value of another type"), Ok(()));
    }

    #[test]
    fn claimed_lengths_and_depths_of_a_peer_are_bounded() {
        let claims = [0xdd, 0xff, 0xff, 0xff, 0xff];
        assert!(decode::<Value>(&claims, PayloadFormat::Base, 16).is_err());
        let deep = [vec![0x91; 1_000_000], vec![0xc0]].concat();
        let error = decode::<Value>(&deep, PayloadFormat::Base, 16).expect_err("too deep");
        assert_eq!(error.to_string(), "it is nested deeper than `nesting_depth_max` allows");
    }
}
