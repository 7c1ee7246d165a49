//! The bounds of the protocol and the runtime that have a knob, in one place.
//!
//! Bounds without a knob stand beside what they bound. Each error caused by a limit names the field of
//! [`Limits`] or [`Timeouts`] (the *knob*) that sets it.
//!
//! A child actor gets its parent's `Limits` and `Timeouts` when it is started, and hands them on to its own children. A
//! row that a message does not name has its default; one that the reader does not know is skipped, so that both may
//! come from different versions.
//!
//! # Not here
//! Policies (what happens when a limit is hit) live where the limit is checked.

use std::time::Duration;

/// Bytes of a frame's length prefix.
pub const FRAME_HEAD_BYTES: usize = 4;
/// Bytes of a frame over [`Limits::frame_bytes_max`] in which a base peer's dialog id is looked for; the rest is
/// skipped.
pub const OVERSIZED_HEAD_BYTES: usize = 256;
/// Longest frame of a handshake. A peer that has not introduced itself must not make us hold more.
pub const HANDSHAKE_FRAME_BYTES_MAX: usize = 64 * 1024;
/// Least value of [`Limits::frame_bytes_max`]: what has no payload fits. Whatever less an actor is given, or a peer
/// says, counts as this.
pub const FRAME_BYTES_MAX_LEAST: usize = 4096;
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
/// Longest `tracestate` of a request, as its standard says; a longer one is left out.
pub const TRACESTATE_BYTES_MAX: usize = 512;
/// Largest value of a failure that travels with it, in bytes; of a larger one only the name and the texts do.
pub const ERROR_VALUE_BYTES_MAX: usize = 64 * 1024;
/// Deepest nesting of a payload or a failure's value that is put inside an `Error` message.
pub const ERROR_VALUE_DEPTH_MAX: usize = 64;
/// Entries accepted in any envelope list or map (addresses, modules, causes).
pub const ENVELOPE_ENTRIES_MAX: usize = 4096;
/// Deepest nesting of arrays and maps accepted in a frame, the envelope included; as large as the default of
/// [`Limits::nesting_depth_max`].
pub const NESTING_DEPTH_MAX: usize = 128;
/// Deepest nesting of arrays and maps in a value that can be sent; a larger [`Limits::nesting_depth_max`] counts as
/// this there, for encoding takes stack for every level.
pub const VALUE_DEPTH_MAX: usize = 512;
/// Bytes of a Unix socket's address on Linux; a path must be shorter.
pub const UDS_PATH_BYTES_MAX_LINUX: usize = 108;
/// Bytes of a Unix socket's address on macOS; a path must be shorter.
pub const UDS_PATH_BYTES_MAX_MACOS: usize = 104;
/// Bytes of a Unix socket's address on this platform; a path must be shorter.
pub const UDS_PATH_BYTES_MAX: usize =
    if cfg!(target_os = "linux") { UDS_PATH_BYTES_MAX_LINUX } else { UDS_PATH_BYTES_MAX_MACOS };
/// What each queued stream message costs on top of its payload when credit is counted.
pub const MESSAGE_OVERHEAD_BYTES: usize = 64;

/// What a request that runs counts in [`Limits::waiting_bytes_max`], on top of its arguments.
pub const REQUEST_BYTES: usize = 1024;

/// Types looked at inside of one payload type, to see whether its structs may travel without field names; one with more
/// has names.
pub const LAYOUT_TYPES_MAX: usize = 1024;
/// Deepest nesting of types inside of one payload type; one with deeper ones has names.
pub const LAYOUT_DEPTH_MAX: usize = 32;

/// Bytes a stream direction may carry before the receiver grants more; both ends of a dialog start from it.
pub const STREAM_WINDOW_INITIAL_BYTES: usize = 256 * 1024;

/// Entries of each list in what an actor says of itself.
pub const REPORT_ENTRIES_MAX: usize = 256;
/// Deaths that an actor knows the address of; it forgets the oldest.
pub const DEATHS_KEPT_MAX: usize = 64;

/// Lines that an actor logs within [`PEER_LOG_WINDOW`] about those who connect and are not let in, and again so many
/// about frames that it cannot take; the others are counted.
pub const PEER_LOG_LINES_MAX: usize = 10;
/// The time within which these are counted.
pub const PEER_LOG_WINDOW: Duration = Duration::from_secs(10);

/// A root that has registries decides within this time what it becomes.
pub const PROBE_TOTAL: Duration = Duration::from_secs(3);
/// For one attempt to greet whoever listens at a registry's address.
pub const PROBE_ATTEMPT: Duration = Duration::from_secs(1);
/// Attempts at one address.
pub const PROBE_ATTEMPTS_MAX: u32 = 3;
/// After the first attempt; after each further one it is as much longer.
pub const PROBE_PAUSE: Duration = Duration::from_millis(50);

// Every address is decided by its attempts, not by the end of the time, where attempts are not slow.
const _: () = assert!(PROBE_PAUSE.as_millis() * 3 < PROBE_ATTEMPT.as_millis());

/// How long an actor that starts waits until it is registered.
pub const REGISTER_WAIT: Duration = Duration::from_secs(1);
/// How long an actor that ends waits for a registrar of the base protocol to forget it.
pub const DEREGISTER_WAIT: Duration = Duration::from_millis(500);
/// Before an actor connects to a registrar again whose connection was lost; each further pause is twice as long.
pub const REGISTRAR_PAUSE_MIN: Duration = Duration::from_millis(50);
/// The longest of these pauses.
pub const REGISTRAR_PAUSE_MAX: Duration = Duration::from_secs(2);

/// Addresses of an actor in a handle on it.
pub const REF_ADDRS_MAX: usize = 16;
/// Connections that handles have led to, and that are not used, before an actor closes the oldest of them.
pub const LINES_KEPT_MAX: usize = 64;
/// Addresses that are tried of what a registrar tells of a name, the last ones; whoever is registered before is left
/// out.
pub const ADDRS_TRIED_MAX: usize = 64;

/// Lines kept of what a child writes, where it is captured: the last ones. A panic with its backtrace fits.
pub const CAPTURED_LINES_MAX: usize = 80;
/// Bytes of these lines that are kept, the last ones.
pub const CAPTURED_BYTES_MAX: usize = 64 * 1024;
/// Longest line of a child's output that is kept or passed on, in bytes; of a longer one this much is, with a mark.
pub const OUTPUT_LINE_BYTES_MAX: usize = 4096;

/// Events of one supervisor kept for who watches it; slower watchers lose the oldest.
pub const SUPERVISION_EVENTS_MAX: usize = 256;

/// Declares a table of knobs: a struct with a default for every field, and its fields by name.
macro_rules! knobs {
    (
        $(#[$attr:meta])*
        $table:ident: $unit:ty, $read:path, $write:path;
        $($(#[$doc:meta])* $knob:ident = $default:expr,)*
    ) => {
        $(#[$attr])*
        #[derive(Debug, Clone, PartialEq, Eq)]
        #[non_exhaustive]
        pub struct $table {
            $(
                $(#[$doc])*
                #[doc = concat!("\n\nDefault: `", stringify!($default), "`.")]
                pub $knob: $unit,
            )*
        }

        impl Default for $table {
            fn default() -> Self {
                Self { $($knob: $default,)* }
            }
        }

        impl $table {
            $(
                #[doc = concat!("Sets `", stringify!($knob), "`.")]
                #[must_use]
                pub fn $knob(mut self, value: $unit) -> Self {
                    self.$knob = value;
                    self
                }
            )*

            /// Every knob by its name, as one integer, that is not at its default.
            pub(super) fn changed(&self) -> impl Iterator<Item = (&'static str, u64)> {
                let (rows, default) = (self.rows(), Self::default().rows());
                rows.into_iter().zip(default).filter(|(row, default)| row != default).map(|(row, _)| row)
            }

            /// Sets the knob with this name, if there is one.
            pub(super) fn set(&mut self, knob: &str, value: u64) {
                match knob {
                    $(stringify!($knob) => self.$knob = $read(value),)*
                    // Of another version of this library.
                    _ => {}
                }
            }

            fn rows(&self) -> [(&'static str, u64); [$(stringify!($knob)),*].len()] {
                [$((stringify!($knob), $write(self.$knob))),*]
            }
        }
    };
}

knobs! {
    /// Sizes and counts that bound what a peer may cost this actor.
    Limits: usize, size_of_wire, wire_of_size;

    /// Largest frame body accepted or sent, in bytes; at least [`FRAME_BYTES_MAX_LEAST`]. Rust peers tell each other,
    /// and send none that the other does not accept.
    frame_bytes_max = 16 * 1024 * 1024,
    /// Deepest nesting of MessagePack arrays and maps accepted or sent, the envelope included.
    nesting_depth_max = 128,
    /// Frames that are not MessagePack tolerated per connection before it is closed.
    bad_frames_max = 4,
    /// Dialogs a peer may have open on one connection.
    contexts_per_connection_max = 65_536,
    /// Messages one dialog may queue when the peer knows no credit (the reference's rule); values kept for the slower
    /// subscribers of one stream.
    inbox_messages_max = 64,
    /// Bytes one stream direction may have in flight or queued between peers that know credit.
    stream_window_bytes = 1024 * 1024,
    /// Bytes a connection may have waiting to be written before senders of values wait.
    write_buffer_bytes_max = 1024 * 1024,
    /// Bytes that may wait for a peer that sends requests but does not read the answers, before its connection is
    /// closed.
    write_backlog_bytes_max = 256 * 1024 * 1024,
    /// Bytes that may wait in an actor for somebody else, on all of its connections together: what peers have not read,
    /// values that nobody has received, arguments of requests that run (as they were sent: decoded, a list of small
    /// numbers or of empty texts takes a multiple), and [`REQUEST_BYTES`] for each of these requests. When three
    /// quarters are used, the connection that has most is closed, with an error that names this knob; of one to a
    /// parent or child a quarter counts. The last quarter is for what the closed ones still have, until it is dropped;
    /// values that a shielded endpoint or a body still reads do not count then. What every connection has anyway, about
    /// half a MiB of buffers when it is busy, comes on top, and 8 MiB of free ones in a process.
    waiting_bytes_max = 1024 * 1024 * 1024,
    /// Connections an actor has at once with peers that have connected to it, after the handshake; never more than five
    /// of eight files that its process may open (`ulimit -n`) as it begins to listen. Over it the next ones wait in the
    /// system's queue. Half of them at most were let in over TCP without a proof; more of those wait for as long as a
    /// handshake may take.
    connections_max = 4096,
    /// Connections an actor has at once, besides, with peers that are still in their handshake and may be anybody: all
    /// over TCP; never more than one of eight files. Over it the oldest one of the address that has most is closed.
    guests_max = 1024,
    /// Actors that a registrar has in its table without being connected to them, which are those that speak the base
    /// protocol only. Over it the next ones are refused. Those that are connected count in `connections_max`.
    registry_rows_max = 16_384,
    /// Addresses at which an actor is registered. Over it the next ones are refused.
    registry_addrs_max = 16,
}

knobs! {
    /// How long the runtime waits before it goes on without an answer.
    ///
    /// A request whose deadline has passed also waits for the end of its remote task, at most
    /// [`context_cancel`](Self::context_cancel).
    ///
    /// | where | knob | default | when it is over |
    /// | --- | --- | --- | --- |
    /// | a context is cancelled, a deadline has passed | `context_cancel` | 0.616 s | go on; the scope still waits, a deadline does not |
    /// | an actor is asked to end | `actor_cancel` | 0.5 s | a child gets SIGTERM; for any other actor it is an error, `ActorTooSlow` |
    /// | a child that said it ends is waited for | `nursery_cancel` | 3 s | SIGTERM |
    /// | the connection to a child is lost, unannounced | `terminate` | 1.6 s | SIGTERM |
    /// | after SIGTERM | `terminate` | 1.6 s | SIGKILL |
    /// | after SIGKILL | `reap` | 10 s | the process is left, and its nursery fails with `ActorDied` |
    /// | a child answers nothing, while the end of a dialog on it is waited for | `unresponsive` | 10 s | it is ended: asked, then signalled |
    /// | a child that is cancelled while it boots | none | | SIGKILL at once |
    /// | a child boots | `child_boot` | 10 s | SIGKILL, and an error of `start_actor` |
    /// | a dead child's exit status is read | `exit_status` | 2 s | its death is reported without |
    /// | the last messages of a connection that closes are written; an actor that ends waits for its peers; a child process for its blocking threads | `drain` | 0.5 s | they are dropped |
    /// | a registrar is asked for a name | `registry_answer` | 3 s | another one's answer counts, or it is `Unreachable` |
    /// | a scope waits at its exit | `scope_warning` | 5 s | it says for whom, and again after pauses that double; it waits on |
    /// | both ends of a new connection introduce themselves; who connects waits for room in the queue of who listens | `handshake` | 10 s | the connection is closed |
    Timeouts: Duration, time_of_wire, wire_of_time;

    /// The whole exchange of identities on a new connection; for who connects, the connecting as well.
    handshake = Duration::from_secs(10),
    /// A new child process: from spawn to the end of its boot.
    child_boot = Duration::from_secs(10),
    /// `Context::cancel`, and a request whose deadline has passed: until the end of the task is acknowledged.
    context_cancel = Duration::from_millis(616),
    /// An actor that is asked to end: until it says that its tasks have. A child is sent a terminate signal then.
    actor_cancel = Duration::from_millis(500),
    /// A child that has said so: until its process is sent a terminate signal.
    nursery_cancel = Duration::from_secs(3),
    /// After the terminate signal: until the kill signal.
    terminate = Duration::from_millis(1600),
    /// After the kill signal: until the process is left to itself. Only the kernel can keep it that long.
    reap = Duration::from_secs(10),
    /// A dialog on a child was cancelled and has not ended: how long the child may answer nothing at all until it is
    /// ended. A child that answers is waited for, however long its dialogs take. Deadlines do not count as
    /// cancellations here.
    unresponsive = Duration::from_secs(10),
    /// After a child's connection ended: until its death is reported without an exit status. When another
    /// actor's connection over a Unix socket ends without a word: until it counts as closed by an actor that lives.
    exit_status = Duration::from_secs(2),
    /// A registrar that is asked for a name: the connection, if there is none, and the answer. Waiting for a name has
    /// no limit.
    registry_answer = Duration::from_secs(3),
    /// Last messages of a closing connection: until they are dropped unsent.
    drain = Duration::from_millis(500),
    /// A nursery, or the scope of a context or stream, that waits at its exit: until a warning says for whom. Each
    /// further pause is twice as long. Nothing is ended by that.
    scope_warning = Duration::from_secs(5),
}

fn size_of_wire(value: u64) -> usize {
    usize::try_from(value).unwrap_or(usize::MAX)
}

fn wire_of_size(size: usize) -> u64 {
    u64::try_from(size).unwrap_or(u64::MAX)
}

/// Microseconds; the longest time stands for all longer ones.
fn time_of_wire(value: u64) -> Duration {
    if value == u64::MAX { Duration::MAX } else { Duration::from_micros(value) }
}

fn wire_of_time(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}
