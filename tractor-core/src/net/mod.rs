//! Connections: transports, listeners, and one driver per connection.
//!
//! A connection is a [`Channel`] (the shared sending end, to which tasks append whole frames) and a driver task that
//! owns the socket: it writes appended frames, reads arriving ones and hands each to a [`FrameHandler`]. Nothing here
//! interprets messages.

mod budget;
mod channel;
mod driver;
mod handshake;
mod intake;
mod outgoing;
mod pause;
mod privilege;
mod server;
mod socket_file;
mod spare;
mod transport;
mod uds;

pub(crate) use budget::{Budget, Held, Kind, keeping};
pub(crate) use channel::{Appended, Buffer, Channel};
pub(crate) use driver::{FrameHandler, drive};
pub(crate) use handshake::{FrameReader, HandshakeError, Introduced, Introduction, fresh_secret, introduce};
pub(crate) use outgoing::Frame;
pub(crate) use privilege::{env, has_two_users, is_privileged};
pub(crate) use server::{Listener, bind, default_uds, default_uds_of};
pub(crate) use socket_file::remove_dead;
pub(crate) use spare::{LARGE_BYTES_MIN, SPARE, is_roomy};
pub(crate) use transport::{OtherEnd, Transport, connect};
pub(crate) use uds::{check_parent, runtime_dir, user};
