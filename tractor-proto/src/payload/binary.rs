//! Byte strings as whole payloads.
//!
//! serde treats a `Vec<u8>` as a list of numbers, and reads text as bytes and bytes as text where it can. Here a
//! payload that is a `Vec<u8>` is MessagePack binary: one copy instead of one visit per byte. Text is never read as
//! bytes, nor bytes as text, because a union of the two must tell them apart.
//!
//! # Not here
//! A `Vec<u8>` inside of another type stays serde's list of numbers; a field that must be binary is a `Bytes`.

use std::any::{Any, TypeId};

use bytes::{Bytes, BytesMut};
use serde_bytes::ByteBuf;

use super::{PayloadError, kind};

/// The bytes of a value that is a `Vec<u8>`.
#[inline]
pub(super) fn bare<T: 'static>(value: &T) -> Option<&[u8]> {
    (value as &dyn Any).downcast_ref::<Vec<u8>>().map(Vec::as_slice)
}

/// Copying fewer bytes than these costs less than sharing them.
const SHARED_BYTES_MIN: usize = 16 * 1024;

fn fits(bytes: &[u8]) -> bool {
    bytes.len() >= SHARED_BYTES_MIN && u32::try_from(bytes.len()).is_ok()
}

/// The bytes of a value that is a large `Bytes`, without a copy.
#[inline]
pub fn share_bytes<T: 'static>(value: &T) -> Option<Bytes> {
    (value as &dyn Any).downcast_ref::<Bytes>().filter(|bytes| fits(bytes)).cloned()
}

/// Appends the head that comes before these [bytes](share_bytes) in the encoding of the value.
///
/// # Panics
/// When they are more than 4 GiB.
pub fn encode_head_of(bytes: &Bytes, out: &mut Vec<u8>) {
    let len = u32::try_from(bytes.len()).expect("`share_bytes` shares no more");
    rmp::encode::write_bin_len(out, len).expect("memory is written to");
}

/// Reads a `T` that is a `Vec<u8>` from MessagePack binary in one copy. `None` leaves the value to `Deserialize`: `T`
/// is another type, or the bytes are a list of numbers, as other serializers write them.
#[inline]
pub(super) fn read_bare<T: 'static>(bytes: &[u8]) -> Option<Result<T, PayloadError>> {
    let mut read: Option<T> = None;
    let slot = (&mut read as &mut dyn Any).downcast_mut::<Option<Vec<u8>>>()?;
    let mut rest = bytes;
    let len = rmp::decode::read_bin_len(&mut rest).ok()?;
    if rest.len() != len as usize {
        return Some(Err(PayloadError::new(format!("it says {len} bytes, and {} follow", rest.len()))));
    }
    *slot = Some(rest.to_vec());
    read.map(Ok)
}

/// Whether [`read_bare`] may read a `T`.
#[inline]
pub(super) fn may_be_bare<T: 'static>() -> bool {
    TypeId::of::<T>() == TypeId::of::<Vec<u8>>()
}

/// Refuses text for bytes, and bytes for text.
#[inline]
pub(super) fn check_kind<T: 'static>(bytes: &[u8]) -> Result<(), PayloadError> {
    let wanted = if is_one_of::<T>(&[TypeId::of::<String>()]) {
        "str"
    } else if is_one_of::<T>(&[TypeId::of::<Bytes>(), TypeId::of::<BytesMut>(), TypeId::of::<ByteBuf>()]) {
        "bytes"
    } else {
        return Ok(());
    };
    match kind(bytes) {
        found @ ("str" | "bytes") if found != wanted => {
            Err(PayloadError::new(format!("invalid type: {found}, expected {wanted}")))
        }
        _ => Ok(()),
    }
}

/// Whether every encoded `T` decodes as a `T` again: `true` for primitive types, texts and bytes.
#[inline]
pub fn always_decodes<T: 'static>() -> bool {
    macro_rules! types {
        ($($ty:ty)*) => { is_one_of::<T>(&[$(TypeId::of::<$ty>()),*]) };
    }
    types! { () bool char u8 u16 u32 u64 usize i8 i16 i32 i64 isize f32 f64 String Vec<u8> Bytes BytesMut ByteBuf }
}

#[inline]
fn is_one_of<T: 'static>(types: &[TypeId]) -> bool {
    types.contains(&TypeId::of::<T>())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::payload::{Payload, PayloadFormat};

    #[test]
    fn bytes_that_are_shared_are_not_copied_and_have_the_encoding_of_their_value() {
        for len in [SHARED_BYTES_MIN, 65_535, 65_536, 1_000_000] {
            let value = Bytes::from(vec![7; len]);
            let (mut whole, mut head) = (Vec::new(), Vec::new());
            value.encode_payload(PayloadFormat::Positional, 1, &mut whole).expect("encodable");
            let shared = share_bytes(&value).expect("many bytes");
            assert_eq!(shared.as_ptr(), value.as_ptr());
            encode_head_of(&shared, &mut head);
            assert!([&head[..], &shared[..]].concat() == whole, "{len}");
        }
        assert_eq!(share_bytes(&Bytes::from(vec![7; SHARED_BYTES_MIN - 1])), None, "too few");
        assert_eq!(
            share_bytes(&ByteBuf::from(vec![7; SHARED_BYTES_MIN])),
            None,
            "it would be copied to be shared"
        );
    }
}
