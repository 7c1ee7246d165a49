//! The protocol of `tractor` without any I/O: what is said, in which order, and what each message means.
//!
//! Nothing in here opens a socket, reads a clock, draws a random number or names tokio, so every rule of the wire can
//! be tested, fuzzed and searched as plain data.
//!
//! * [`limits`]: every bound, in one place
//! * [`id`]: identities of actors and dialogs
//! * [`addr`]: addresses and their text form
//! * [`msg`]: the closed set of messages
//! * [`trace`]: the trace that a request belongs to
//! * [`codec`]: messages to bytes and back
//! * [`frame`]: the length prefix
//! * [`handshake`]: who may talk to whom
//! * [`guests`]: who has to leave when too many are in their handshake
//! * [`msgpack`]: MessagePack, walked without being decoded
//! * [`payload`], [`args`], [`union`]: values of user types as MessagePack
//! * [`dialog`]: the state machine of one linked task pair, for both ends
//! * [`supervision`]: who is restarted, when, and how often
//! * [`registry`]: who is registered where, and who keeps that list

pub mod dialog;
pub mod msgpack;
pub mod payload;
pub mod registry;
pub mod supervision;
mod wire;

pub use payload::{args, union};
pub use wire::{addr, codec, frame, guests, handshake, id, limits, msg, trace};
