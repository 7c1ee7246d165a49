//! One type for each way in which serde lays out values, and a strategy for each type.

#![allow(dead_code, unreachable_pub, reason = "each test binary uses a part")]

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::IpAddr;
use std::time::Duration;

use proptest::collection::{btree_map, btree_set, hash_map, vec};
use proptest::option;
use proptest::prelude::*;
use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Scalars {
    pub yes: bool,
    pub small: (i8, u8, i16, u16),
    pub large: (i32, u32, i64, u64),
    pub float: (f32, f64),
    pub letter: char,
    pub text: String,
    pub unit: (),
    pub array: [u16; 3],
    pub time: Duration,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Nested {
    pub scalars: Vec<Scalars>,
    pub option: Option<Option<Box<Self>>>,
    pub map: BTreeMap<String, (Shape, Option<u8>)>,
    pub set: BTreeSet<u32>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Shape {
    Nothing,
    Dot(f64),
    Line(i64, i64),
    Unit(()),
    Circle { center: (i32, i32), radius: u32 },
    Group(Vec<Self>),
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Renamed {
    #[serde(rename = "it has a space")]
    pub first: i64,
    pub second_field: Shouting,
    #[serde(alias = "old")]
    pub third: u8,
    pub r#type: String,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Shouting {
    OneThing,
    #[serde(rename = "")]
    NoName {
        a: u8,
    },
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Wide {
    pub signed: i128,
    pub unsigned: u128,
    pub limits: (i64, u64),
    pub list: Vec<i128>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Keyed {
    pub by_int: BTreeMap<i64, String>,
    pub by_pair: BTreeMap<(u8, bool), u8>,
    pub by_letter: HashMap<char, ()>,
    pub by_text: HashMap<String, BTreeMap<u64, Vec<u8>>>,
    pub by_option: BTreeMap<Option<u8>, u8>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Blobs {
    pub owned: ByteBuf,
    #[serde(with = "serde_bytes")]
    pub vec: Vec<u8>,
    pub list: Vec<u8>,
    pub option: Option<ByteBuf>,
    pub many: Vec<ByteBuf>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Generic<T> {
    pub value: T,
    pub more: Vec<T>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Meters(pub f32);

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind")]
pub enum Internal {
    Nothing,
    Point { x: i64, y: Option<String> },
    Wrapped(Generic<u8>),
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "t", content = "c")]
pub enum Adjacent {
    Nothing,
    One(i64),
    Two(u8, String),
    Named { x: i64, y: Shape },
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Untagged {
    Number(i64),
    Text(String),
    List(Vec<u8>),
    Pair(bool, bool),
    Point { x: f64, y: String, z: bool },
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Flattened {
    pub id: u32,
    #[serde(flatten)]
    pub inner: Inner,
    #[serde(flatten)]
    pub rest: BTreeMap<String, i64>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Inner {
    pub x: Option<i64>,
    pub y: String,
}

/// Every field may be missing, and each could be read as its neighbour.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Sparse {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub a: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub b: Option<i64>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub c: Vec<i64>,
    #[serde(default)]
    pub d: Vec<i64>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum SparseVariant {
    Plain(Sparse),
    Fields {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        a: Option<u8>,
        #[serde(default)]
        b: Option<u8>,
    },
    Pair(Sparse, Sparse),
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind")]
pub enum SparseTagged {
    One(Sparse),
    Two {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        a: Option<u8>,
        #[serde(default)]
        b: Option<u8>,
    },
}

/// A struct that omits a field, in every kind of container.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Deep {
    pub bytes: ByteBuf,
    pub pair: (u8, Sparse),
    pub map: BTreeMap<u8, Sparse>,
    pub wrapped: Box<Newtype>,
    pub shape: Shape,
    pub address: IpAddr,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Newtype(pub Option<Sparse>);

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Converted(u16);

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Readable {
    pub address: IpAddr,
    pub range: std::ops::Range<i32>,
    pub bound: std::ops::Bound<u8>,
    pub path: std::path::PathBuf,
}

impl From<Converted> for String {
    fn from(value: Converted) -> Self {
        value.0.to_string()
    }
}

impl TryFrom<String> for Converted {
    type Error = std::num::ParseIntError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse().map(Self)
    }
}

// ---- Strategies: without NaN, which is not equal to itself ----

fn text() -> impl Strategy<Value = String> {
    prop_oneof![".{0,40}", Just("\0".to_owned()), Just("\u{1F980}".repeat(20)), Just("x".repeat(300))]
}

fn float() -> impl Strategy<Value = f64> {
    prop_oneof![
        any::<f64>().prop_filter("equal to itself", |x| !x.is_nan()),
        Just(-0.0),
        Just(f64::NEG_INFINITY)
    ]
}

/// Includes the values at which the encoding changes its length.
fn int() -> impl Strategy<Value = i64> {
    prop_oneof![any::<i64>(), -130i64..130, Just(i64::MIN), Just(i64::MAX), 65_530i64..65_540]
}

pub fn scalars() -> impl Strategy<Value = Scalars> {
    let single = any::<f32>().prop_filter("equal to itself", |x| !x.is_nan());
    let time =
        (any::<u32>(), 0..1_000_000_000u32).prop_map(|(secs, nanos)| Duration::new(secs.into(), nanos));
    let large = (any::<i32>(), any::<u32>(), int(), any::<u64>());
    (
        any::<bool>(),
        any::<(i8, u8, i16, u16)>(),
        large,
        (single, float()),
        any::<char>(),
        text(),
        any::<[u16; 3]>(),
        time,
    )
        .prop_map(|(yes, small, large, float, letter, text, array, time)| Scalars {
            yes,
            small,
            large,
            float,
            letter,
            text,
            unit: (),
            array,
            time,
        })
}

pub fn shape() -> impl Strategy<Value = Shape> {
    let leaf = prop_oneof![
        Just(Shape::Nothing),
        Just(Shape::Unit(())),
        float().prop_map(Shape::Dot),
        (int(), int()).prop_map(|(a, b)| Shape::Line(a, b)),
        any::<((i32, i32), u32)>().prop_map(|(center, radius)| Shape::Circle { center, radius }),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| vec(inner, 0..4).prop_map(Shape::Group))
}

pub fn nested() -> impl Strategy<Value = Nested> {
    let level = |option: BoxedStrategy<Option<Option<Box<Nested>>>>| {
        let map = btree_map(text(), (shape(), any::<Option<u8>>()), 0..3);
        (vec(scalars(), 0..2), option, map, btree_set(any::<u32>(), 0..4))
            .prop_map(|(scalars, option, map, set)| Nested { scalars, option, map, set })
    };
    // `Some(None)` is `None` in every format that writes an option as nil.
    let leaf = level(Just(None).boxed());
    leaf.prop_recursive(2, 4, 1, move |inner| {
        level(option::of(inner.prop_map(|value| Some(Box::new(value)))).boxed())
    })
}

pub fn renamed() -> impl Strategy<Value = Renamed> {
    let shouting = prop_oneof![Just(Shouting::OneThing), any::<u8>().prop_map(|a| Shouting::NoName { a })];
    (int(), shouting, any::<u8>(), text()).prop_map(|(first, second_field, third, r#type)| Renamed {
        first,
        second_field,
        third,
        r#type,
    })
}

pub fn wide() -> impl Strategy<Value = Wide> {
    let signed = || prop_oneof![any::<i128>(), Just(i128::MIN), Just(i128::MAX), Just(-1), Just(0)];
    let unsigned = prop_oneof![any::<u128>(), Just(u128::MAX), Just(u128::from(u64::MAX) + 1)];
    let limits = (int(), prop_oneof![any::<u64>(), Just(u64::MAX)]);
    (signed(), unsigned, limits, vec(signed(), 0..3)).prop_map(|(signed, unsigned, limits, list)| Wide {
        signed,
        unsigned,
        limits,
        list,
    })
}

pub fn keyed() -> impl Strategy<Value = Keyed> {
    (
        btree_map(int(), text(), 0..4),
        btree_map(any::<(u8, bool)>(), any::<u8>(), 0..4),
        hash_map(any::<char>(), Just(()), 0..4),
        hash_map(text(), btree_map(any::<u64>(), any::<Vec<u8>>(), 0..3), 0..3),
        btree_map(any::<Option<u8>>(), any::<u8>(), 0..4),
    )
        .prop_map(|(by_int, by_pair, by_letter, by_text, by_option)| Keyed {
            by_int,
            by_pair,
            by_letter,
            by_text,
            by_option,
        })
}

pub fn blobs() -> impl Strategy<Value = Blobs> {
    let buf = || prop_oneof![vec(any::<u8>(), 0..40), vec(any::<u8>(), 250..260)].prop_map(ByteBuf::from);
    (buf(), any::<Vec<u8>>(), any::<Vec<u8>>(), option::of(buf()), vec(buf(), 0..3))
        .prop_map(|(owned, vec, list, option, many)| Blobs { owned, vec, list, option, many })
}

pub fn generic() -> impl Strategy<Value = Generic<Generic<Option<i32>>>> {
    let inner = || {
        (any::<Option<i32>>(), any::<Vec<Option<i32>>>()).prop_map(|(value, more)| Generic { value, more })
    };
    (inner(), vec(inner(), 0..3)).prop_map(|(value, more)| Generic { value, more })
}

pub fn internal() -> impl Strategy<Value = Internal> {
    prop_oneof![
        Just(Internal::Nothing),
        (int(), option::of(text())).prop_map(|(x, y)| Internal::Point { x, y }),
        any::<(u8, Vec<u8>)>().prop_map(|(value, more)| Internal::Wrapped(Generic { value, more })),
    ]
}

pub fn adjacent() -> impl Strategy<Value = Adjacent> {
    prop_oneof![
        Just(Adjacent::Nothing),
        int().prop_map(Adjacent::One),
        (any::<u8>(), text()).prop_map(|(a, b)| Adjacent::Two(a, b)),
        (int(), shape()).prop_map(|(x, y)| Adjacent::Named { x, y }),
    ]
}

pub fn untagged() -> impl Strategy<Value = Untagged> {
    prop_oneof![
        int().prop_map(Untagged::Number),
        text().prop_map(Untagged::Text),
        any::<Vec<u8>>().prop_map(Untagged::List),
        any::<(bool, bool)>().prop_map(|(a, b)| Untagged::Pair(a, b)),
        (-1e9..1e9f64, text(), any::<bool>()).prop_map(|(x, y, z)| Untagged::Point { x, y, z }),
    ]
}

pub fn flattened() -> impl Strategy<Value = Flattened> {
    let inner = (option::of(int()), text()).prop_map(|(x, y)| Inner { x, y });
    let rest = btree_map("k[a-z]{1,5}", int(), 0..4);
    (any::<u32>(), inner, rest).prop_map(|(id, inner, rest)| Flattened { id, inner, rest })
}

pub fn sparse() -> impl Strategy<Value = Sparse> {
    let list = || vec(int(), 0..3);
    (option::of(int()), option::of(int()), list(), list()).prop_map(|(a, b, c, d)| Sparse { a, b, c, d })
}

pub fn sparse_variant() -> impl Strategy<Value = SparseVariant> {
    prop_oneof![
        sparse().prop_map(SparseVariant::Plain),
        any::<(Option<u8>, Option<u8>)>().prop_map(|(a, b)| SparseVariant::Fields { a, b }),
        (sparse(), sparse()).prop_map(|(one, two)| SparseVariant::Pair(one, two)),
    ]
}

pub fn sparse_tagged() -> impl Strategy<Value = SparseTagged> {
    prop_oneof![
        sparse().prop_map(SparseTagged::One),
        any::<(Option<u8>, Option<u8>)>().prop_map(|(a, b)| SparseTagged::Two { a, b }),
    ]
}

pub fn deep() -> impl Strategy<Value = Deep> {
    let pair = (any::<u8>(), sparse());
    let wrapped = option::of(sparse()).prop_map(|inner| Box::new(Newtype(inner)));
    let bytes = any::<Vec<u8>>().prop_map(ByteBuf::from);
    (bytes, pair, btree_map(any::<u8>(), sparse(), 0..3), wrapped, shape(), any::<IpAddr>()).prop_map(
        |(bytes, pair, map, wrapped, shape, address)| Deep { bytes, pair, map, wrapped, shape, address },
    )
}

pub fn converted() -> impl Strategy<Value = Converted> {
    any::<u16>().prop_map(Converted)
}

pub fn readable() -> impl Strategy<Value = Readable> {
    use std::ops::Bound;
    let bound = prop_oneof![
        Just(Bound::Unbounded),
        any::<u8>().prop_map(Bound::Included),
        any::<u8>().prop_map(Bound::Excluded)
    ];
    (any::<IpAddr>(), any::<(i32, i32)>(), bound, text()).prop_map(|(address, (from, to), bound, path)| {
        Readable { address, range: from..to, bound, path: path.into() }
    })
}
