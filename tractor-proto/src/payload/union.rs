//! Payloads of one of several types, as `#[context(pld_spec = A | B)]` declares them.
//!
//! Between Rust peers a value travels with the name of its variant, as a map of one entry. In the base protocol
//! ([`PayloadFormat::Base`]) a value travels bare; variants differ by their kind or by the field `type`, as in the
//! Python library for `int | str | None` and for tagged structs. There a map whose `type` names a variant is read as
//! that variant. Any other value is read as the first variant, in the order of the declaration, that accepts it.

use std::fmt::{self, Debug, Formatter, Write};

use super::{PayloadError, PayloadFormat, TOO_DEEP};
use crate::msgpack::RawMap;

/// The variants of the union `U` in the order of the declaration: their names, and how each is read.
pub type Variants<U> = [(&'static str, fn(&[u8], PayloadFormat, usize) -> Result<U, PayloadError>)];

/// Begins a value of the variant `name`, which may nest arrays and maps `depth_max` levels deep. The caller appends the
/// value inside next, within the returned depth.
///
/// # Errors
/// No depth is left.
pub fn begin(
    name: &str,
    format: PayloadFormat,
    depth_max: usize,
    out: &mut Vec<u8>,
) -> Result<usize, PayloadError> {
    if format == PayloadFormat::Base {
        return Ok(depth_max);
    }
    let inner_max = depth_max.checked_sub(1).ok_or_else(|| PayloadError::new(TOO_DEEP))?;
    out.push(MAP_OF_ONE);
    rmp::encode::write_str(out, name).expect("writing to a Vec cannot fail");
    Ok(inner_max)
}

/// Prints a variant with its value, as derived `Debug` does.
///
/// # Errors
/// Those of the formatter.
pub fn debug(name: &str, value: &dyn Debug, f: &mut Formatter<'_>) -> fmt::Result {
    f.debug_tuple(name).field(value).finish()
}

/// Reads a value of a union.
///
/// # Errors
/// The variant is unknown, or its value does not fit.
pub fn decode<U>(
    variants: &Variants<U>,
    bytes: &[u8],
    format: PayloadFormat,
    depth_max: usize,
) -> Result<U, PayloadError> {
    let read_as = |name| variants.iter().find(|(variant, _)| *variant == name).map(|(_, read)| read);
    if format == PayloadFormat::Base {
        return match tag(bytes, depth_max).and_then(read_as) {
            Some(read) => read(bytes, format, depth_max),
            None => first_fit(variants, bytes, format, depth_max),
        };
    }
    let (name, inner) = split(bytes).ok_or_else(|| {
        PayloadError::new(format!("expected a map from one of {} to its value", names(variants)))
    })?;
    let read = read_as(name)
        .ok_or_else(|| PayloadError::new(format!("`{name}` is not one of {}", names(variants))))?;
    read(inner, format, depth_max.saturating_sub(1))
}

/// Reads the bytes as the first variant that accepts them.
fn first_fit<U>(
    variants: &Variants<U>,
    bytes: &[u8],
    format: PayloadFormat,
    depth_max: usize,
) -> Result<U, PayloadError> {
    let mut problems = format!("it is not one of {}", names(variants));
    for (name, read) in variants {
        match read(bytes, format, depth_max) {
            Ok(value) => return Ok(value),
            Err(problem) => {
                write!(problems, "; no {name}: {problem}").expect("writing to a String cannot fail")
            }
        }
    }
    Err(PayloadError::new(problems))
}

/// The only key of a map, and the bytes of its value.
fn split(bytes: &[u8]) -> Option<(&str, &[u8])> {
    rmp::decode::read_str_from_slice(bytes.strip_prefix(&[MAP_OF_ONE])?).ok()
}

/// The text under the key `type`, if the bytes are a map that has one.
fn tag(bytes: &[u8], depth_max: usize) -> Option<&str> {
    let mut entries = RawMap::new(bytes, depth_max).ok()?.map_while(Result::ok);
    let (_, value) = entries.find(|(key, _)| *key == "type")?;
    rmp::decode::read_str_from_slice(bytes.get(value)?).ok().map(|(tag, _)| tag)
}

fn names<U>(variants: &Variants<U>) -> String {
    let names: Vec<_> = variants.iter().map(|(name, _)| *name).collect();
    format!("`{}`", names.join("`, `"))
}

macro_rules! conditions {
    ($($(#[$attr:meta])* $name:ident: $bound:ident;)*) => {$(
        $(#[$attr])*
        pub trait $name<'a>: $bound {}

        impl<T: $bound> $name<'_> for T {}
    )*};
}

// rustc refuses a false condition on a concrete type, unless the condition has a `for<'a>`. With it, a union implements
// the trait exactly if all of its types do.
conditions! {
    /// `T: Clone`, as the condition of an impl.
    CloneIf: Clone;
    /// `T: Debug`, as the condition of an impl.
    DebugIf: Debug;
    /// `T: PartialEq`, as the condition of an impl.
    PartialEqIf: PartialEq;
}

const MAP_OF_ONE: u8 = 0x81;

#[cfg(test)]
mod tests {
    use serde::{Deserialize, Serialize};

    use super::*;
    use crate::payload::Payload;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Dot {
        x: i64,
    }

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Spot {
        x: i64,
    }

    #[derive(Debug, PartialEq)]
    enum Any {
        Dot(Dot),
        Spot(Spot),
        Number(i64),
        None,
    }

    macro_rules! from {
        ($($ty:ty: $value:pat => $any:expr;)*) => {$(
            impl From<$ty> for Any {
                fn from($value: $ty) -> Self {
                    $any
                }
            }
        )*};
    }

    from! {
        Dot: dot => Self::Dot(dot);
        Spot: spot => Self::Spot(spot);
        i64: number => Self::Number(number);
        (): () => Self::None;
    }

    fn read<T: Payload>(bytes: &[u8], format: PayloadFormat, depth_max: usize) -> Result<Any, PayloadError>
    where
        Any: From<T>,
    {
        T::decode_payload(bytes, format, depth_max).map(Any::from)
    }

    const VARIANTS: &Variants<Any> =
        &[("Dot", read::<Dot>), ("Spot", read::<Spot>), ("Number", read::<i64>), ("None", read::<()>)];

    fn encoded(value: &Any, format: PayloadFormat) -> Vec<u8> {
        let mut out = Vec::new();
        let name = match value {
            Any::Dot(_) => "Dot",
            Any::Spot(_) => "Spot",
            Any::Number(_) => "Number",
            Any::None => "None",
        };
        let depth_max = begin(name, format, 16, &mut out).expect("there is depth for it");
        let encoded = match value {
            Any::Dot(dot) => dot.encode_payload(format, depth_max, &mut out),
            Any::Spot(spot) => spot.encode_payload(format, depth_max, &mut out),
            Any::Number(number) => number.encode_payload(format, depth_max, &mut out),
            Any::None => ().encode_payload(format, depth_max, &mut out),
        };
        encoded.expect("encodable");
        out
    }

    #[test]
    fn rust_peers_are_told_the_variant() {
        for value in [Any::Dot(Dot { x: 1 }), Any::Spot(Spot { x: 1 }), Any::Number(7), Any::None] {
            let bytes = encoded(&value, PayloadFormat::Positional);
            assert_eq!(decode(VARIANTS, &bytes, PayloadFormat::Positional, 16), Ok(value));
        }
        assert_eq!(encoded(&Any::Number(7), PayloadFormat::Positional), b"\x81\xa6Number\x07");
    }

    #[test]
    fn the_base_protocol_has_bare_values() {
        for (value, bytes) in
            [(Any::Dot(Dot { x: 1 }), &b"\x81\xa1x\x01"[..]), (Any::Number(7), b"\x07"), (Any::None, b"\xc0")]
        {
            assert_eq!(encoded(&value, PayloadFormat::Base), bytes);
            assert_eq!(decode(VARIANTS, bytes, PayloadFormat::Base, 16), Ok(value));
        }
        // The kind does not say which of the two it is; the field `type` does.
        assert_eq!(encoded(&Any::Spot(Spot { x: 1 }), PayloadFormat::Base), b"\x81\xa1x\x01");
        let tagged = b"\x82\xa4type\xa4Spot\xa1x\x01";
        assert_eq!(decode(VARIANTS, tagged, PayloadFormat::Base, 16), Ok(Any::Spot(Spot { x: 1 })));
    }

    #[test]
    fn errors_name_the_argument() {
        let text =
            |bytes: &[u8], format| decode(VARIANTS, bytes, format, 16).expect_err("no value").to_string();
        let positional = |bytes| text(bytes, PayloadFormat::Positional);
        assert_eq!(positional(b"\x81\xa4Line\x01"), "`Line` is not one of `Dot`, `Spot`, `Number`, `None`");
        for bytes in [&b"\x07"[..], b"\x80", b"\x82\xa1a\x01\xa1b\x02", b"\x81\x01\x01", b"\x81", b""] {
            let text = positional(bytes);
            assert_eq!(text, "expected a map from one of `Dot`, `Spot`, `Number`, `None` to its value");
        }
        assert!(positional(b"\x81\xa6Number\x07\x07").contains("more bytes follow"));
        let named = text(b"\xa1x", PayloadFormat::Base);
        assert!(named.starts_with("it is not one of `Dot`, `Spot`, `Number`, `None`; no Dot: "), "{named}");
    }
}
