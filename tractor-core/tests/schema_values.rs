//! What the rules call fitting can be read: real values of the writer's type, written by name, as the reader's type.

use std::collections::HashMap;
use std::fmt::Debug;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tractor_core::proto::payload::{PayloadFormat, decode, encode};
use tractor_core::proto::schema::{Difference, Schema, TypeShape};

fn fits<W: DeserializeOwned, R: DeserializeOwned>() -> bool {
    let schema = |shape: TypeShape| {
        Schema::parse(&format!("actor_fn\nargs {{}}\nreturns {shape}")).expect("canonical")
    };
    let found = schema(TypeShape::of::<W>()).compare(&schema(TypeShape::of::<R>()));
    !found.iter().any(Difference::breaks)
}

fn read<W: Serialize, R: DeserializeOwned>(written: &W) -> Option<R> {
    let mut bytes = Vec::new();
    encode(written, PayloadFormat::ByName, &mut bytes).expect("encodable");
    decode(&bytes, PayloadFormat::Positional, 16).ok()
}

/// A pair that fits, and a value that both read alike.
fn fit<W: Serialize + DeserializeOwned, R: DeserializeOwned + PartialEq + Debug>(written: W, wanted: R) {
    let pair = format!("{} as {}", std::any::type_name::<W>(), std::any::type_name::<R>());
    assert!(fits::<W, R>(), "{pair} does not fit");
    assert_eq!(read::<W, R>(&written), Some(wanted), "{pair}");
}

/// A pair that does not fit, and a value that shows why not: it cannot be read.
fn clash<W: Serialize + DeserializeOwned, R: DeserializeOwned + PartialEq + Debug>(written: W) {
    let pair = format!("{} as {}", std::any::type_name::<W>(), std::any::type_name::<R>());
    assert!(!fits::<W, R>(), "{pair} fits");
    assert_eq!(read::<W, R>(&written), None, "{pair}");
}

#[test]
fn numbers_and_texts() {
    fit(u8::MAX, 255u16);
    fit(u8::MAX, 255i16);
    fit(u16::MAX, 65_535u64);
    fit(u16::MAX, 65_535.0f32);
    fit(u32::MAX, 4_294_967_295i64);
    fit(u32::MAX, 4_294_967_295.0f64);
    fit(i8::MIN, -128i64);
    fit(i16::MIN, -32_768.0f32);
    fit(i32::MIN, -2_147_483_648.0f64);
    fit(0.5f32, 0.5f64);
    fit('x', "x".to_owned());
    clash::<i64, u64>(-1);
    clash::<u64, i64>(u64::MAX);
    clash::<u16, u8>(256);
    clash::<String, char>("xy".to_owned());
    clash::<i64, String>(1);
    clash::<Option<i64>, i64>(None);
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Old {
    x: i64,
    y: i64,
}
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct New {
    note: Option<String>,
    y: i64,
    #[serde(default)]
    weight: u8,
    x: i64,
}
#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Closed {
    x: i64,
}
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Open {
    x: i64,
}
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Newtype(Open);
#[derive(Debug, PartialEq, Serialize, Deserialize)]
enum Few {
    Bare,
    One(Old),
    Two(u8, u8),
    Named { a: u8 },
}
#[derive(Debug, PartialEq, Serialize, Deserialize)]
enum Many {
    New,
    Named { b: Option<u8>, a: u16 },
    Two(u16, u8),
    One(New),
    Bare,
}

#[test]
fn structs_and_enums() {
    let new = || New { note: None, y: 2, weight: 0, x: 1 };
    fit(Old { x: 1, y: 2 }, new());
    fit(new(), Old { x: 1, y: 2 });
    fit(vec![Some(Old { x: 1, y: 2 })], vec![Some(new())]);
    fit(HashMap::from([(1u8, Old { x: 1, y: 2 })]), HashMap::from([(1u32, new())]));
    fit(Old { x: 1, y: 2 }, Newtype(Open { x: 1 }));
    fit((1u8, Open { x: 1 }), (1u16, Newtype(Open { x: 1 })));
    fit(Open { x: 1 }, Some(Open { x: 1 }));
    fit((), None::<i64>);
    fit(Few::Bare, Many::Bare);
    fit(Few::One(Old { x: 1, y: 2 }), Many::One(new()));
    fit(Few::Two(1, 2), Many::Two(1, 2));
    fit(Few::Named { a: 1 }, Many::Named { b: None, a: 1 });
    clash::<Old, Closed>(Old { x: 1, y: 2 });
    clash::<Open, Old>(Open { x: 1 });
    clash::<Many, Few>(Many::New);
    clash::<(u8, u8), (u8, u8, u8)>((1, 2));
}
