//! Users' serializers that break serde's rules on the parts of a value, and values that are nested too deep: a write
//! without an error is exactly one value.

use std::collections::BTreeMap;

use serde::{Serialize, Serializer};
use tractor_proto::msgpack::check_one_value;
use tractor_proto::payload::{PayloadError, PayloadFormat, encode};

#[derive(Debug, Clone, Copy, Serialize)]
struct Dot {
    x: u8,
}
const DOT: Dot = Dot { x: 1 };

#[derive(Debug, Serialize)]
enum Kinds {
    New(Dot),
    Pair(u8, u8),
    Fields { dot: Dot },
}

#[derive(Debug, Serialize)]
struct BareUnit;

fn written<T: Serialize>(
    value: &T,
    format: PayloadFormat,
    depth_max: usize,
) -> Result<Vec<u8>, PayloadError> {
    let mut out = Vec::new();
    encode(value, format, depth_max, &mut out).map(|()| out)
}

#[test]
fn a_serializer_that_miscounts_is_refused() {
    struct Miscounts(usize);
    impl Serialize for Miscounts {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            use serde::ser::SerializeSeq;
            let mut seq = serializer.serialize_seq(Some(self.0))?;
            seq.serialize_element(&1)?;
            seq.end()
        }
    }
    let encode = |value| written(&value, PayloadFormat::ByName, 64);
    assert_eq!(encode(Miscounts(1)).unwrap(), b"\x91\x01");
    for count in [0, 2] {
        let error = encode(Miscounts(count)).unwrap_err().to_string();
        assert!(error.ends_with(&format!("announces {count} parts and writes 1")), "{error}");
    }
}

/// A user's serializer that breaks serde's rules on the parts of an array or map.
#[derive(Clone, Copy, Debug)]
enum Unruly {
    KeyWithoutValue,
    TwoKeysOneValue,
    ValueWithoutKey,
    ErrorOfAnElementSwallowed,
    ErrorOfAnElementSwallowedInAListOfUnknownLength,
    ErrorOfAKeySwallowed,
    HalfAnExtension,
    ExtensionTwice,
}

struct Failing;

impl Serialize for Failing {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeSeq;
        let mut seq = serializer.serialize_seq(Some(9))?;
        seq.serialize_element(&1)?;
        Err(serde::ser::Error::custom("changed its mind"))
    }
}

struct Ext(Unruly);

impl Serialize for Ext {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeTuple;
        let bytes = serde_bytes::Bytes::new(&[1, 2]);
        let mut pair = serializer.serialize_tuple(2)?;
        pair.serialize_element(&7i8)?;
        if matches!(self.0, Unruly::ExtensionTwice) {
            pair.serialize_element(bytes)?;
            pair.serialize_element(&7i8)?;
            pair.serialize_element(bytes)?;
        }
        pair.end()
    }
}

impl Serialize for Unruly {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::{SerializeMap, SerializeSeq};
        match self {
            Self::HalfAnExtension | Self::ExtensionTwice => {
                serializer.serialize_newtype_struct("_ExtStruct", &Ext(*self))
            }
            Self::ErrorOfAnElementSwallowed => {
                let mut seq = serializer.serialize_seq(Some(1))?;
                _ = seq.serialize_element(&Failing);
                seq.end()
            }
            Self::ErrorOfAnElementSwallowedInAListOfUnknownLength => {
                let mut seq = serializer.serialize_seq(None)?;
                _ = seq.serialize_element(&Failing);
                seq.end()
            }
            map => {
                let mut entries = serializer.serialize_map(Some(1))?;
                match map {
                    Self::KeyWithoutValue => {
                        entries.serialize_entry(&1, &1).and(entries.serialize_key(&2))?
                    }
                    Self::TwoKeysOneValue => {
                        entries.serialize_key(&1).and(entries.serialize_entry(&2, &1))?
                    }
                    Self::ValueWithoutKey => entries.serialize_value(&1)?,
                    _ => {
                        _ = entries.serialize_key(&Failing);
                        entries.serialize_value(&1)?;
                    }
                }
                entries.end()
            }
        }
    }
}

#[test]
fn the_output_of_an_incorrect_serializer_is_refused() {
    for (unruly, words) in [
        (Unruly::KeyWithoutValue, "a key without a value"),
        (Unruly::TwoKeysOneValue, "a key without a value"),
        (Unruly::ValueWithoutKey, "a value without a key"),
        (Unruly::ErrorOfAnElementSwallowed, "changed its mind"),
        (Unruly::ErrorOfAnElementSwallowedInAListOfUnknownLength, "changed its mind"),
        (Unruly::ErrorOfAKeySwallowed, "changed its mind"),
        (Unruly::HalfAnExtension, ""),
        (Unruly::ExtensionTwice, ""),
    ] {
        let format = PayloadFormat::ByName;
        for refused in [written(&unruly, format, 64), written(&(Some(unruly), 1), format, 64)] {
            let error = refused.expect_err(&format!("{unruly:?}")).to_string();
            assert!(error.contains(words), "{unruly:?}: {error}");
        }
    }
}

#[test]
fn every_array_and_map_is_a_level() {
    #[track_caller]
    fn levels<T: Serialize>(value: T, format: PayloadFormat, expected: usize) {
        let bytes = written(&value, format, expected).unwrap();
        assert!(check_one_value(&bytes, expected).is_ok());
        assert!(check_one_value(&bytes, expected - 1).is_err());
        let error = written(&value, format, expected - 1).unwrap_err();
        assert!(error.to_string().contains("nesting_depth_max"), "{error}");
    }
    for format in [PayloadFormat::Positional, PayloadFormat::ByName, PayloadFormat::Base] {
        levels(vec![1], format, 1);
        levels(((), (1,)), format, 2);
        levels(DOT, format, 1);
        levels(BareUnit, format, 1);
        levels(Some(Some(DOT)), format, 1);
        levels(BTreeMap::from([(1, vec![1])]), format, 2);
        levels(Kinds::New(DOT), format, 2);
        levels(Kinds::Pair(1, 2), format, 2);
        levels(Kinds::Fields { dot: DOT }, format, 3);
        levels(rmpv::Value::Map(vec![(rmpv::Value::Array(vec![]), rmpv::Value::Nil)]), format, 2);
    }
}
