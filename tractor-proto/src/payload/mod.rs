//! Payloads: values of user types as MessagePack.
//!
//! Between actors of one program image structs travel as arrays ([`PayloadFormat::Positional`]), if their types allow
//! it. Between all others they are maps from field name to value ([`PayloadFormat::ByName`], [`PayloadFormat::Base`]).
//! In the formats with names, types with a human-readable form (UUIDs, IP addresses) use it, as serde requires inside
//! of `untagged`, `tag` and `flatten`.

pub mod args;
mod binary;
mod encode;
mod heads;
mod layout;
mod tracked;
pub mod union;

use std::fmt;
use std::io::ErrorKind;

use rmp::Marker;
use rmp_serde::decode::ReadRefReader;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

pub use self::binary::{always_decodes, encode_head_of, share_bytes};
use self::layout::Layout;
use self::tracked::Trail;

/// A type whose values can travel between actors: any owned serde type.
///
/// The rules are serde's for formats in which structs have field names: the reader ignores an unknown field, and a
/// missing field takes its `default` or is an error. Between actors of one program image structs travel without the
/// names, which is faster. Where the reader could then misread a value, the sender adds the names or refuses the value:
///
/// | type or value | what happens |
/// | --- | --- |
/// | `untagged`, `tag` (also with `content`), `flatten`, and any other type that chooses its form while it reads | it travels with names, and so do all values of its endpoint |
/// | a struct, or a variant with named fields, that omits a field (`skip_serializing_if`), or that writes another number of fields than it reads (`skip_serializing` or `skip_deserializing` alone, `alias`) | this value travels with names |
/// | a tuple struct, or a variant without field names, that omits a field | refused: it is a list in every format, and the later fields would take wrong places |
/// | `Some(None)`, `Some(())` | refused: it would be read as `None` |
/// | `Vec<u8>` | binary if it is the whole value, a list of numbers inside of another type; `Bytes` and `ByteBuf` are always binary |
///
/// Two ambiguities of serde itself remain. An `untagged` value is read as the first variant that it fits, and unknown
/// fields do not prevent a fit: put variants with more fields first, or use `deny_unknown_fields` in those with fewer.
/// And a type whose `Serialize` and `Deserialize` disagree may be read as another value. `Check::same` finds both
/// before a value is sent.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot travel between actors",
    label = "not a payload type",
    note = "a payload is owned and serializable: add `#[derive(serde::Serialize, serde::Deserialize)]` to the type, or \
            to those inside of it, and make it `Send` and free of borrowed data"
)]
pub trait Payload: Send + Sized + 'static {
    /// Appends the value. It may nest arrays and maps `depth_max` levels deep.
    #[doc(hidden)]
    fn encode_payload(
        &self,
        format: PayloadFormat,
        depth_max: usize,
        out: &mut Vec<u8>,
    ) -> Result<(), PayloadError>;
    #[doc(hidden)]
    fn decode_payload(bytes: &[u8], format: PayloadFormat, depth_max: usize) -> Result<Self, PayloadError>;
    /// As [`decode_payload`](Self::decode_payload), with few moves of the value. After `None` only that tells what the
    /// bytes are.
    #[doc(hidden)]
    #[inline]
    fn decode_at_once(_bytes: &[u8], _format: PayloadFormat, _depth_max: usize) -> Option<Self> {
        None
    }
    /// Whether its structs may travel without the names of their fields.
    #[doc(hidden)]
    fn is_positional() -> bool;
    /// The type's name in errors.
    #[doc(hidden)]
    fn shown() -> &'static str {
        std::any::type_name::<Self>()
    }
}

// serde's traits are not supertraits: the compiler would report them, twice for every type, instead of our note.
#[diagnostic::do_not_recommend]
impl<T: Serialize + DeserializeOwned + Send + 'static> Payload for T {
    #[inline]
    fn encode_payload(
        &self,
        format: PayloadFormat,
        depth_max: usize,
        out: &mut Vec<u8>,
    ) -> Result<(), PayloadError> {
        encode_whole(self, format, depth_max, Layout::of::<T>, out)
    }

    #[inline]
    fn decode_payload(bytes: &[u8], format: PayloadFormat, depth_max: usize) -> Result<Self, PayloadError> {
        if let Some(read) = binary::read_bare(bytes) {
            return read;
        }
        binary::check_kind::<T>(bytes)?;
        decode(bytes, format, depth_max)
    }

    #[inline]
    fn decode_at_once(bytes: &[u8], format: PayloadFormat, depth_max: usize) -> Option<Self> {
        if format != PayloadFormat::Positional || binary::may_be_bare::<T>() {
            return None;
        }
        binary::check_kind::<T>(bytes).ok()?;
        decode_plain(bytes, depth_max)
    }

    fn is_positional() -> bool {
        Layout::of::<T>().is_positional
    }
}

/// How structs are laid out in payloads on one connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PayloadFormat {
    /// As arrays of field values: between actors of one image. If some struct of a value omits a field
    /// (`skip_serializing_if`), all structs of that value are maps: an array cannot tell which field is missing.
    Positional,
    /// As maps from field name to value: between Rust peers that may have different versions of the types. Types with a
    /// human-readable form (UUIDs, IP addresses) use it.
    ByName,
    /// As `ByName`, for peers of the base protocol: a value of a [`union`](mod@crate::union) does not name its variant.
    Base,
}

/// A value that could not be written as MessagePack, or bytes that are not a value of the wanted type.
// Boxed, so that a `Result` with a value stays small to move.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PayloadError(Box<Wrong>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Wrong {
    problem: String,
    path: String,
}

impl PayloadError {
    /// An error with this text.
    #[cold]
    pub fn new(problem: impl Into<String>) -> Self {
        Self(Box::new(Wrong { problem: problem.into(), path: String::new() }))
    }

    fn at(self, path: String) -> Self {
        if path.is_empty() || self.0.problem == TOO_DEEP {
            return self;
        }
        Self(Box::new(Wrong { problem: format!("at `{path}`: {self}"), path }))
    }

    /// Puts `words` before the text.
    pub fn preceded_by(mut self, words: &str) -> Self {
        self.0.problem = format!("{words}: {self}");
        self
    }

    /// The path to the wrong part of the value, such as `rows[1].weight`; empty for the value as a whole.
    pub fn path(&self) -> &str {
        &self.0.path
    }
}

const TOO_DEEP: &str = "it is nested deeper than `nesting_depth_max` allows";

impl fmt::Display for PayloadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.problem)
    }
}

impl std::error::Error for PayloadError {}

/// Appends a value with the names of its fields, in every format, because the layout of its type is not known.
///
/// # Errors
/// The value's own serializer failed, a reader could misread the value, or it nests arrays and maps more than
/// `depth_max` levels deep; `out` may then end in a partial value.
#[inline]
pub fn encode<T: Serialize + ?Sized>(
    value: &T,
    format: PayloadFormat,
    depth_max: usize,
    out: &mut Vec<u8>,
) -> Result<(), PayloadError> {
    encode_as(value, format, depth_max, Layout::unknown, out)
}

/// As [`encode()`], but a `Vec<u8>` is binary, as in any [`Payload`].
///
/// # Errors
/// As [`encode()`].
pub fn encode_arg<T: Serialize + 'static>(
    value: &T,
    format: PayloadFormat,
    depth_max: usize,
    out: &mut Vec<u8>,
) -> Result<(), PayloadError> {
    encode_whole(value, format, depth_max, Layout::unknown, out)
}

#[inline]
fn encode_whole<T: Serialize + 'static>(
    value: &T,
    format: PayloadFormat,
    depth_max: usize,
    layout: fn() -> &'static Layout,
    out: &mut Vec<u8>,
) -> Result<(), PayloadError> {
    match binary::bare(value) {
        Some(bytes) => encode_as(serde_bytes::Bytes::new(bytes), format, depth_max, layout, out),
        None => encode_as(value, format, depth_max, layout, out),
    }
}

#[inline]
fn encode_as<T: Serialize + ?Sized>(
    value: &T,
    format: PayloadFormat,
    depth_max: usize,
    layout: fn() -> &'static Layout,
    out: &mut Vec<u8>,
) -> Result<(), PayloadError> {
    encode::encode(value, format, depth_max, layout, out)
        .map_err(|error| PayloadError::new(format!("the value cannot be encoded: {error}")))
}

/// Reads a value, which must use all of the bytes.
///
/// # Errors
/// The bytes are not a value of this type, are nested deeper than `depth_max`, or go on after the value.
#[inline]
pub fn decode<T: DeserializeOwned>(
    bytes: &[u8],
    format: PayloadFormat,
    depth_max: usize,
) -> Result<T, PayloadError> {
    if format != PayloadFormat::Positional {
        return decode_tracked(bytes, true, depth_max);
    }
    match decode_plain(bytes, depth_max) {
        Some(value) => Ok(value),
        // The second reading finds the error and its place.
        None => decode_tracked(bytes, false, depth_max),
    }
}

#[inline]
fn decode_plain<T: DeserializeOwned>(bytes: &[u8], depth_max: usize) -> Option<T> {
    let mut de = reader(bytes, depth_max);
    // Few moves of the value, which may be large: no adapters.
    match T::deserialize(&mut de) {
        Ok(value) if is_at_end(&mut de) => Some(value),
        Ok(_) | Err(_) => None,
    }
}

fn decode_tracked<T: DeserializeOwned>(
    bytes: &[u8],
    is_for_people: bool,
    depth_max: usize,
) -> Result<T, PayloadError> {
    let trail = Trail::new(is_for_people);
    let mut de = reader(bytes, depth_max);
    let wrong = match tracked::deserialize(&mut de, &trail) {
        Ok(value) if is_at_end(&mut de) => return Ok(value),
        Ok(_) => PayloadError::new("more bytes follow the value"),
        Err(rmp_serde::decode::Error::DepthLimitExceeded) => PayloadError::new(TOO_DEEP),
        Err(error) => PayloadError::new(error.to_string()),
    };
    Err(wrong.at(trail.shown(bytes)))
}

type Reader<'de> = rmp_serde::Deserializer<ReadRefReader<'de, [u8]>>;

#[inline]
fn reader(bytes: &[u8], depth_max: usize) -> Reader<'_> {
    let mut de = rmp_serde::Deserializer::from_read_ref(bytes);
    // rmp-serde subtracts one per level before it compares with zero: a limit of zero would underflow.
    de.set_max_depth(depth_max.max(1));
    de
}

/// Whether no bytes are left. The deserializer has no method for that, so this tries to read a further value, which
/// must fail at once.
#[inline]
fn is_at_end(de: &mut Reader<'_>) -> bool {
    matches!(
        bool::deserialize(de),
        Err(rmp_serde::decode::Error::InvalidMarkerRead(error)) if error.kind() == ErrorKind::UnexpectedEof
    )
}

/// The MessagePack type of a payload by its first byte: `int`, `map`, and so on.
pub fn kind(bytes: &[u8]) -> &'static str {
    let Some(&first) = bytes.first() else { return "nothing" };
    match Marker::from_u8(first) {
        Marker::Null => "nil",
        Marker::True | Marker::False => "bool",
        Marker::F32 | Marker::F64 => "float",
        Marker::FixStr(_) | Marker::Str8 | Marker::Str16 | Marker::Str32 => "str",
        Marker::Bin8 | Marker::Bin16 | Marker::Bin32 => "bytes",
        Marker::FixArray(_) | Marker::Array16 | Marker::Array32 => "array",
        Marker::FixMap(_) | Marker::Map16 | Marker::Map32 => "map",
        Marker::FixExt1 | Marker::FixExt2 | Marker::FixExt4 | Marker::FixExt8 | Marker::FixExt16 => "ext",
        Marker::Ext8 | Marker::Ext16 | Marker::Ext32 => "ext",
        Marker::Reserved => "malformed",
        _ => "int",
    }
}

/// A payload as short text for error messages, such as `{"x": 1, "y": "two"}`.
pub fn render(bytes: &[u8]) -> String {
    let mut text = String::new();
    let mut rest = bytes;
    render_value(&mut rest, &mut text, 0);
    text
}

/// Characters after which a rendered payload is cut.
const RENDER_CHARS_MAX: usize = 200;
const RENDER_DEPTH_MAX: usize = 6;

fn render_value<'a>(rest: &mut &'a [u8], text: &mut String, depth: usize) {
    use fmt::Write;

    if text.len() > RENDER_CHARS_MAX || depth > RENDER_DEPTH_MAX {
        text.push('…');
        *rest = &[];
        return;
    }
    let Some(&first) = rest.first() else { return text.push('…') };
    match Marker::from_u8(first) {
        Marker::Null => step(rest, text, "nil"),
        Marker::True => step(rest, text, "true"),
        Marker::False => step(rest, text, "false"),
        Marker::FixArray(_) | Marker::Array16 | Marker::Array32 => {
            let Ok(len) = rmp::decode::read_array_len(rest) else { return text.push('…') };
            text.push('[');
            render_items(rest, text, depth, len, false);
            text.push(']');
        }
        Marker::FixMap(_) | Marker::Map16 | Marker::Map32 => {
            let Ok(len) = rmp::decode::read_map_len(rest) else { return text.push('…') };
            text.push('{');
            render_items(rest, text, depth, len, true);
            text.push('}');
        }
        Marker::FixStr(_) | Marker::Str8 | Marker::Str16 | Marker::Str32 => {
            let bytes: &'a [u8] = rest;
            match rmp::decode::read_str_from_slice(bytes) {
                Ok((value, tail)) => {
                    let short: String = value.chars().take(60).collect();
                    let cut = if short.len() < value.len() { "…" } else { "" };
                    _ = write!(text, "{short:?}{cut}"); // writing to a String cannot fail
                    *rest = tail;
                }
                Err(_) => text.push('…'),
            }
        }
        Marker::Bin8 | Marker::Bin16 | Marker::Bin32 => match rmp::decode::read_bin_len(rest) {
            Ok(len) => {
                _ = write!(text, "<{len} bytes>"); // writing to a String cannot fail
                *rest = rest.get(len as usize..).unwrap_or(&[]);
            }
            Err(_) => text.push('…'),
        },
        Marker::F32 | Marker::F64 => match rmp_serde::decode::from_read::<_, f64>(&mut *rest) {
            Ok(value) => _ = write!(text, "{value:?}"), // writing to a String cannot fail
            Err(_) => text.push('…'),
        },
        _ => match rmp::decode::read_int::<i128, _>(rest) {
            Ok(value) => _ = write!(text, "{value}"), // writing to a String cannot fail
            Err(_) => text.push('…'),
        },
    }
}

fn step(rest: &mut &[u8], text: &mut String, name: &str) {
    text.push_str(name);
    *rest = &rest[1..];
}

fn render_items(rest: &mut &[u8], text: &mut String, depth: usize, len: u32, keyed: bool) {
    for index in 0..len {
        if rest.is_empty() || text.len() > RENDER_CHARS_MAX {
            text.push('…');
            *rest = &[];
            return;
        }
        if index > 0 {
            text.push_str(", ");
        }
        render_value(rest, text, depth + 1);
        if keyed {
            text.push_str(": ");
            render_value(rest, text, depth + 1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Point {
        x: i64,
        y: Option<String>,
    }

    #[test]
    fn structs_are_arrays_or_maps_and_both_are_read() {
        let point = Point { x: 1, y: Some("two".into()) };
        for (format, first) in [(PayloadFormat::Positional, 0x92), (PayloadFormat::Base, 0x82)] {
            let mut bytes = Vec::new();
            point.encode_payload(format, 16, &mut bytes).expect("encodable");
            assert_eq!(bytes[0], first);
            assert_eq!(decode::<Point>(&bytes, format, 16).as_ref(), Ok(&point));
            assert_eq!(decode::<Point>(&bytes, PayloadFormat::Positional, 16).as_ref(), Ok(&point));
        }
    }

    #[test]
    fn trailing_bytes_and_deep_nesting_are_refused() {
        let error = decode::<i64>(&[1, 2], PayloadFormat::Positional, 16).expect_err("two values");
        assert!(error.to_string().contains("more bytes follow"), "{error}");
        let deep = [vec![0x91; 40], vec![0xc0]].concat();
        let error = decode::<serde::de::IgnoredAny>(&deep, PayloadFormat::Positional, 16)
            .expect_err("nested too deep");
        assert_eq!(error.to_string(), "it is nested deeper than `nesting_depth_max` allows");
    }

    #[test]
    fn rendering_is_short_and_never_fails() {
        let mut bytes = Vec::new();
        encode(&Point { x: -5, y: Some("two".into()) }, PayloadFormat::Base, 16, &mut bytes)
            .expect("encodable");
        assert_eq!(render(&bytes), r#"{"x": -5, "y": "two"}"#);
        assert_eq!(render(&[0xdd, 0xff, 0xff, 0xff, 0xff]), "[…]");
        assert_eq!(render(&[]), "…");
        for first in 0..=255u8 {
            for second in 0..=255u8 {
                render(&[first, second, 0x91, 0x01]);
            }
        }
        let long = vec![0x01; 100_000];
        let mut bytes = vec![0xdd, 0, 1, 0x86, 0xa0];
        bytes.extend(long);
        assert!(render(&bytes).len() < 2 * RENDER_CHARS_MAX);
    }
}
