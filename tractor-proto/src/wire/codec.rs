//! Messages to bytes and back.
//!
//! A message is one MessagePack map with text keys. The key `msg_type` holds its name; the other keys are the fields.
//!
//! * [`encode()`] writes `msg_type` first, then every field in the protocol's order, defaults included, integers in
//!   their shortest form: byte for byte what the Python reference writes. Fields of extensions come last and only when
//!   set.
//! * [`decode()`] accepts keys in any order, ignores unknown keys, and fills omitted fields that have a default. It
//!   refuses a missing field, a field of the wrong type, and a key that occurs twice.
//!
//! The most frequent messages have a fast path that builds no [`Msg`](super::msg::Msg): [`YieldHead`], [`StartHead`],
//! [`begin_pld`], [`peek_yield`].
//!
//! # Invariants
//! 1. Decoding never panics, never recurses on the call stack and never allocates by a claimed length: what it
//!    allocates is at most a small factor of the frame's real size.
//! 2. Every raw span in a decoded message (`pld`, `kwargs`, `_bad_msg`, `_bad_msg_as_dict`) shares the frame's memory
//!    and is exactly one well-formed value, nested no deeper than the limit. One exception: the payload of a [`Yield`]
//!    in the usual key order is only known not to be empty. Its consumer must refuse it if it does not decode or leaves
//!    bytes over; code that copies it into another message must first check it with
//!    [`check_one_value`](crate::msgpack::check_one_value).
//! 3. What `encode` writes, `decode` accepts, as long as names and lists keep within [`limits`](super::limits).
//!
//! [`Yield`]: super::msg::Msg::Yield

mod decode;
mod encode;
mod error;
mod fields;
mod heads;
mod key;
mod shorten;
mod start_cache;

pub use decode::{cid_in_part, decode, decode_within};
pub use encode::{encode, encode_aid, encode_error, encode_spawn_spec, encode_start};
pub use error::{DecodeError, Problem};
pub use heads::{
    PldKind, StartExtras, StartHead, YieldHead, begin_pld, encode_credit, encode_pld, encode_start_ack,
    encode_stop, peek_pld, peek_start_ack, peek_yield,
};
pub use shorten::shorten_error;
pub use start_cache::StartCache;
