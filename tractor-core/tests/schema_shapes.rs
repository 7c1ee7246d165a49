//! What types look like on the wire: the canonical text of each kind of type. These texts never change.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::num::NonZeroU8;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};
use tractor_core::proto::limits::{SCHEMA_DEPTH_MAX, SCHEMA_NODES_MAX};
use tractor_core::proto::schema::{Schema, TypeShape};

fn shape<T: DeserializeOwned>() -> String {
    TypeShape::of::<T>().to_string()
}

#[test]
fn plain_types() {
    assert_eq!(shape::<()>(), "nil");
    assert_eq!(shape::<bool>(), "bool");
    assert_eq!([shape::<i8>(), shape::<i16>(), shape::<i32>(), shape::<i64>()], ["i8", "i16", "i32", "i64"]);
    assert_eq!([shape::<u8>(), shape::<u16>(), shape::<u32>(), shape::<u64>()], ["u8", "u16", "u32", "u64"]);
    assert_eq!([shape::<i128>(), shape::<u128>()], ["i128", "u128"]);
    assert_eq!([shape::<usize>(), shape::<isize>(), shape::<NonZeroU8>()], ["u64", "i64", "u8"]);
    assert_eq!([shape::<f32>(), shape::<f64>(), shape::<char>()], ["f32", "f64", "char"]);
    assert_eq!(
        [shape::<String>(), shape::<Box<str>>(), shape::<std::path::PathBuf>()],
        ["str", "str", "str"]
    );
    assert_eq!([shape::<serde_bytes::ByteBuf>(), shape::<Vec<u8>>()], ["bytes", "[u8]"]);
}

#[test]
fn containers() {
    assert_eq!(shape::<Option<Vec<i64>>>(), "?[i64]");
    assert_eq!(shape::<HashMap<String, BTreeMap<u8, bool>>>(), "map(str,map(u8,bool))");
    assert_eq!(shape::<(i64, String, (u8, NonZeroU8, bool))>(), "(i64,str,(u8,u8,bool,),)");
    assert_eq!(shape::<[f32; 2]>(), "(f32,f32,)");
    assert_eq!(shape::<Result<i64, String>>(), "<Ok(i64)|Err(str)>");
    // As between Rust peers: types with a text form for people do not use it.
    assert_eq!(
        shape::<IpAddr>(),
        "<V4((u8,u8,u8,u8,))|V6((u8,u8,u8,u8,u8,u8,u8,u8,u8,u8,u8,u8,u8,u8,u8,u8,))>"
    );
}

#[derive(Deserialize)]
struct Unit;
#[derive(Deserialize)]
struct Meters(#[allow(dead_code, reason = "never made")] f64);
#[derive(Deserialize)]
#[serde(rename = "other")]
#[allow(dead_code, reason = "never made")]
struct Named {
    x: i64,
    #[serde(rename = "the y")]
    y: Meters,
    z: Option<u8>,
    #[serde(default)]
    w: u16,
    #[serde(skip)]
    local: u8,
    unit: Unit,
}
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(dead_code, reason = "never made")]
struct Closed {
    only: bool,
}
#[derive(Deserialize)]
#[allow(dead_code, reason = "never made")]
enum Forms {
    Bare,
    One(i64),
    Two(i64, String),
    Fields { a: bool, b: Option<bool> },
    Nothing(()),
}

#[test]
fn user_types_by_the_names_on_the_wire() {
    assert_eq!(shape::<Named>(), "{x:i64,\"the y\":f64,z?:?u8,w?:u16,unit:unit,}");
    assert_eq!(shape::<Closed>(), "{only:bool,!,}");
    assert_eq!(shape::<Forms>(), "<Bare|One(i64)|Two((i64,str,))|Fields({a:bool,b?:?bool,})|Nothing(nil)>");
}

#[derive(Deserialize)]
#[allow(dead_code, reason = "never made")]
struct List {
    head: i64,
    tail: Option<Box<Self>>,
}
#[derive(Deserialize)]
struct Tree(#[allow(dead_code, reason = "never made")] Vec<Self>);
#[derive(Deserialize)]
#[allow(dead_code, reason = "never made")]
enum Sum {
    Add(Box<(Self, Self)>),
    Leaf(i64),
}
#[derive(Deserialize)]
#[allow(dead_code, reason = "never made")]
struct Wrap<T> {
    inner: T,
}

#[test]
fn types_that_contain_themselves_refer_back_and_others_do_not() {
    assert_eq!(shape::<List>(), "{head:i64,tail?:?^1,}");
    assert_eq!(shape::<Tree>(), "[^0]");
    assert_eq!(shape::<Sum>(), "<Add((^1,^1,))|Leaf(i64)>");
    assert_eq!(shape::<Wrap<Wrap<i64>>>(), "{inner:{inner:i64,},}");
    assert_eq!(shape::<Vec<Vec<u8>>>(), "[[u8]]");
}

#[derive(Deserialize)]
#[serde(untagged)]
#[allow(dead_code, reason = "never made")]
enum Untagged {
    Number(i64),
    Text(String),
}
#[derive(Deserialize)]
#[serde(tag = "kind")]
#[allow(dead_code, reason = "never made")]
enum Tagged {
    A { x: i64 },
}
#[derive(Deserialize)]
#[allow(dead_code, reason = "never made")]
struct Flat {
    id: u8,
    #[serde(flatten)]
    rest: Closed,
}

#[test]
fn types_that_decide_as_they_read_are_any() {
    assert_eq!([shape::<Untagged>(), shape::<Tagged>(), shape::<Flat>()], ["any", "any", "any"]);
    assert_eq!(shape::<(Untagged, i64)>(), "(any,i64,)");
}

struct Panics;
impl<'de> Deserialize<'de> for Panics {
    fn deserialize<D: Deserializer<'de>>(_: D) -> Result<Self, D::Error> {
        panic!("on purpose")
    }
}
/// Makes something up when its input is no number.
struct Lies;
impl<'de> Deserialize<'de> for Lies {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        _ = i64::deserialize(deserializer);
        Ok(Self)
    }
}
struct Fussy;
impl<'de> Deserialize<'de> for Fussy {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match u8::deserialize(deserializer)? {
            77 => Ok(Self),
            _ => Err(serde::de::Error::custom("it is not 77")),
        }
    }
}
struct Forever;
impl<'de> Deserialize<'de> for Forever {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl<'de> serde::de::Visitor<'de> for Visitor {
            type Value = Forever;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("itself")
            }
            fn visit_newtype_struct<D: Deserializer<'de>>(self, inner: D) -> Result<Forever, D::Error> {
                Forever::deserialize(inner)
            }
        }
        deserializer.deserialize_newtype_struct("Forever", Visitor)
    }
}

#[test]
fn a_type_that_panics_lies_or_never_ends_costs_only_itself() {
    assert_eq!(shape::<Panics>(), "any");
    assert_eq!(shape::<(i64, Panics, i64)>(), "(i64,any,any,)", "what comes after it is out of reach");
    assert_eq!(shape::<Wrap<Panics>>(), "{inner:any,}");
    assert_eq!(shape::<(Lies, u8)>(), "(i64,u8,)");
    assert_eq!(shape::<(Fussy, u8)>(), "(u8,any,)", "no sample of it can be made");
    assert_eq!(shape::<Wrap<Fussy>>(), "{inner:u8,}");
    assert_eq!(shape::<Forever>(), "any");
}

#[test]
fn size_and_depth_are_bounded() {
    type Ten<T> = (T, T, T, T, T, T, T, T, T, T);
    let wide = shape::<Ten<Ten<Ten<Ten<u8>>>>>();
    assert!(wide.matches("u8").count() <= SCHEMA_NODES_MAX, "{}", wide.len());
    assert!(wide.ends_with("any,any,)") && wide.len() < 20 * SCHEMA_NODES_MAX);
    type Five<T> = Wrap<Vec<Option<Wrap<Box<T>>>>>;
    let deep = shape::<Five<Five<Five<Five<Five<Five<Five<Five<Five<u8>>>>>>>>>>();
    assert!(deep.contains("any") && deep.matches(['{', '[', '?']).count() <= 2 * SCHEMA_DEPTH_MAX, "{deep}");
    Schema::parse(&format!("actor_fn\nargs {{}}\nreturns {deep}")).expect("what is written can be read");
}

#[test]
fn fingerprints_are_stable() {
    let of = |text: &str| Schema::parse(text).expect("a schema").fingerprint().to_string();
    assert_eq!(of("actor_fn\nargs {a:i64,b:i64,!,}\nreturns i64"), "f78dc77c72c5cbc5");
    assert_eq!(
        of(
            "context\nargs {by:i64,!,}\nstarted {x:i64,y:i64,}\nsends {x:i64,y:i64,}\nreceives {x:i64,y:i64,}\nreturns nil"
        ),
        "71028f9b96304d2c"
    );
}

/// The type of a block that has a twin of the same path.
trait Inside {
    type Point;
}

enum First {}
enum Second {}

const _: () = {
    #[derive(serde::Deserialize)]
    #[allow(dead_code, reason = "only its shape counts")]
    struct Twin {
        x: i64,
    }
    impl Inside for First {
        type Point = Twin;
    }
};

const _: () = {
    #[derive(serde::Deserialize)]
    #[allow(dead_code, reason = "only its shape counts")]
    struct Twin {
        inner: <First as Inside>::Point,
    }
    impl Inside for Second {
        type Point = Twin;
    }
};

#[test]
fn a_type_with_the_path_of_the_one_around_it_is_not_taken_for_it() {
    let shape = tractor_core::proto::schema::TypeShape::of::<<Second as Inside>::Point>().to_string();
    assert_eq!(shape, "{inner:{x:i64,},}");
}
