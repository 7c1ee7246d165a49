//! Call arguments: a tuple of values here, one map from name to value on the wire.

use std::any::Any;

use super::heads;
use crate::msgpack::{RawMap, skip_value};
use crate::payload::{self, Payload, PayloadError, PayloadFormat};

/// Arguments that do not fit the function they were sent to.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ArgsError {
    /// An argument is missing.
    #[error("missing argument `{name}`; the function takes ({expected})")]
    Missing {
        /// Its name.
        name: &'static str,
        /// All names.
        expected: String,
    },
    /// An argument has no such name.
    #[error("unexpected argument `{name}`; the function takes ({expected})")]
    Unexpected {
        /// The name that was sent.
        name: String,
        /// All names.
        expected: String,
    },
    /// Two arguments have one name.
    #[error("argument `{name}` is given twice")]
    Twice {
        /// The name.
        name: &'static str,
    },
    /// An argument has the wrong type.
    #[error("argument `{name}`: {value} is not of type `{expected}`: {problem}")]
    Type {
        /// Its name.
        name: &'static str,
        /// The value as it was sent.
        value: String,
        /// The type the function takes.
        expected: &'static str,
        /// The error of its decoder.
        problem: PayloadError,
    },
    /// The arguments are not a map.
    #[error("the arguments cannot be read as a map from name to value: {0}")]
    NotAMap(String),
}

/// A tuple of argument values; implemented for tuples of up to twelve payload types.
pub trait ArgTuple: Sized + Send + 'static {
    /// Appends the arguments as a map from `names` to values, nested at most `depth_max` levels deep, the map included.
    ///
    /// # Errors
    /// A value's own serializer failed, or a value is nested too deep.
    fn encode(
        &self,
        names: &[&'static str],
        format: PayloadFormat,
        depth_max: usize,
        out: &mut Vec<u8>,
    ) -> Result<(), PayloadError>;

    /// Reads the arguments from such a map, in any order. A missing argument gets the value that `defaults` returns for
    /// its position, or else is read from nil.
    ///
    /// # Errors
    /// An argument is missing, unknown or of the wrong type.
    fn decode(
        names: &'static [&'static str],
        defaults: Defaults,
        format: PayloadFormat,
        depth_max: usize,
        kwargs: &[u8],
    ) -> Result<Self, ArgsError>;

    /// Whether the structs in these arguments may travel without the names of their fields.
    fn is_positional() -> bool;
}

const NIL: &[u8] = &[0xc0];

/// The value of a missing argument, by its position.
pub type Defaults = fn(usize) -> Option<Box<dyn Any>>;

/// As [`find_spans`], for the usual case: arguments in the order of `names`, as Rust actors write them. `None` for all
/// other input, also for valid input.
#[inline]
fn find_in_order<'a>(
    names: &'static [&'static str],
    depth_max: usize,
    kwargs: &'a [u8],
    found: &mut [Option<&'a [u8]>],
) -> Option<()> {
    const FIXMAP: usize = 0x80;
    const FIXSTR: usize = 0xa0;
    if names.len() > 0xf || usize::from(*kwargs.first()?) != FIXMAP + names.len() {
        return None;
    }
    let mut at = 1;
    for (name, span) in names.iter().zip(found) {
        let (&head, rest) = kwargs.get(at..)?.split_first()?;
        if name.len() > 0x1f || usize::from(head) != FIXSTR + name.len() || !rest.starts_with(name.as_bytes())
        {
            return None;
        }
        let begin = at + 1 + name.len();
        at = skip_value(kwargs, begin, depth_max.checked_sub(1)?).ok()?;
        *span = kwargs.get(begin..at);
    }
    (at == kwargs.len()).then_some(())
}

/// Finds the raw value of each argument, by position.
fn find_spans<'a>(
    names: &'static [&'static str],
    depth_max: usize,
    kwargs: &'a [u8],
    found: &mut [Option<&'a [u8]>],
) -> Result<(), ArgsError> {
    if find_in_order(names, depth_max, kwargs, found).is_some() {
        return Ok(());
    }
    found.fill(None);
    let mut map = RawMap::new(kwargs, depth_max).map_err(|error| ArgsError::NotAMap(error.to_string()))?;
    for entry in &mut map {
        let (key, value) = entry.map_err(|error| ArgsError::NotAMap(error.to_string()))?;
        let Some(at) = names.iter().position(|name| *name == key) else {
            return Err(ArgsError::Unexpected { name: key.to_owned(), expected: names.join(", ") });
        };
        if std::mem::replace(&mut found[at], kwargs.get(value)).is_some() {
            return Err(ArgsError::Twice { name: names[at] });
        }
    }
    if map.offset() != kwargs.len() {
        return Err(ArgsError::NotAMap("more bytes follow the map".to_owned()));
    }
    Ok(())
}

fn decode_one<T: Payload>(
    names: &'static [&'static str],
    defaults: Defaults,
    at: usize,
    format: PayloadFormat,
    depth_max: usize,
    span: Option<&[u8]>,
) -> Result<T, ArgsError> {
    let name = names[at];
    if let Some(value) = span {
        return T::decode_payload(value, format, depth_max).map_err(|problem| ArgsError::Type {
            name,
            value: payload::render(value),
            expected: std::any::type_name::<T>(),
            problem,
        });
    }
    match defaults(at).and_then(|value| value.downcast().ok()) {
        Some(value) => Ok(*value),
        None => T::decode_payload(NIL, format, depth_max)
            .map_err(|_| ArgsError::Missing { name, expected: names.join(", ") }),
    }
}

fn encode_one<T: Payload>(
    name: &str,
    value: &T,
    format: PayloadFormat,
    depth_max: usize,
    out: &mut Vec<u8>,
) -> Result<(), PayloadError> {
    heads::write_text(out, name);
    value
        .encode_payload(format, depth_max.saturating_sub(1), out)
        .map_err(|problem| PayloadError::new(format!("argument `{name}`: {problem}")))
}

/// [`Defaults`] for arguments without defaults.
pub fn no_defaults(_position: usize) -> Option<Box<dyn Any>> {
    None
}

macro_rules! arg_tuples {
    ($($count:literal: ($($index:tt $ty:ident),*);)*) => {$(
        impl<$($ty: Payload),*> ArgTuple for ($($ty,)*) {
            #[allow(unused_variables, reason = "the empty tuple encodes nothing")]
            fn encode(
                &self,
                names: &[&'static str],
                format: PayloadFormat,
                depth_max: usize,
                out: &mut Vec<u8>,
            ) -> Result<(), PayloadError> {
                debug_assert_eq!(names.len(), $count);
                heads::write_len(out, $count, true)?;
                $(encode_one(names[$index], &self.$index, format, depth_max, out)?;)*
                Ok(())
            }

            #[allow(unused_variables, reason = "the empty tuple decodes nothing")]
            fn decode(
                names: &'static [&'static str],
                defaults: Defaults,
                format: PayloadFormat,
                depth_max: usize,
                kwargs: &[u8],
            ) -> Result<Self, ArgsError> {
                let mut spans: [Option<&[u8]>; $count] = [None; $count];
                find_spans(names, depth_max, kwargs, &mut spans)?;
                Ok(($(decode_one::<$ty>(names, defaults, $index, format, depth_max, spans[$index])?,)*))
            }

            fn is_positional() -> bool {
                true $(&& $ty::is_positional())*
            }
        }
    )*};
}

arg_tuples! {
    0: ();
    1: (0 A);
    2: (0 A, 1 B);
    3: (0 A, 1 B, 2 C);
    4: (0 A, 1 B, 2 C, 3 D);
    5: (0 A, 1 B, 2 C, 3 D, 4 E);
    6: (0 A, 1 B, 2 C, 3 D, 4 E, 5 F);
    7: (0 A, 1 B, 2 C, 3 D, 4 E, 5 F, 6 G);
    8: (0 A, 1 B, 2 C, 3 D, 4 E, 5 F, 6 G, 7 H);
    9: (0 A, 1 B, 2 C, 3 D, 4 E, 5 F, 6 G, 7 H, 8 I);
    10: (0 A, 1 B, 2 C, 3 D, 4 E, 5 F, 6 G, 7 H, 8 I, 9 J);
    11: (0 A, 1 B, 2 C, 3 D, 4 E, 5 F, 6 G, 7 H, 8 I, 9 J, 10 K);
    12: (0 A, 1 B, 2 C, 3 D, 4 E, 5 F, 6 G, 7 H, 8 I, 9 J, 10 K, 11 L);
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAMES: &[&str] = &["a", "b", "note"];
    type Args = (i64, String, Option<u8>);

    fn decode(bytes: &[u8]) -> Result<Args, ArgsError> {
        <Args as ArgTuple>::decode(NAMES, no_defaults, PayloadFormat::Positional, 16, bytes)
    }

    fn map(entries: &[(&str, &[u8])]) -> Vec<u8> {
        let mut out = Vec::new();
        rmp::encode::write_map_len(&mut out, entries.len() as u32).expect("writing to a Vec cannot fail");
        for (key, value) in entries {
            rmp::encode::write_str(&mut out, key).expect("writing to a Vec cannot fail");
            out.extend(*value);
        }
        out
    }

    #[test]
    fn arguments_round_trip() {
        let args: Args = (7, "x".into(), Some(3));
        let mut out = Vec::new();
        args.encode(NAMES, PayloadFormat::Positional, 16, &mut out).expect("encodable");
        assert_eq!(decode(&out), Ok(args));
    }

    #[test]
    fn order_is_free_and_optional_arguments_may_be_missing() {
        assert_eq!(decode(&map(&[("b", &[0xa1, b'x']), ("a", &[7])])), Ok((7, "x".into(), None)));
    }

    #[test]
    fn a_default_stands_in_for_a_missing_argument_only() {
        let defaults: Defaults = |position| match position {
            1 => Some(Box::new("y".to_owned())),
            _ => None,
        };
        let decode = |bytes: &[u8]| Args::decode(NAMES, defaults, PayloadFormat::Positional, 16, bytes);
        assert_eq!(decode(&map(&[("a", &[7])])), Ok((7, "y".into(), None)));
        assert_eq!(decode(&map(&[("a", &[7]), ("b", &[0xa1, b'x'])])), Ok((7, "x".into(), None)));
        assert!(decode(&map(&[("a", &[7]), ("b", &[0xc0])])).is_err());
        assert!(decode(&map(&[])).is_err());
    }

    #[test]
    fn errors_name_the_argument() {
        let text = |bytes: &[u8]| decode(bytes).expect_err("does not fit").to_string();
        assert_eq!(text(&map(&[("a", &[7])])), "missing argument `b`; the function takes (a, b, note)");
        assert_eq!(
            text(&map(&[("a", &[7]), ("c", &[1])])),
            "unexpected argument `c`; the function takes (a, b, note)"
        );
        assert_eq!(text(&map(&[("a", &[7]), ("a", &[7])])), "argument `a` is given twice");
        let wrong = text(&map(&[("a", &[0xa1, b'x'])]));
        assert!(wrong.starts_with("argument `a`: \"x\" is not of type `i64`"), "{wrong}");
        assert!(text(&[0x01]).starts_with("the arguments cannot be read"));
    }
}
