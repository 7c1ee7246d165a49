//! The protocol of `tractor` without any I/O: the messages, their order, and what each one means.
//!
//! Nothing in this crate opens a socket, reads a clock, draws a random number or uses tokio.
//!
//! * [`limits`]: every bound, in one place
//! * [`id`]: identities of actors and dialogs
//! * [`addr`]: addresses and their text form
//! * [`msg`]: the closed set of messages
//! * [`trace`]: the trace that a request belongs to
//! * [`codec`]: messages to bytes and back
//! * [`frame`]: the length prefix
//! * [`handshake`]: which peers are let in
//! * [`guests`]: which connection is closed when too many are in their handshake
//! * [`msgpack`]: walking MessagePack without decoding it
//! * [`payload`], [`args`], [`union`]: values of user types as MessagePack
//! * [`dialog`]: the state machine of one linked task pair, for both ends
//! * [`supervision`]: which children are restarted, when, and how often
//! * [`registry`]: which actor is registered where, and which actor keeps that list

pub mod dialog;
pub mod msgpack;
pub mod payload;
pub mod registry;
pub mod supervision;
mod wire;

pub use payload::{args, union};
pub use wire::{addr, codec, frame, guests, handshake, id, limits, msg, trace};
