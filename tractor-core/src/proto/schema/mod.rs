//! What an endpoint's types look like on the wire, whether two versions of them fit together, and a fingerprint to ask that
//! in eight bytes.
//!
//! A [`Schema`] is found by asking the types' own `Deserialize` implementations what they read; nothing is to be derived or
//! annotated. Its [`Display`](std::fmt::Display) form is canonical: equal texts without `any` mean that every value means the same
//! to both sides, however structs are laid out. The [`Fingerprint`] is a hash of that text.
//!
//! ```text
//! actor_fn
//! args {point:{x:i64,y:i64,label?:?str},by:f64}
//! returns <Ok(i64)|Err(str)>
//! ```
//!
//! # How it is used
//! A request between Rust peers carries the fingerprint of the caller's types. Where it is the callee's own as well, structs
//! travel without the names of their fields; with them if there is an `any`. Where it is not, the callee answers with its schema *before it decodes anything*, and the caller
//! compares:
//!
//! * The types fit by the rules below: the request is sent once more, naming the callee's fingerprint, and structs travel by
//!   field name in this dialog. Later requests for the endpoint on this connection do so at once.
//! * They do not fit: the call fails with the differences, and the endpoint has not run.
//!
//! Peers of the base protocol, and calls by name, carry no fingerprint; their values go by name, and are checked as they are
//! decoded.
//!
//! # Evolution rules
//! Each value has a writer and a reader: arguments and the values streamed to the endpoint are written by the caller; the
//! first value, the values streamed by the endpoint, and the result by the endpoint.
//!
//! | change | fits |
//! | --- | --- |
//! | arguments or fields in another order | yes, they go by name |
//! | a new argument whose type takes nil (`Option`), or with `#[tractor(default)]` | yes, older callers leave it out |
//! | a new argument otherwise | no |
//! | an argument taken away, while callers still send it | no: an endpoint refuses arguments that it does not know |
//! | a field that only the reader has, `Option` or `#[serde(default)]` | yes |
//! | a field that only the reader has, otherwise | no |
//! | a field that only the writer has | yes, it is skipped; no with `#[serde(deny_unknown_fields)]` |
//! | a renamed field, argument or variant | no: it is one taken away and one new; `#[serde(rename)]` keeps the old name |
//! | another name of a type, a newtype around it | yes, not even the fingerprint changes |
//! | a new variant of an enum, a new type of a union | where the reader has it; no where the writer has it alone |
//! | `T` becomes `Option<T>` | where the reader has the `Option` |
//! | integers | where every value of the writer's type is one of the reader's: `u8` to `i16`, never `i64` to `u64` |
//! | integers of up to 32 bits to `f64`, up to 16 bits to `f32`, `f32` to `f64`, `char` to `str` | yes |
//! | another length of a tuple or array, any other change of a type | no |
//! | the kind of endpoint | no |
//!
//! # What cannot be seen
//! * Types that decide as they go what they read (`#[serde(untagged)]`, `#[serde(tag = "..")]`, `#[serde(flatten)]`,
//!   `serde_json::Value`) are `any`. A reader that is `any` takes everything; a writer that is `any` fits only such a reader.
//!   Since two versions of them have one fingerprint, all values of the endpoint go by name: fields may change as above, and what
//!   does not fit is found by decoding. `any` is also what comes after [`SCHEMA_NODES_MAX`] types, or deeper than [`SCHEMA_DEPTH_MAX`].
//! * What a type *writes* is taken to be what it reads. A field that is left out while writing (`skip_serializing_if`), and is
//!   neither an `Option` nor has a default, is found only by decoding.
//! * `#[serde(alias)]` looks like a second field, and an enum with `#[serde(other)]` like one without: a writer with more
//!   variants is refused.
//!
//! Whatever slips through ends as a `MsgTypeError`, or as an error about the arguments, where the value is decoded.
//!
//! # Invariants
//! 1. No text from a peer makes [`Schema::parse`] or [`Schema::compare`] panic, recurse without bound or allocate more than a
//!    small factor of [`SCHEMA_BYTES_MAX`].
//! 2. Two schemas have no [`Difference`] exactly when their texts, hence their fingerprints, are equal.
//! 3. Finding a schema never fails: a `Deserialize` that panics or breaks the rules is `any`.
//!
//! [`SCHEMA_NODES_MAX`]: crate::proto::limits::SCHEMA_NODES_MAX
//! [`SCHEMA_DEPTH_MAX`]: crate::proto::limits::SCHEMA_DEPTH_MAX
//! [`SCHEMA_BYTES_MAX`]: crate::proto::limits::SCHEMA_BYTES_MAX

mod compare;
mod text;
mod trace;
mod walk;

use std::fmt;

pub use compare::Difference;
use serde::de::DeserializeOwned;
pub use text::SchemaTextError;

use super::msg::FuncType;

/// The form of one type on the wire.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Shape {
    /// Anything: the type decides as it reads.
    Any,
    /// A type without parts, by its name in the canonical text.
    Leaf(Leaf),
    /// A value or nil.
    Option(Box<Self>),
    /// Any number of values of one type.
    Seq(Box<Self>),
    /// Keys and values.
    Map(Box<Self>, Box<Self>),
    /// A fixed number of values.
    Tuple(Vec<Self>),
    /// Named values.
    Struct {
        fields: Vec<Field>,
        /// Whether other names than these are refused.
        closed: bool,
    },
    /// One of several.
    Enum(Vec<Variant>),
    /// The type that many levels further out again: 0 is the innermost type around this place.
    Back(usize),
}

impl Shape {
    /// Whether nothing in it is [`Any`](Self::Any).
    fn is_known(&self) -> bool {
        match self {
            Self::Any => false,
            Self::Leaf(_) | Self::Back(_) => true,
            Self::Option(shape) | Self::Seq(shape) => shape.is_known(),
            Self::Map(key, value) => key.is_known() && value.is_known(),
            Self::Tuple(shapes) => shapes.iter().all(Self::is_known),
            Self::Struct { fields, .. } => fields.iter().all(|field| field.shape.is_known()),
            Self::Enum(variants) => {
                variants.iter().filter_map(|variant| variant.content.as_ref()).all(Self::is_known)
            }
        }
    }
}

/// A type without parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Leaf {
    Nil,
    /// A struct without fields: an empty array.
    Unit,
    Bool,
    I8,
    I16,
    I32,
    I64,
    I128,
    U8,
    U16,
    U32,
    U64,
    U128,
    F32,
    F64,
    Char,
    Str,
    Bytes,
}

impl Leaf {
    /// Every leaf with its name.
    const NAMES: [(Self, &'static str); 18] = [
        (Self::Nil, "nil"),
        (Self::Unit, "unit"),
        (Self::Bool, "bool"),
        (Self::I8, "i8"),
        (Self::I16, "i16"),
        (Self::I32, "i32"),
        (Self::I64, "i64"),
        (Self::I128, "i128"),
        (Self::U8, "u8"),
        (Self::U16, "u16"),
        (Self::U32, "u32"),
        (Self::U64, "u64"),
        (Self::U128, "u128"),
        (Self::F32, "f32"),
        (Self::F64, "f64"),
        (Self::Char, "char"),
        (Self::Str, "str"),
        (Self::Bytes, "bytes"),
    ];

    fn name(self) -> &'static str {
        Self::NAMES.iter().find(|(leaf, _)| *leaf == self).map_or("any", |(_, name)| name)
    }
}

/// A named value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Field {
    pub(crate) name: String,
    /// Whether a reader does without it.
    pub(crate) optional: bool,
    pub(crate) shape: Shape,
}

/// One of the forms of an enum.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Variant {
    name: String,
    /// `None` for a bare name.
    content: Option<Shape>,
}

/// The form of one payload type on the wire; its text is the canonical one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TypeShape(pub(crate) Shape);

impl TypeShape {
    /// The form of `T`.
    pub fn of<T: DeserializeOwned>() -> Self {
        Self(trace::trace::<T>())
    }

    /// One of several types, each told by the name of its variant.
    pub fn of_union(variants: &[&str], shapes: Vec<Self>) -> Self {
        let variant =
            |(name, shape): (&&str, Self)| Variant { name: (*name).to_owned(), content: Some(shape.0) };
        Self(Shape::Enum(variants.iter().zip(shapes).map(variant).collect()))
    }

    /// Whether every part of it is known: values of other types go by name. See [what cannot be
    /// seen](self#what-cannot-be-seen).
    pub fn is_known(&self) -> bool {
        self.0.is_known()
    }

    /// Arguments, each with whether it may be missing.
    pub(crate) fn of_args(args: Vec<(&'static str, bool, Self)>) -> Self {
        let fields = args.into_iter().map(|(name, optional, shape)| Field {
            name: name.to_owned(),
            optional,
            shape: shape.0,
        });
        Self(Shape::Struct { fields: fields.collect(), closed: true })
    }
}

/// The types of one endpoint as they appear on the wire. See the [module docs](self).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schema {
    kind: FuncType,
    /// A struct: arguments are a map in every format.
    args: Shape,
    /// What else travels, in the order of [`Part`].
    parts: Vec<(Part, Shape)>,
    /// Whether nothing in it is `any`.
    known: bool,
    fingerprint: Fingerprint,
}

/// What the payloads of a dialog are for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// First value of a context.
    Started,
    /// Streamed by the endpoint.
    Sends,
    /// Streamed to the endpoint.
    Receives,
    /// Final value.
    Returns,
}

impl Part {
    const ALL: [Self; 4] = [Self::Started, Self::Sends, Self::Receives, Self::Returns];

    fn name(self) -> &'static str {
        match self {
            Self::Started => "started",
            Self::Sends => "sends",
            Self::Receives => "receives",
            Self::Returns => "returns",
        }
    }

    /// For people.
    fn described(self) -> &'static str {
        match self {
            Self::Started => "the started value",
            Self::Sends => "values streamed by the endpoint",
            Self::Receives => "values streamed to the endpoint",
            Self::Returns => "the result",
        }
    }
}

impl Schema {
    /// The types of an endpoint of this kind: its arguments, and what else travels, in the order of [`Part`].
    pub fn new(kind: FuncType, args: TypeShape, parts: Vec<(Part, TypeShape)>) -> Self {
        let parts = parts.into_iter().map(|(part, shape)| (part, shape.0)).collect();
        Self::fingerprinted(kind, args.0, parts)
    }

    fn fingerprinted(kind: FuncType, args: Shape, parts: Vec<(Part, Shape)>) -> Self {
        let known = args.is_known() && parts.iter().all(|(_, shape)| shape.is_known());
        let mut schema = Self { kind, args, parts, known, fingerprint: Fingerprint([0; Fingerprint::BYTES]) };
        let hash = blake2s_simd::blake2s(schema.to_string().as_bytes());
        schema.fingerprint.0.copy_from_slice(&hash.as_bytes()[..Fingerprint::BYTES]);
        schema
    }

    fn part(&self, part: Part) -> Option<&Shape> {
        self.parts.iter().find(|(own, _)| *own == part).map(|(_, shape)| shape)
    }

    /// Whether every type in it is known, so that equal fingerprints mean equal fields in equal places.
    pub fn is_known(&self) -> bool {
        self.known
    }

    /// A hash of the canonical text.
    pub fn fingerprint(&self) -> Fingerprint {
        self.fingerprint
    }

    /// Where an endpoint of this schema and a caller with `caller` differ; empty when they do not at all.
    pub fn compare(&self, caller: &Self) -> Vec<Difference> {
        compare::compare(self, caller)
    }
}

/// What a request says of its caller's types.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Types {
    /// Nothing.
    #[default]
    Unsaid,
    /// They have this fingerprint.
    Own(Fingerprint),
    /// They are others, and fit those of the endpoint, which have this fingerprint.
    Fit(Fingerprint),
}

/// Stands for a [`Schema`]: equal fingerprints mean equal types on the wire.
///
/// The first eight bytes of the blake2s hash of the schema's canonical text. It guards against mistakes, not against an
/// attacker who makes up types.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fingerprint([u8; Self::BYTES]);

impl Fingerprint {
    /// Its size on the wire.
    pub const BYTES: usize = 8;

    /// A fingerprint as it travels.
    pub const fn from_bytes(bytes: [u8; Self::BYTES]) -> Self {
        Self(bytes)
    }

    /// As it travels.
    pub const fn as_bytes(&self) -> &[u8; Self::BYTES] {
        &self.0
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
