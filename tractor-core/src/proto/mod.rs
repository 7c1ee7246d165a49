//! The protocol without any I/O: what is said, in which order, and what each message means.
//!
//! Nothing in here opens a socket, reads a clock, draws a random number or names tokio, so every rule of the wire can
//! be tested, fuzzed and searched as plain data. It builds alone with `--no-default-features`.
//!
//! * [`limits`]: every bound, in one place
//! * [`id`]: identities of actors and dialogs
//! * [`addr`]: addresses and their text form
//! * [`msg`]: the closed set of messages
//! * [`codec`]: messages to bytes and back
//! * [`dialog`]: the state machine of one linked task pair, for both ends
//! * [`frame`]: the length prefix
//! * [`handshake`]: who may talk to whom
//! * [`payload`], [`args`], [`union`]: values of user types as MessagePack
//! * [`supervision`]: who is restarted, when, and how often

pub mod addr;
pub mod args;
pub mod codec;
pub mod dialog;
pub mod frame;
pub mod handshake;
pub mod id;
pub mod limits;
pub mod msg;
pub mod payload;
pub mod supervision;
pub mod union;
