//! Payload contracts as data: what a payload may be, decided at run time and checked on its encoding.

use std::fmt;
use std::ops::BitOr;

use super::codec::raw;
use super::payload::{self, Payload, PayloadError, PayloadFormat};

/// What payloads are allowed, where the compiler cannot tell.
///
/// Alternatives are joined with `|`:
///
/// ```
/// use tractor_core::PldSpec;
///
/// let spec = PldSpec::Int | PldSpec::array(PldSpec::Str) | PldSpec::Nil;
/// assert_eq!(spec.to_string(), "int | array[str] | nil");
/// ```
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum PldSpec {
    /// Everything.
    Any,
    /// `()`, or the `None` of an option.
    Nil,
    /// A `bool`.
    Bool,
    /// An integer of any size.
    Int,
    /// A float, or an integer.
    Float,
    /// Text.
    Str,
    /// Bytes.
    Bytes,
    /// An array of such items; between Rust peers structs and tuples are arrays, too.
    Array(Box<Self>),
    /// A map with such values, and any keys.
    Map(Box<Self>),
    /// One of these.
    OneOf(Vec<Self>),
    /// A Rust type; see [`of`](Self::of).
    Type(TypeSpec),
}

/// Whatever decodes as one Rust type.
#[derive(Clone)]
pub struct TypeSpec {
    name: &'static str,
    check: fn(&[u8], PayloadFormat, usize) -> Result<(), PayloadError>,
}

impl PldSpec {
    /// What decodes as a `T`.
    pub fn of<T: Payload>() -> Self {
        let check = |bytes: &[u8], format, depth_max| T::decode_payload(bytes, format, depth_max).map(drop);
        Self::Type(TypeSpec { name: std::any::type_name::<T>(), check })
    }

    /// An array of such items.
    pub fn array(items: Self) -> Self {
        Self::Array(Box::new(items))
    }

    /// A map with such values.
    pub fn map(values: Self) -> Self {
        Self::Map(Box::new(values))
    }

    /// Whether everything is allowed.
    pub fn is_any(&self) -> bool {
        matches!(self, Self::Any)
    }

    /// Checks an encoded payload.
    ///
    /// # Errors
    /// It is nothing this allows, or no well-formed value.
    pub fn check(&self, bytes: &[u8], format: PayloadFormat, depth_max: usize) -> Result<(), PayloadError> {
        raw::check_one_value(bytes, depth_max).map_err(malformed)?;
        self.check_well_formed(bytes, format, depth_max)
    }

    fn check_well_formed(
        &self,
        bytes: &[u8],
        format: PayloadFormat,
        depth_max: usize,
    ) -> Result<(), PayloadError> {
        let kind = payload::kind(bytes);
        let check_in = |spec: &Self, part: &[u8]| spec.check_well_formed(part, format, depth_max);
        let is_it = match self {
            Self::Any => true,
            Self::Nil => kind == "nil",
            Self::Bool => kind == "bool",
            Self::Int => kind == "int",
            Self::Float => kind == "float" || kind == "int",
            Self::Str => kind == "str",
            Self::Bytes => kind == "bytes",
            Self::Array(items) if kind == "array" => {
                let mut rest = bytes;
                let count = rmp::decode::read_array_len(&mut rest).map_err(malformed)?;
                return each_item(rest, count, 1, |item| check_in(items, item));
            }
            Self::Map(values) if kind == "map" => {
                let mut rest = bytes;
                let count = rmp::decode::read_map_len(&mut rest).map_err(malformed)?;
                return each_item(rest, count, 2, |value| check_in(values, value));
            }
            Self::Array(_) | Self::Map(_) => false,
            Self::OneOf(specs) => specs.iter().any(|spec| check_in(spec, bytes).is_ok()),
            Self::Type(spec) => return (spec.check)(bytes, format, depth_max),
        };
        if is_it { Ok(()) } else { Err(PayloadError::new(format!("expected {self}"))) }
    }
}

/// Calls `check` with the encoding of every item, or of every second one if they come in pairs.
fn each_item(
    bytes: &[u8],
    count: u32,
    values_each: usize,
    check: impl Fn(&[u8]) -> Result<(), PayloadError>,
) -> Result<(), PayloadError> {
    let mut at = 0;
    for index in 0..count {
        for part in 1..=values_each {
            let end = raw::skip_value(bytes, at, usize::MAX).map_err(malformed)?;
            if part == values_each {
                let at_item = |error| PayloadError::new(format!("item {index}: {error}"));
                check(&bytes[at..end]).map_err(at_item)?;
            }
            at = end;
        }
    }
    Ok(())
}

fn malformed(error: impl fmt::Display) -> PayloadError {
    PayloadError::new(error.to_string())
}

impl BitOr for PldSpec {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        let mut specs = match self {
            Self::OneOf(specs) => specs,
            one => vec![one],
        };
        match other {
            Self::OneOf(others) => specs.extend(others),
            one => specs.push(one),
        }
        Self::OneOf(specs)
    }
}

impl fmt::Display for PldSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self {
            Self::Any => "any",
            Self::Nil => "nil",
            Self::Bool => "bool",
            Self::Int => "int",
            Self::Float => "float",
            Self::Str => "str",
            Self::Bytes => "bytes",
            Self::Array(items) => return write!(f, "array[{items}]"),
            Self::Map(values) => return write!(f, "map[{values}]"),
            Self::OneOf(specs) => {
                for (index, spec) in specs.iter().enumerate() {
                    write!(f, "{}{spec}", if index == 0 { "" } else { " | " })?;
                }
                return Ok(());
            }
            Self::Type(spec) => spec.name,
        };
        f.write_str(name)
    }
}

impl fmt::Debug for TypeSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("TypeSpec").field(&self.name).finish()
    }
}

#[cfg(test)]
mod tests {
    use serde::Serialize;

    use super::*;

    fn allows(spec: &PldSpec, value: impl Serialize) -> bool {
        let mut bytes = Vec::new();
        payload::encode(&value, PayloadFormat::Named, &mut bytes).expect("encodable");
        spec.check(&bytes, PayloadFormat::Named, 16).is_ok()
    }

    #[test]
    fn every_spec_allows_its_own_kind_only() {
        use PldSpec as S;
        let map = std::collections::BTreeMap::from([("a", 1)]);
        let bytes = serde_bytes::Bytes::new(b"x");
        let specs =
            [S::Nil, S::Bool, S::Int, S::Float, S::Str, S::Bytes, S::array(S::Any), S::map(S::Any), S::Any];
        let rows = specs.each_ref().map(|spec| {
            let row = [
                allows(spec, ()),
                allows(spec, true),
                allows(spec, -7),
                allows(spec, 0.5),
                allows(spec, "x"),
                allows(spec, bytes),
                allows(spec, [1, 2]),
                allows(spec, &map),
            ];
            row.map(|allowed| if allowed { 'x' } else { '.' }).iter().collect::<String>()
        });
        let want = [
            "x.......", ".x......", "..x.....", "..xx....", "....x...", ".....x..", "......x.", ".......x",
            "xxxxxxxx",
        ];
        assert_eq!(rows, want);
    }

    #[test]
    fn items_and_alternatives_are_checked() {
        let spec = PldSpec::array(PldSpec::Int | PldSpec::map(PldSpec::Nil));
        assert!(allows(&spec, [1, 2]));
        assert!(!allows(&spec, ["x"]));
        assert!(allows(&spec, [std::collections::BTreeMap::from([("a", ())])]));
        assert!(!allows(&spec, [std::collections::BTreeMap::from([("a", 1)])]));
        assert!(allows(&PldSpec::of::<(u8, String)>(), (1, "x")));
        assert!(!allows(&PldSpec::of::<(u8, String)>(), (1, 2)));
        let malformed = spec.check(&[0x92, 1], PayloadFormat::Named, 16);
        assert!(malformed.is_err());
        assert!(PldSpec::Any.check(&[1, 1], PayloadFormat::Named, 16).is_err());
    }
}
