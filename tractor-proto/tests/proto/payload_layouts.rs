//! One table of serde's attributes and their effect on a value that travels, without field names and with them: its
//! form, or the refusal.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::marker::PhantomData;
use std::net::{IpAddr, Ipv4Addr};

use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_bytes::ByteBuf;
use tractor_proto::payload::{Payload, PayloadFormat, decode};

const DEPTH: usize = 64;

/// The expected result for a value.
enum Want<T> {
    /// Its type has no field names and travels alike in every mode.
    Alike,
    /// It travels without names between actors of one image.
    Short,
    /// It travels with names, although other values of its type do not.
    Named,
    /// All values of its type travel with names.
    TypeNamed,
    /// The same, and by serde's own rules it is read as this value.
    Read(T),
    /// The sender refuses it.
    Refused(&'static str),
    /// The reader refuses it, as in any format.
    Unread(&'static str),
}
use Want::{Alike, Named, Read, Refused, Short, TypeNamed, Unread};

fn encoded<T: Payload>(value: &T, format: PayloadFormat) -> Result<Vec<u8>, String> {
    // Bytes before the value stay.
    let mut out = b"before".to_vec();
    value.encode_payload(format, 64, &mut out).map_err(|error| error.to_string())?;
    Ok(out.strip_prefix(b"before").unwrap().to_vec())
}

#[track_caller]
fn row<T: Payload + DeserializeOwned + PartialEq + Debug>(value: T, want: Want<T>) {
    use PayloadFormat::{Base, ByName, Positional};
    let positional = T::is_positional();
    let formats = [ByName, Base].into_iter().chain(positional.then_some(Positional));
    for format in formats.clone() {
        let bytes = match (encoded(&value, format), &want) {
            (Err(error), Refused(words)) => {
                assert!(error.contains(words), "{format:?}: {error}");
                continue;
            }
            (Ok(bytes), Refused(_)) => panic!("{format:?}: {bytes:02x?}"),
            (bytes, _) => bytes.unwrap(),
        };
        let read = decode::<T>(&bytes, format, DEPTH);
        match &want {
            Unread(words) => {
                let error = read.expect_err("the bytes do not fit the type").to_string();
                assert!(error.contains(words), "{format:?}: {error}");
            }
            Read(other) => assert_eq!(read.as_ref(), Ok(other), "{format:?} {bytes:02x?}"),
            _ => assert_eq!(read.as_ref(), Ok(&value), "{format:?} {bytes:02x?}"),
        }
    }
    let by_name = || encoded(&value, ByName).unwrap();
    match want {
        Alike => assert_eq!((positional, encoded(&value, Positional).unwrap()), (true, by_name())),
        Short => {
            assert!(positional);
            assert_ne!(encoded(&value, Positional).unwrap(), by_name());
        }
        Named => assert_eq!((positional, encoded(&value, Positional).unwrap()), (true, by_name())),
        TypeNamed => assert!(!positional),
        Read(_) | Refused(_) | Unread(_) => {}
    }
}

/// Types with everything that the table needs.
macro_rules! types {
    ($($(#[$attr:meta])* $kind:ident $name:ident $body:tt)*) => {$(
        types! { @one [#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)] $(#[$attr])*] $kind $name $body }
    )*};
    (@one [$($attr:tt)*] $kind:ident $name:ident ($($field:tt)*)) => {
        $($attr)* $kind $name ($($field)*);
    };
    (@one [$($attr:tt)*] $kind:ident $name:ident {$($field:tt)*}) => {
        $($attr)* $kind $name {$($field)*}
    };
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Generic<T> {
    inner: T,
}

types! {
    struct Point { x: i64, y: i64 }
    struct Tuple (i64, Point)
    struct Newtype (Option<u8>)
    struct Unit {}
    enum Kinds { Bare, New(Point), Pair(i64, i64), Fields { a: i64, b: Point }, Empty() }
    struct Skipped { #[serde(skip)] cache: u8, kept: u8 }
    struct SkippedIf {
        #[serde(default, skip_serializing_if = "Option::is_none")] a: Option<u8>,
        #[serde(default)] b: Option<u8>,
    }
    struct SkippedIfUndefaulted { #[serde(skip_serializing_if = "Option::is_none")] a: Option<u8>, b: Option<u8> }
    struct NotWritten { #[serde(skip_serializing, default)] a: u8, #[serde(default)] b: u8 }
    struct NotWrittenNorDefaulted { #[serde(skip_serializing)] a: u8, b: u8 }
    struct NotRead { #[serde(skip_deserializing)] a: u8, #[serde(default)] b: u8 }
    struct SkippedInTuple (
        #[serde(default, skip_serializing_if = "Option::is_none")] Option<u8>,
        #[serde(default)] Option<u8>,
    )
    struct SkipInTuple (#[serde(skip)] u8, u8, u8)
    enum SkippedInVariants {
        Fields {
            #[serde(default, skip_serializing_if = "Option::is_none")] a: Option<u8>,
            #[serde(default)] b: Option<u8>,
        },
        Pair(
            #[serde(default, skip_serializing_if = "Option::is_none")] Option<u8>,
            #[serde(default)] Option<u8>,
        ),
    }
    #[serde(default)]
    struct Defaulted { a: u8, b: Option<u8> }
    struct Aliased { #[serde(alias = "old")] new: u8, b: u8 }
    #[serde(rename_all = "SCREAMING-KEBAB-CASE")]
    struct Renamed { some_field: u8, #[serde(rename = "it is")] other: u8 }
    #[serde(rename(serialize = "Out", deserialize = "In"))]
    struct TwoNames { a: u8 }
    struct TwoFieldNames { #[serde(rename(serialize = "out", deserialize = "in"))] a: u8 }
    struct Flat { id: u8, #[serde(flatten)] point: Point, #[serde(flatten)] rest: BTreeMap<String, u8> }
    #[serde(tag = "kind")]
    enum Tagged { Bare, Point(Point), Fields { a: Option<u8> } }
    #[serde(tag = "kind")]
    struct TaggedStruct { a: u8 }
    #[serde(tag = "t", content = "c")]
    enum Adjacent { Bare, Pair(u8, String), Fields { a: Kinds } }
    #[serde(untagged)]
    enum Untagged { Number(i64), Point(Point), Text(String) }
    struct One { x: i64 }
    #[serde(untagged)]
    enum FirstFit { One(One), Two(Point) }
    struct Bytes { #[serde(with = "serde_bytes")] bytes: Vec<u8>, buf: ByteBuf }
    struct Doubled { #[serde(with = "halved")] a: u8, b: u8 }
    struct List { value: u8, next: Option<Box<Self>> }
    enum Tree { Leaf(u8), Node(Vec<Self>) }
    struct Address { ip: IpAddr, id: Uuid }
    struct FlatAddress { #[serde(flatten)] address: Address }
    #[serde(tag = "kind")]
    enum TaggedAddress { At { ip: IpAddr, id: Uuid }, Of(Address) }
    #[serde(untagged)]
    enum UntaggedAddress { Ip(IpAddr), Id(Uuid), Both(Address) }
    #[serde(try_from = "u8", into = "u8")]
    struct Small (u8)
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct BareUnit;

impl Default for Defaulted {
    fn default() -> Self {
        Self { a: 7, b: Some(8) }
    }
}

impl From<Small> for u8 {
    fn from(small: Small) -> Self {
        small.0
    }
}

impl TryFrom<u8> for Small {
    type Error = &'static str;

    fn try_from(value: u8) -> Result<Self, &'static str> {
        if value < 10 { Ok(Self(value)) } else { Err("it is not small") }
    }
}

/// Serialized as a UUID is: as text in human-readable formats, otherwise as bytes.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Uuid(u128);

impl Serialize for Uuid {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match serializer.is_human_readable() {
            true => serializer.collect_str(&format_args!("{:032x}", self.0)),
            false => serializer.serialize_bytes(&self.0.to_be_bytes()),
        }
    }
}

impl<'de> Deserialize<'de> for Uuid {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if deserializer.is_human_readable() {
            let text = String::deserialize(deserializer)?;
            return u128::from_str_radix(&text, 16).map(Self).map_err(D::Error::custom);
        }
        let bytes = ByteBuf::deserialize(deserializer)?;
        let bytes = bytes.into_vec().try_into().map_err(|_| D::Error::custom("not 16 bytes"))?;
        Ok(Self(u128::from_be_bytes(bytes)))
    }
}

/// Writes twice the value.
mod halved {
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(value: &u8, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u16(u16::from(*value) * 2)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u8, D::Error> {
        u16::deserialize(deserializer).map(|twice| (twice / 2) as u8)
    }
}

const POINT: Point = Point { x: 1, y: -2 };

#[test]
fn structs() {
    row(POINT, Short);
    row(Tuple(3, POINT), Short);
    row(Newtype(Some(1)), Alike);
    row(Newtype(None), Alike);
    row(Generic { inner: Generic { inner: vec![Some(POINT)] } }, Short);
    row(Skipped { cache: 0, kept: 5 }, Short);
    row(Defaulted { a: 1, b: None }, Short);
    row(Renamed { some_field: 1, other: 2 }, Short);
    row(Doubled { a: 200, b: 1 }, Short);
    row(Bytes { bytes: vec![1, 255], buf: ByteBuf::from(vec![0; 300]) }, Short);
    row(Small(9), Alike);
    row(Small(10), Unread("it is not small"));
}

#[test]
fn variants() {
    row(Kinds::Bare, Alike);
    row(Kinds::New(POINT), Short);
    row(Kinds::Pair(1, 2), Alike);
    row(Kinds::Fields { a: 1, b: POINT }, Short);
    row(Kinds::Empty(), Alike);
    row(vec![Kinds::Bare, Kinds::Fields { a: 1, b: POINT }], Short);
    row(Ok::<_, String>(POINT), Short);
}

#[test]
fn fields_that_are_left_out() {
    row(SkippedIf { a: Some(1), b: Some(2) }, Short);
    row(SkippedIf { a: None, b: Some(2) }, Named);
    row(vec![SkippedIf { a: Some(1), b: None }, SkippedIf { a: None, b: None }], Named);
    row((POINT, SkippedIf { a: None, b: None }), Named);
    row(SkippedIfUndefaulted { a: None, b: Some(2) }, Named);
    row(SkippedInVariants::Fields { a: Some(1), b: Some(2) }, Short);
    row(SkippedInVariants::Fields { a: None, b: Some(2) }, Named);
    row(SkippedInVariants::Pair(Some(1), None), Alike);
    row(SkippedInVariants::Pair(None, Some(2)), Refused("`SkippedInVariants::Pair` has 1 fields here"));
    row(SkippedInTuple(Some(1), None), Alike);
    row(SkippedInTuple(None, Some(2)), Refused("`SkippedInTuple` has 1 fields here"));
    row(vec![Some(SkippedInTuple(None, None))], Refused("would move up"));
    row(SkipInTuple(0, 1, 2), Alike);
}

#[test]
fn fields_that_only_one_direction_knows() {
    row(NotWritten { a: 0, b: 2 }, Named);
    row(NotWritten { a: 1, b: 2 }, Read(NotWritten { a: 0, b: 2 }));
    row(NotWrittenNorDefaulted { a: 1, b: 2 }, Unread("missing field `a`"));
    row(NotRead { a: 0, b: 2 }, Named);
    row(NotRead { a: 1, b: 2 }, Read(NotRead { a: 0, b: 2 }));
    row(Aliased { new: 1, b: 2 }, Named);
    row(TwoNames { a: 1 }, Named);
    row(TaggedStruct { a: 1 }, Named);
}

/// With names no variant fits; without names the value is read.
#[test]
fn a_field_with_two_names_is_read_without_names_only() {
    let value = TwoFieldNames { a: 1 };
    let short = encoded(&value, PayloadFormat::Positional).unwrap();
    assert_eq!(decode(&short, PayloadFormat::Positional, DEPTH), Ok(value.clone()));
    let named = encoded(&value, PayloadFormat::ByName).unwrap();
    let error = decode::<TwoFieldNames>(&named, PayloadFormat::ByName, DEPTH).unwrap_err();
    assert!(error.to_string().contains("missing field `in`"), "{error}");
}

#[test]
fn types_that_decide_as_they_read() {
    row(Flat { id: 1, point: POINT, rest: BTreeMap::from([("z".to_owned(), 3)]) }, TypeNamed);
    row(Tagged::Bare, TypeNamed);
    row(Tagged::Point(POINT), TypeNamed);
    row(Tagged::Fields { a: None }, TypeNamed);
    row(Adjacent::Bare, TypeNamed);
    row(Adjacent::Pair(1, "two".into()), TypeNamed);
    row(Adjacent::Fields { a: Kinds::Fields { a: 1, b: POINT } }, TypeNamed);
    row(Untagged::Number(-1), TypeNamed);
    row(Untagged::Point(POINT), TypeNamed);
    row(Untagged::Text("two".into()), TypeNamed);
    row(vec![Some((POINT, Tagged::Bare))], TypeNamed);
    row(FirstFit::One(One { x: 1 }), TypeNamed);
    row(FirstFit::Two(POINT), Read(FirstFit::One(One { x: 1 })));
}

#[test]
fn options() {
    row(None::<Point>, Alike);
    row(Some(POINT), Short);
    row(Some(Some(1)), Alike);
    row(None::<Option<u8>>, Alike);
    row(Some(None::<u8>), Refused("a `Some` with nothing but nil inside"));
    row(vec![(1, Some(Some(None::<u8>)))], Refused("a `Some` with nothing but nil inside"));
    row(Some(()), Refused("a `Some` with nothing but nil inside"));
    row(Some(Newtype(None)), Refused("a `Some` with nothing but nil inside"));
    row(Some(vec![None::<u8>]), Alike);
    row(Some(Kinds::Bare), Alike);
    row(Some(BareUnit), Alike);
    row(Generic { inner: Some(Generic { inner: None::<u8> }) }, Short);
}

#[test]
fn units() {
    row((), Alike);
    row(BareUnit, Alike);
    row(Unit {}, Short);
    row(PhantomData::<Point>, Alike);
    row([(); 2], Alike);
    row(Generic { inner: () }, Short);
}

#[test]
fn maps_with_any_key() {
    row(BTreeMap::from([(1i64, POINT_TEXT), (-1, "")].map(|(key, text)| (key, text.to_owned()))), Alike);
    row(BTreeMap::from([(vec![Some(1u8), None], ())]), Alike);
    row(BTreeMap::from([((1u8, 'x'), Some(POINT))]), Short);
    row(BTreeMap::from([(None::<u8>, 1), (Some(1), 2)]), Alike);
    row(BTreeMap::from([(BTreeMap::from([(true, 1u8)]), 2u8)]), Alike);
}

const POINT_TEXT: &str = "a point";

#[test]
fn types_that_contain_themselves() {
    let list = List { value: 1, next: Some(Box::new(List { value: 2, next: None })) };
    row(list, Short);
    row(Tree::Node(vec![Tree::Leaf(1), Tree::Node(vec![])]), Alike);
}

/// In formats with names, types with a human-readable form use it: serde asks for it in types that it reads through a
/// buffer.
#[test]
fn types_with_a_form_for_people() {
    let address = || Address { ip: IpAddr::V4(Ipv4Addr::LOCALHOST), id: Uuid(7) };
    let Address { ip, id } = address();
    row(address(), Short);
    row(FlatAddress { address: address() }, TypeNamed);
    row(TaggedAddress::At { ip, id }, TypeNamed);
    row(TaggedAddress::Of(address()), TypeNamed);
    row(UntaggedAddress::Ip(ip), TypeNamed);
    row(UntaggedAddress::Id(id), TypeNamed);
    row(UntaggedAddress::Both(address()), TypeNamed);
    assert_eq!(encoded(&ip, PayloadFormat::ByName).unwrap(), b"\xa9127.0.0.1");
    assert_eq!(encoded(&id, PayloadFormat::Positional).unwrap().len(), 18);
}

/// A serializer does not see which of the two is written, so they travel with names.
#[test]
fn two_types_of_one_name() {
    mod other {
        use super::{Deserialize, Serialize};

        #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
        pub(super) struct Point {
            #[serde(default, skip_serializing_if = "Option::is_none")]
            pub(super) x: Option<u8>,
            #[serde(default)]
            pub(super) y: Option<u8>,
            #[serde(default)]
            pub(super) z: Option<u8>,
        }
    }
    row((POINT, other::Point { x: None, y: Some(2), z: Some(3) }), TypeNamed);
    row(other::Point { x: None, y: Some(2), z: Some(3) }, Named);
}

/// A type that cannot be examined travels with names.
#[test]
fn types_that_refuse_or_panic_or_are_too_large() {
    #[derive(Debug, PartialEq, Serialize)]
    struct Panics(u8);
    impl<'de> Deserialize<'de> for Panics {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            let human = deserializer.is_human_readable();
            assert!(human, "on purpose");
            u8::deserialize(deserializer).map(Self)
        }
    }
    row(Panics(1), TypeNamed);
    row(Generic { inner: Panics(1) }, TypeNamed);

    #[derive(Debug, PartialEq, Serialize)]
    struct Refuses(u8);
    impl<'de> Deserialize<'de> for Refuses {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            match deserializer.is_human_readable() {
                true => u8::deserialize(deserializer).map(Self),
                false => Err(D::Error::custom("for people only")),
            }
        }
    }
    row(Refuses(1), TypeNamed);

    type Twelve<T> = (T, T, T, T, T, T, T, T, T, T, T, T);
    row(Twelve::<Twelve<Twelve<u8>>>::default(), TypeNamed);
    row(Twelve::<Twelve<u8>>::default(), Alike);
}

/// The bytes are those of rmp-serde, which reads them.
#[test]
fn our_serializer_writes_what_rmp_serde_writes() {
    #[track_caller]
    fn same<T: Payload + Serialize>(value: T) {
        let mut theirs = Vec::new();
        value.serialize(&mut rmp_serde::Serializer::new(&mut theirs)).unwrap();
        assert_eq!(encoded(&value, PayloadFormat::Positional).unwrap(), theirs);
        let mut theirs = Vec::new();
        value
            .serialize(&mut rmp_serde::Serializer::new(&mut theirs).with_struct_map().with_human_readable())
            .unwrap();
        assert_eq!(encoded(&value, PayloadFormat::Base).unwrap(), theirs);
    }
    same((i8::MIN, -33i16, -32i32, i64::MIN, i128::MIN, u128::MAX));
    same((127u8, 128u16, 65_536u32, u64::MAX, 0.5f32, f64::NAN, 'é', true));
    same(("x".repeat(31), "x".repeat(32), "x".repeat(256), "x".repeat(70_000)));
    same((ByteBuf::from(vec![1; 255]), ByteBuf::from(vec![1; 70_000]), vec![1u8; 20]));
    same(vec![Kinds::Bare, Kinds::New(POINT), Kinds::Pair(1, 2), Kinds::Fields { a: 1, b: POINT }]);
    same((Some(1), None::<u8>, (), BareUnit, PhantomData::<u8>));
    same((0..100u32).map(|n| (n, POINT)).collect::<BTreeMap<_, _>>());
    same(rmpv::Value::Ext(7, vec![1, 2, 3]));
    same(rmpv::Value::Array(vec![rmpv::Value::Nil, rmpv::Value::from(-1), rmpv::Value::from("x")]));
    let flat = |n: u8| Flat { id: n, point: POINT, rest: (0..n).map(|n| (format!("k{n}"), n)).collect() };
    for n in [0, 1, 20] {
        let mut theirs = Vec::new();
        let named = rmp_serde::Serializer::new(&mut theirs).with_struct_map().with_human_readable();
        flat(n).serialize(&mut { named }).unwrap();
        assert_eq!(encoded(&flat(n), PayloadFormat::Base).unwrap(), theirs, "the length is not known before");
    }
}
