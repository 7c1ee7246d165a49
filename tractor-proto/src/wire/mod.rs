//! The wire: messages, their bytes, frames, the handshake, identities, addresses, and every bound.

pub mod addr;
pub mod codec;
pub mod frame;
pub mod guests;
pub mod handshake;
pub mod id;
pub mod limits;
pub mod msg;
pub mod trace;
