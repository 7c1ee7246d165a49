//! A payload of any type.

use std::fmt;

use serde::de::{DeserializeOwned, MapAccess, SeqAccess, Visitor};
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::limits::NESTING_DEPTH_MAX;
use super::payload::{self, PayloadError, PayloadFormat};

/// A payload whose type is not known at compile time.
///
/// Structs are maps from field name to value where one makes them ([`of`](Self::of)); from another Rust actor they come as
/// arrays of field values, as they travel. [`to`](Self::to) reads both.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Value {
    /// `()`, or the `None` of an option.
    Nil,
    /// A `bool`.
    Bool(bool),
    /// An integer.
    Int(i64),
    /// An integer beyond `i64`.
    Uint(u64),
    /// A float.
    Float(f64),
    /// Text.
    Str(String),
    /// Bytes.
    Bytes(Vec<u8>),
    /// An array, a tuple, or a struct from another Rust actor.
    Array(Vec<Self>),
    /// A map, in the order in which it travels.
    Map(Vec<(Self, Self)>),
}

impl Value {
    /// A value of any serde type.
    ///
    /// ```
    /// use tractor_core::Value;
    ///
    /// let value = Value::of(&(1, "one"))?;
    /// assert_eq!(value, Value::Array(vec![Value::Int(1), Value::from("one")]));
    /// assert_eq!(value.to::<(u8, String)>()?, (1, "one".to_owned()));
    /// # Ok::<_, tractor_core::proto::payload::PayloadError>(())
    /// ```
    ///
    /// # Errors
    /// The value's own serializer failed.
    pub fn of<T: Serialize + ?Sized>(value: &T) -> Result<Self, PayloadError> {
        let mut bytes = Vec::new();
        payload::encode(value, PayloadFormat::Named, &mut bytes)?;
        payload::decode(&bytes, PayloadFormat::Named, NESTING_DEPTH_MAX)
    }

    /// The value as a `T`.
    ///
    /// # Errors
    /// It is no `T`.
    pub fn to<T: DeserializeOwned>(&self) -> Result<T, PayloadError> {
        let mut bytes = Vec::new();
        payload::encode(self, PayloadFormat::Named, &mut bytes)?;
        // Types with a text form for people, such as addresses, come in it or not, as the peer writes them.
        payload::decode(&bytes, PayloadFormat::Positional, NESTING_DEPTH_MAX)
            .or_else(|_| payload::decode(&bytes, PayloadFormat::Named, NESTING_DEPTH_MAX))
    }

    /// The value under a text key, if this is a map that has it.
    pub fn get(&self, key: &str) -> Option<&Self> {
        let Self::Map(entries) = self else { return None };
        entries.iter().find(|(k, _)| k.as_str() == Some(key)).map(|(_, value)| value)
    }

    /// The integer, if it is one that fits.
    pub fn as_int(&self) -> Option<i64> {
        if let Self::Int(value) = self { Some(*value) } else { None }
    }

    /// The text, if it is one.
    pub fn as_str(&self) -> Option<&str> {
        if let Self::Str(text) = self { Some(text) } else { None }
    }

    /// The items, if it is an array.
    pub fn as_array(&self) -> Option<&[Self]> {
        if let Self::Array(items) = self { Some(items) } else { None }
    }
}

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Nil => serializer.serialize_unit(),
            Self::Bool(value) => serializer.serialize_bool(*value),
            Self::Int(value) => serializer.serialize_i64(*value),
            Self::Uint(value) => serializer.serialize_u64(*value),
            Self::Float(value) => serializer.serialize_f64(*value),
            Self::Str(text) => serializer.serialize_str(text),
            Self::Bytes(bytes) => serializer.serialize_bytes(bytes),
            Self::Array(items) => serializer.collect_seq(items),
            Self::Map(entries) => {
                let mut map = serializer.serialize_map(Some(entries.len()))?;
                for (key, value) in entries {
                    map.serialize_entry(key, value)?;
                }
                map.end()
            }
        }
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyValue)
    }
}

/// Takes whatever comes.
struct AnyValue;

impl<'de> Visitor<'de> for AnyValue {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value but an extension type")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Nil)
    }

    fn visit_none<E>(self) -> Result<Value, E> {
        Ok(Value::Nil)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        Value::deserialize(deserializer)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Int(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(i64::try_from(value).map_or(Value::Uint(value), Value::Int))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Value::Float(value))
    }

    fn visit_str<E>(self, text: &str) -> Result<Value, E> {
        Ok(Value::Str(text.to_owned()))
    }

    fn visit_bytes<E>(self, bytes: &[u8]) -> Result<Value, E> {
        Ok(Value::Bytes(bytes.to_owned()))
    }

    // Nothing is allocated for lengths that are only claimed.
    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element()? {
            items.push(item);
        }
        Ok(Value::Array(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = map.next_entry()? {
            entries.push(entry);
        }
        Ok(Value::Map(entries))
    }
}

macro_rules! from {
    ($($ty:ty => $make:expr),* $(,)?) => {$(
        impl From<$ty> for Value {
            fn from(value: $ty) -> Self {
                let make: fn($ty) -> Self = $make;
                make(value)
            }
        }
    )*};
}

from! {
    () => |()| Self::Nil,
    bool => Self::Bool,
    i64 => Self::Int,
    i32 => |value| Self::Int(value.into()),
    f64 => Self::Float,
    &str => |text| Self::Str(text.to_owned()),
    String => Self::Str,
    Vec<Value> => Self::Array,
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn every_kind_round_trips() {
        let values = [
            Value::Nil,
            Value::from(true),
            Value::Int(i64::MIN),
            Value::Uint(u64::MAX),
            Value::Float(0.5),
            Value::from("text"),
            Value::Bytes(vec![0, 255]),
            Value::Array(vec![Value::Int(1), Value::Array(vec![])]),
            Value::Map(vec![(Value::Int(1), Value::Nil), (Value::from("k"), Value::Map(vec![]))]),
        ];
        for value in values {
            assert_eq!(Value::of(&value), Ok(value.clone()));
            assert_eq!(value.to::<Value>(), Ok(value));
        }
    }

    #[test]
    fn types_become_values_and_back() {
        #[derive(Debug, PartialEq, Serialize, Deserialize)]
        struct Point {
            x: i64,
            at: Option<std::net::Ipv4Addr>,
        }
        let point = Point { x: 7, at: Some(std::net::Ipv4Addr::LOCALHOST) };
        let value = Value::of(&point).expect("encodable");
        assert_eq!(value.get("x").and_then(Value::as_int), Some(7));
        assert_eq!(value.get("y"), None);
        assert_eq!(value.to::<Point>(), Ok(point));
        let positional = Value::Array(vec![Value::Int(7), Value::Nil]);
        assert_eq!(positional.to::<Point>(), Ok(Point { x: 7, at: None }));
        assert!(value.to::<BTreeMap<String, bool>>().is_err());
    }

    #[test]
    fn claimed_lengths_and_depths_are_bounded() {
        let claims = [0xdd, 0xff, 0xff, 0xff, 0xff];
        assert!(payload::decode::<Value>(&claims, PayloadFormat::Named, 16).is_err());
        let deep = [vec![0x91; 40], vec![0xc0]].concat();
        assert!(payload::decode::<Value>(&deep, PayloadFormat::Named, 16).is_err());
    }
}
