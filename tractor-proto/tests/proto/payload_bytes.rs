//! Byte strings: the types that are MessagePack binary, and the values that are read as one.

use bytes::{Bytes, BytesMut};
use proptest::prelude::*;
use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;
use tractor_proto::payload::{Payload, PayloadFormat, encode_arg, kind};

use PayloadFormat::{Base, ByName, Positional};

const FORMATS: [PayloadFormat; 3] = [Positional, ByName, Base];

fn sent<T: Payload>(value: &T, format: PayloadFormat) -> Vec<u8> {
    let mut out = Vec::new();
    value.encode_payload(format, 8, &mut out).unwrap();
    out
}

fn read<T: Payload>(bytes: &[u8], format: PayloadFormat) -> Result<T, String> {
    T::decode_payload(bytes, format, 8).map_err(|error| error.to_string())
}

fn numbers(bytes: &[u8]) -> Vec<u8> {
    rmp_serde::to_vec(bytes).unwrap()
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Blob {
    fixed: Bytes,
    grows: BytesMut,
    owned: ByteBuf,
}

/// Checks that a type, as a whole value, is binary in each format, and is read from binary and from a list of numbers.
macro_rules! assert_binary {
    ($bytes:ident: $($ty:ty)*) => {$(
        for format in FORMATS {
            let value = <$ty>::from($bytes.clone());
            let encoded = sent(&value, format);
            assert_eq!(kind(&encoded), "bytes", "{} {:?}", stringify!($ty), format);
            assert_eq!(encoded.len(), head_bytes($bytes.len()) + $bytes.len());
            assert_eq!(read::<$ty>(&encoded, format), Ok(value.clone()));
            assert_eq!(read::<$ty>(&numbers(&$bytes), format), Ok(value));
        }
    )*};
}

fn head_bytes(len: usize) -> usize {
    match len {
        0..=0xff => 2,
        0x100..=0xffff => 3,
        _ => 5,
    }
}

fn assert_whole(bytes: Vec<u8>) {
    assert_binary! { bytes: Vec<u8> Bytes ByteBuf }
    for format in FORMATS {
        let value = BytesMut::from(&bytes[..]);
        assert_eq!(read::<BytesMut>(&sent(&value, format), format), Ok(value));
    }
    let mut out = Vec::new();
    encode_arg(&bytes, ByName, 8, &mut out).unwrap();
    assert_eq!(out, sent(&bytes, ByName));
}

fn assert_fields(bytes: Vec<u8>) {
    let blob = Blob { fixed: bytes.clone().into(), grows: bytes[..].into(), owned: bytes.clone().into() };
    assert!(<Blob as Payload>::is_positional());
    for format in FORMATS {
        let encoded = sent(&blob, format);
        let names = if format == Positional { 1 } else { 1 + 3 * 6 };
        assert_eq!(encoded.len(), names + 3 * (head_bytes(bytes.len()) + bytes.len()));
        assert_eq!(read::<Blob>(&encoded, format), Ok(blob.clone()));
    }
}

fn some_bytes() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(any::<u8>(), 0..300)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_whole_value_is_binary_and_read_from_either_form(bytes in some_bytes()) {
        assert_whole(bytes);
    }

    #[test]
    fn fields_are_binary(bytes in some_bytes()) {
        assert_fields(bytes);
    }

    #[test]
    fn binary_is_read_as_a_whole_or_refused(
        head in prop::sample::select(vec![&[0xc4][..], &[0xc5, 0], &[0xc6, 0, 0, 0]]),
        len in 0..30u8,
        bytes in prop::collection::vec(any::<u8>(), 0..30),
    ) {
        let encoded = [head, &[len], &bytes].concat();
        for format in FORMATS {
            let value = read::<Vec<u8>>(&encoded, format).ok();
            prop_assert_eq!(value, (bytes.len() == usize::from(len)).then(|| bytes.clone()));
        }
    }
}

/// Around the longest that each kind of head stands for.
#[test]
fn a_longer_head_begins_where_a_shorter_one_is_full() {
    for len in [0, 0xff, 0x100, 0xffff, 0x1_0000] {
        let bytes: Vec<u8> = (0..=u8::MAX).cycle().take(len).collect();
        assert_whole(bytes.clone());
        assert_fields(bytes);
    }
}

#[test]
fn inside_of_other_types_a_list_of_numbers_stays_one() {
    for format in FORMATS {
        assert_eq!(sent(&Some(vec![1u8, 2]), format), [0x92, 1, 2]);
        assert_eq!(sent(&vec![vec![7u8]], format), [0x91, 0x91, 7]);
        assert_eq!(sent(&(vec![7u8],), format), [0x91, 0x91, 7]);
        assert_eq!(
            read::<(Vec<u8>,)>(b"\x91\xc4\x01\x07", format),
            Ok((vec![7],)),
            "and is read from binary"
        );
        assert_eq!(read::<Option<Vec<u8>>>(b"\xc4\x01\x07", format), Ok(Some(vec![7])));
    }
}

#[test]
fn a_binary_that_ends_too_early_or_too_late_is_refused() {
    for format in FORMATS {
        for bytes in [&b"\xc4\x03ab"[..], b"\xc4", b"\xc6\xff\xff\xff\xffab", b"\xc4\x01ab", b"\xc4\x01a\xc0"]
        {
            read::<Vec<u8>>(bytes, format).unwrap_err();
            read::<Bytes>(bytes, format).unwrap_err();
        }
        assert_eq!(read::<Vec<u8>>(b"\xc4\x01a\xc0", format).unwrap_err(), "it says 1 bytes, and 2 follow");
    }
}

#[test]
fn text_is_no_bytes_and_bytes_are_no_text() {
    let (text, bytes) = (b"\xa2ab", b"\xc4\x02ab");
    for format in FORMATS {
        assert_eq!(read::<String>(text, format).as_deref(), Ok("ab"));
        assert_eq!(read::<String>(bytes, format).unwrap_err(), "invalid type: bytes, expected str");
        assert_eq!(read::<Bytes>(text, format).unwrap_err(), "invalid type: str, expected bytes");
        read::<BytesMut>(text, format).unwrap_err();
        read::<ByteBuf>(text, format).unwrap_err();
        read::<Vec<u8>>(text, format).unwrap_err();
    }
}
