//! Words of the scripts: ids, payloads and frames.

use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tractor_core::proto::codec;
use tractor_core::proto::frame;
use tractor_core::proto::id::Cid;
use tractor_core::proto::msg::Msg;
use tractor_core::proto::payload::{self, PayloadFormat};

/// A dialog id.
pub(crate) fn cid(text: &str) -> Cid {
    Cid::new(text).expect("a short id")
}

/// A payload as the reference writes it.
pub(crate) fn pld(value: &(impl Serialize + ?Sized)) -> Bytes {
    let mut out = Vec::new();
    payload::encode(value, PayloadFormat::Base, 64, &mut out).expect("the value can be encoded");
    out.into()
}

/// One named argument.
pub(crate) fn kwargs(name: &str, value: impl Serialize) -> Bytes {
    let mut out = vec![0x81];
    out.extend_from_slice(&pld(name));
    out.extend_from_slice(&pld(&value));
    out.into()
}

/// No arguments.
pub(crate) fn no_kwargs() -> Bytes {
    Bytes::from_static(&[0x80])
}

pub(crate) fn value<T: DeserializeOwned>(bytes: &Bytes) -> T {
    payload::decode(bytes, PayloadFormat::Base, 64).expect("a value of this type")
}

/// A message as one frame.
pub(crate) fn frame_of(msg: &Msg) -> Vec<u8> {
    let mut body = Vec::new();
    codec::encode(msg, &mut body);
    framed(&body)
}

/// Any bytes as one frame.
pub(crate) fn framed(body: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let at = frame::begin_frame(&mut out);
    out.extend_from_slice(body);
    frame::end_frame(&mut out, at, usize::MAX).expect("shorter than 4 GiB");
    out
}

/// A message that the protocol does not know: a map from text to any value.
pub(crate) fn foreign(fields: &[(&str, Bytes)]) -> Vec<u8> {
    let mut body = vec![0x80 | u8::try_from(fields.len()).expect("a few fields")];
    for (name, raw) in fields {
        body.extend_from_slice(&pld(name));
        body.extend_from_slice(raw);
    }
    body
}
