//! Every bound of the protocol and the runtime, in one place.
//!
//! A peer can make an actor hold at most what stands here. Each error caused by a limit names the field of
//! [`Limits`] or [`Timeouts`] (the *knob*) that sets it.
//!
//! # Not here
//! Policies (what happens when a limit is hit) live where the limit is checked.

use std::time::Duration;

/// Bytes of a frame's length prefix.
pub const FRAME_HEAD_BYTES: usize = 4;
/// Longest frame of a handshake. A peer that has not introduced itself must not make us hold more.
pub const HANDSHAKE_FRAME_BYTES_MAX: usize = 64 * 1024;
/// Longest context id in bytes. The reference uses 36-character UUIDs; Rust peers use a few digits.
pub const CID_BYTES_MAX: usize = 39;
/// Longest actor name in bytes.
pub const NAME_BYTES_MAX: usize = 1024;
/// Longest actor uuid text in bytes.
pub const UUID_BYTES_MAX: usize = 64;
/// Hops kept in an error's relay path. An actor adds itself up to this length; of a longer path that a peer sends, the
/// first and the last hops are kept.
pub const RELAY_PATH_MAX: usize = 64;
/// Longest text of one error field put on the wire; longer ones are cut with a mark.
pub const ERROR_TEXT_BYTES_MAX: usize = 64 * 1024;
/// Largest value of a failure that travels with it, in bytes; of a larger one only the name and the texts do.
pub const ERROR_VALUE_BYTES_MAX: usize = 64 * 1024;
/// Deepest nesting of a payload or a failure's value that is put inside an `Error` message.
pub const ERROR_VALUE_DEPTH_MAX: usize = 64;
/// Entries accepted in any envelope list or map (addresses, modules, causes).
pub const ENVELOPE_ENTRIES_MAX: usize = 4096;
/// Deepest nesting of arrays and maps accepted in a frame, the envelope included; default of
/// [`Limits::nesting_depth_max`].
pub const NESTING_DEPTH_MAX: usize = 128;
/// Bytes of a Unix socket's address on Linux; a path must be shorter.
pub const UDS_PATH_BYTES_MAX_LINUX: usize = 108;
/// Bytes of a Unix socket's address on macOS; a path must be shorter.
pub const UDS_PATH_BYTES_MAX_MACOS: usize = 104;
/// Bytes of a Unix socket's address on this platform; a path must be shorter.
pub const UDS_PATH_BYTES_MAX: usize =
    if cfg!(target_os = "linux") { UDS_PATH_BYTES_MAX_LINUX } else { UDS_PATH_BYTES_MAX_MACOS };
/// What each queued stream message costs on top of its payload when credit is counted.
pub const MESSAGE_OVERHEAD_BYTES: usize = 64;

/// Longest schema of an endpoint put on the wire or read from it, in bytes of its text.
pub const SCHEMA_BYTES_MAX: usize = 32 * 1024;
/// Types in the schema of one payload; those after it count as any type.
pub const SCHEMA_NODES_MAX: usize = 1024;
/// Deepest nesting of types in a schema; what is deeper counts as any type.
pub const SCHEMA_DEPTH_MAX: usize = 32;

/// Bytes a stream direction may carry before the receiver grants more; both ends of a dialog start from it.
pub const STREAM_WINDOW_INITIAL_BYTES: usize = 256 * 1024;

/// Sizes and counts that bound what a peer may cost this actor.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Largest frame body accepted or sent, in bytes.
    pub frame_bytes_max: usize,
    /// Deepest nesting of MessagePack arrays and maps accepted.
    pub nesting_depth_max: usize,
    /// Frames that are not MessagePack tolerated per connection before it is closed.
    pub bad_frames_max: usize,
    /// Dialogs a peer may have open on one connection.
    pub contexts_per_connection_max: usize,
    /// Messages one dialog may queue when the peer knows no credit (the reference's rule); values kept for the slower
    /// subscribers of one stream.
    pub inbox_messages_max: usize,
    /// Bytes one stream direction may have in flight or queued between peers that know credit.
    pub stream_window_bytes: usize,
    /// Bytes a connection may have waiting to be written before senders of values wait.
    pub write_buffer_bytes_max: usize,
    /// Bytes that may wait for a peer that sends requests but does not read the answers, before its connection is
    /// closed.
    pub write_backlog_bytes_max: usize,
    /// Connections a server keeps at once.
    pub connections_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            frame_bytes_max: 16 * 1024 * 1024,
            nesting_depth_max: NESTING_DEPTH_MAX,
            bad_frames_max: 4,
            contexts_per_connection_max: 65_536,
            inbox_messages_max: 64,
            stream_window_bytes: 1024 * 1024,
            write_buffer_bytes_max: 1024 * 1024,
            write_backlog_bytes_max: 256 * 1024 * 1024,
            connections_max: 4096,
        }
    }
}

/// How long the runtime waits before it goes on without an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Timeouts {
    /// Accepting side: the whole exchange of identities.
    pub handshake: Duration,
    /// A new child process: from spawn to the end of its boot.
    pub child_boot: Duration,
    /// `Context::cancel`: until the request is acknowledged.
    pub context_cancel: Duration,
    /// `Portal::cancel_actor`: until the request is acknowledged.
    pub actor_cancel: Duration,
    /// A cancelled nursery: until every remaining child is sent a terminate signal.
    pub nursery_cancel: Duration,
    /// After the terminate signal: until the kill signal.
    pub terminate: Duration,
    /// After a child's connection ended: until its death is reported without an exit status.
    pub exit_status: Duration,
    /// Last messages of a closing connection: until they are dropped unsent.
    pub drain: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            handshake: Duration::from_secs(10),
            child_boot: Duration::from_secs(10),
            context_cancel: Duration::from_millis(616),
            actor_cancel: Duration::from_millis(500),
            nursery_cancel: Duration::from_secs(3),
            terminate: Duration::from_millis(1600),
            exit_status: Duration::from_secs(2),
            drain: Duration::from_millis(500),
        }
    }
}
