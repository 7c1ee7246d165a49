//! Payloads of every kind of serde type, over generated values and in every format that such a type travels in.
//!
//! The value read equals the value sent. `payload_layouts` has the values that are refused.

use std::fmt::Debug;

use proptest::prelude::*;
use serde::de::DeserializeOwned;
use tractor_proto::args::{ArgTuple, no_defaults};
use tractor_proto::payload::{Payload, PayloadFormat, decode};

use crate::payload_types as some;
use crate::payload_types::*;

const DEPTH: usize = 64;

/// To actors of the same image, to other Rust peers, and to those of the base protocol.
fn formats<T: Payload>() -> impl Iterator<Item = PayloadFormat> {
    let positional = T::is_positional().then_some(PayloadFormat::Positional);
    positional.into_iter().chain([PayloadFormat::ByName, PayloadFormat::Base])
}

fn sent<T: Payload>(value: &T, format: PayloadFormat) -> Vec<u8> {
    // Bytes before the value stay.
    let mut out = b"before".to_vec();
    value.encode_payload(format, DEPTH, &mut out).unwrap();
    out.strip_prefix(b"before").unwrap().to_vec()
}

/// The value as a result, and as one of two arguments.
fn assert_travels<T>(value: &T)
where
    T: Payload + DeserializeOwned + PartialEq + Debug + Clone + Send + 'static,
{
    for format in formats::<T>() {
        let bytes = sent(value, format);
        assert_eq!(decode::<T>(&bytes, format, DEPTH).as_ref(), Ok(value), "{format:?} {bytes:02x?}");
        let mut kwargs = Vec::new();
        let names: &'static [&'static str] = &["first", "second"];
        (value.clone(), 7u8).encode(names, format, DEPTH, &mut kwargs).unwrap();
        let read = <(T, u8) as ArgTuple>::decode(names, no_defaults, format, DEPTH, &kwargs);
        assert_eq!(read, Ok((value.clone(), 7)), "{format:?} {kwargs:02x?}");
    }
}

macro_rules! travels {
    ($($test:ident: $ty:ty = $values:expr;)*) => {
        proptest! {
            #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]
            $(
            #[test]
            fn $test(value in $values) {
                let value: $ty = value;
                assert_travels(&value);
            }
        )*}
    };
}

travels! {
    scalars: Scalars = some::scalars();
    nested: Nested = some::nested();
    shapes: Vec<Shape> = prop::collection::vec(some::shape(), 0..4);
    renamed: Renamed = some::renamed();
    wide_integers: Wide = some::wide();
    keyed_by_anything: Keyed = some::keyed();
    bytes_in_every_form: Blobs = some::blobs();
    generic: Generic<Generic<Option<i32>>> = some::generic();
    transparent: Meters = any::<f32>().prop_filter("equal to itself", |x| !x.is_nan()).prop_map(Meters);
    internally_tagged: Vec<Internal> = prop::collection::vec(some::internal(), 0..4);
    adjacently_tagged: Vec<Adjacent> = prop::collection::vec(some::adjacent(), 0..4);
    untagged_of_different_shapes: Vec<Untagged> = prop::collection::vec(some::untagged(), 0..4);
    flattened: Flattened = some::flattened();
    with_fields_left_out: Sparse = some::sparse();
    lists_with_fields_left_out: Vec<Option<Sparse>> = prop::collection::vec(prop::option::of(some::sparse()), 0..5);
    variants_with_fields_left_out: Vec<SparseVariant> = prop::collection::vec(some::sparse_variant(), 0..5);
    left_out_inside_of_tags: SparseTagged = some::sparse_tagged();
    left_out_below_everything: Deep = some::deep();
    behind_a_conversion: Converted = some::converted();
    for_people_or_not: Readable = some::readable();
    results: Result<u8, String> = prop::result::maybe_ok(any::<u8>(), ".*");
}

#[test]
fn a_field_left_out_does_not_move_the_next_one_up() {
    let value = Sparse { a: None, b: Some(2), c: vec![], d: vec![4] };
    let bytes = sent(&value, PayloadFormat::Positional);
    assert_eq!(bytes, b"\x82\xa1b\x02\xa1d\x91\x04");
    let whole = Sparse { a: Some(1), b: Some(2), c: vec![3], d: vec![4] };
    assert_eq!(sent(&whole, PayloadFormat::Positional), b"\x94\x01\x02\x91\x03\x91\x04");
}
