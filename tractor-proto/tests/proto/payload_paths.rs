//! The path in an error: the place in a value that is wrong.

#![allow(dead_code, reason = "the fields are only read from the wire")]

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tractor_proto::payload::{PayloadFormat, decode, encode};

#[derive(Debug, Deserialize)]
struct Report {
    title: String,
    rows: Vec<Row>,
    #[serde(default)]
    by_pair: BTreeMap<(u8, u8), Row>,
    #[serde(default)]
    shape: Option<Shape>,
    #[serde(default)]
    tuple: Option<Tuple>,
}

#[derive(Debug, PartialEq, Deserialize)]
struct Row {
    weight: u8,
}

#[derive(Debug, Deserialize)]
enum Shape {
    Bare,
    New(Row),
    Pair(u8, Row),
    Fields { row: Row },
}

#[derive(Debug, Deserialize)]
struct Tuple(u8, Box<Row>);

#[derive(Debug, Deserialize)]
struct Flat {
    #[serde(flatten)]
    row: Row,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Closed {
    row: Row,
}

#[derive(Debug, Deserialize)]
struct Outer<T> {
    inner: Vec<T>,
}

/// Text, path and kind of the error with which a value is read as a `T`.
#[track_caller]
fn found<T: DeserializeOwned>(value: impl Serialize, format: PayloadFormat) -> (String, String) {
    let mut bytes = Vec::new();
    encode(&value, format, 64, &mut bytes).unwrap();
    let Err(error) = decode::<T>(&bytes, format, 64) else {
        panic!("it is a {}", std::any::type_name::<T>())
    };
    (error.path().to_owned(), error.to_string())
}

#[track_caller]
fn at<T: DeserializeOwned>(path: &str, value: rmpv::Value) {
    for format in [PayloadFormat::ByName, PayloadFormat::Base, PayloadFormat::Positional] {
        let (got, text) = found::<T>(&value, format);
        assert_eq!(got, path, "{text}");
        let words = format!("at `{path}`: ");
        assert_eq!(text.starts_with(&words), !path.is_empty(), "{text}");
    }
}

/// A map as in JSON.
macro_rules! map {
    ($($key:expr => $value:expr),*) => {
        rmpv::Value::Map(vec![$((rmpv::Value::from($key), rmpv::Value::from($value))),*])
    };
}

fn report(key: &str, value: impl Into<rmpv::Value>) -> rmpv::Value {
    map!["title" => "t", "rows" => vec![map!["weight" => 1], map!["weight" => 2]], key => value.into()]
}

#[test]
fn fields_items_and_entries() {
    let rows = vec![map!["weight" => 1], map!["weight" => "heavy"]];
    at::<Report>("rows[1].weight", map!["title" => "t", "rows" => rows]);
    at::<Report>("title", map!["title" => 1]);
    at::<Report>("rows[0]", map!["title" => "t", "rows" => vec![map!["other" => 1]]]);
    at::<Report>("", map!["title" => "t"]);
    at::<Report>("", rmpv::Value::from(1));
    at::<Vec<Vec<u8>>>("[1][2]", vec![vec![1], vec![1, 2, 300]].into_iter().map(rmpv_list).collect());
    let pair = rmpv::Value::Array(vec![1.into(), 2.into()]);
    let by_pair = rmpv::Value::Map(vec![(pair, map!["weight" => -1])]);
    at::<Report>("by_pair[[1, 2]].weight", report("by_pair", by_pair));
    let bad_key = rmpv::Value::Map(vec![("no pair".into(), map!["weight" => 1])]);
    at::<Report>("by_pair", report("by_pair", bad_key));
}

fn rmpv_list(items: Vec<i32>) -> rmpv::Value {
    items.into_iter().map(rmpv::Value::from).collect()
}

#[test]
fn variants_and_tuples() {
    let heavy = || map!["weight" => "heavy"];
    at::<Report>("shape.New.weight", report("shape", map!["New" => heavy()]));
    let pair = rmpv::Value::Array(vec![1.into(), heavy()]);
    at::<Report>("shape.Pair[1].weight", report("shape", map!["Pair" => pair.clone()]));
    at::<Report>("shape.Fields.row.weight", report("shape", map!["Fields" => map!["row" => heavy()]]));
    at::<Report>("shape", report("shape", "Unknown"));
    at::<Report>("shape", report("shape", map!["Unknown" => 1]));
    at::<Report>("tuple[1].weight", report("tuple", pair));
}

#[test]
fn fields_without_names_have_positions() {
    let by_position =
        rmpv::Value::Array(vec!["t".into(), vec![rmpv_list(vec![1]), rmpv_list(vec![-1])].into()]);
    at::<Report>("[1][1][0]", by_position);
}

/// serde reads such types from a buffer of its own, which keeps no places.
#[test]
fn paths_end_at_types_that_decide_as_they_read() {
    at::<Outer<Flat>>("inner[1]", map!["inner" => vec![map!["weight" => 1], map!["weight" => "heavy"]]]);
}

#[test]
fn unknown_fields_are_those_of_their_struct() {
    let row = || map!["row" => map!["weight" => 1]];
    let unknown = map!["row" => map!["weight" => 1], "extra" => 1];
    at::<Outer<Closed>>("inner[1]", map!["inner" => vec![row(), unknown]]);
}

#[test]
fn long_names_are_cut() {
    let long = "é".repeat(300);
    let (path, _) = found::<BTreeMap<String, Row>>(map![long => 1], PayloadFormat::ByName);
    assert_eq!(path, format!("{}…", "é".repeat(100)));
}

/// A list that continues after an error in its first item: the place is that of the final error.
#[test]
fn an_error_that_was_none_leaves_no_trace() {
    #[derive(Debug)]
    struct Lenient;
    impl<'de> Deserialize<'de> for Lenient {
        fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            struct Visit;
            impl<'de> serde::de::Visitor<'de> for Visit {
                type Value = Lenient;
                fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                    f.write_str("a list")
                }
                fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut seq: A) -> Result<Lenient, A::Error> {
                    assert!(seq.next_element::<Row>().is_err());
                    while seq.next_element::<Row>()?.is_some() {}
                    Ok(Lenient)
                }
            }
            deserializer.deserialize_seq(Visit)
        }
    }
    let list = |weights: [i32; 2]| {
        let rows = weights.map(|weight| map!["weight" => weight]);
        [&[map!["weight" => "heavy"]][..], &rows].concat()
    };
    let value = rmpv::Value::Array(vec![list([1, 2]).into(), "no number".into()]);
    at::<(Lenient, u8)>("[1]", value);
    at::<Vec<Lenient>>("[0][1].weight", rmpv::Value::Array(vec![list([-1, 2]).into()]));
}
