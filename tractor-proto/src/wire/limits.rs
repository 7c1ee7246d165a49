//! The bounds of the protocol and the runtime, in one place.
//!
//! Private bounds stand beside the code that they bound. Each error caused by a limit names the field of [`Limits`] or
//! [`Timeouts`] (the *knob*) that sets it.
//!
//! A child actor gets its parent's `Limits` and `Timeouts`, and passes them on to its own children. A knob that the
//! message omits has its default, and the reader skips knobs that it does not know.

use std::time::Duration;

/// Bytes of a frame's length prefix.
pub const FRAME_HEAD_BYTES: usize = 4;
/// When a base peer's frame is over [`Limits::frame_bytes_max`], so many of its first bytes are searched for a dialog
/// id; the rest is skipped.
pub const OVERSIZED_HEAD_BYTES: usize = 256;
/// Longest frame of a handshake: an unknown peer must not make us hold more.
pub const HANDSHAKE_FRAME_BYTES_MAX: usize = 64 * 1024;
/// Least value of [`Limits::frame_bytes_max`], so that every message without a payload fits. A smaller value,
/// configured or announced by a peer, counts as this one.
pub const FRAME_BYTES_MAX_LEAST: usize = 4096;
/// Longest context id in bytes. The reference uses 36-character UUIDs; Rust peers use a few digits.
pub const CID_BYTES_MAX: usize = 39;
/// Longest actor name in bytes.
pub const NAME_BYTES_MAX: usize = 1024;
/// Longest actor uuid text in bytes.
pub const UUID_BYTES_MAX: usize = 64;
/// Most hops in an error's relay path. An actor adds itself up to this length. Of a longer path from a peer, the first
/// and the last hops are kept.
pub const RELAY_PATH_MAX: usize = 64;
/// Longest text of one error field put on the wire; longer ones are cut with a mark.
pub const ERROR_TEXT_BYTES_MAX: usize = 64 * 1024;
/// Longest `tracestate` of a request, from its standard; a longer one is dropped.
pub const TRACESTATE_BYTES_MAX: usize = 512;
/// Largest value that travels with a failure, in bytes; a failure with a larger value travels with its name and texts
/// only.
pub const ERROR_VALUE_BYTES_MAX: usize = 64 * 1024;
/// Deepest nesting of a payload or a failure's value that is put inside an `Error` message.
pub const ERROR_VALUE_DEPTH_MAX: usize = 64;
/// Entries accepted in any envelope list or map (addresses, modules, causes).
pub const ENVELOPE_ENTRIES_MAX: usize = 4096;
/// Deepest nesting of arrays and maps accepted in a frame, the envelope included; as large as the default of
/// [`Limits::nesting_depth_max`].
pub const NESTING_DEPTH_MAX: usize = 128;
/// Deepest nesting of arrays and maps in a value that can be sent, because encoding takes stack for every level. For
/// sending, a larger [`Limits::nesting_depth_max`] counts as this value.
pub const VALUE_DEPTH_MAX: usize = 512;
/// Bytes of a Unix socket's address on Linux; a path must be shorter.
pub const UDS_PATH_BYTES_MAX_LINUX: usize = 108;
/// Bytes of a Unix socket's address on macOS; a path must be shorter.
pub const UDS_PATH_BYTES_MAX_MACOS: usize = 104;
/// Bytes of a Unix socket's address on this platform; a path must be shorter.
pub const UDS_PATH_BYTES_MAX: usize =
    if cfg!(target_os = "linux") { UDS_PATH_BYTES_MAX_LINUX } else { UDS_PATH_BYTES_MAX_MACOS };
/// Bytes of credit that each stream message costs on top of its payload.
pub const MESSAGE_OVERHEAD_BYTES: usize = 64;

/// Bytes that a running request counts in [`Limits::waiting_bytes_max`], on top of its arguments.
pub const REQUEST_BYTES: usize = 1024;

/// Most types examined inside of one payload type, to see whether its structs may travel without field names. A type
/// with more types inside travels with names.
pub const LAYOUT_TYPES_MAX: usize = 1024;
/// Deepest nesting of types examined inside of one payload type. A type with deeper nesting travels with names.
pub const LAYOUT_DEPTH_MAX: usize = 32;

/// Bytes that a stream direction may carry before the receiver grants more; the initial credit at both ends of a
/// dialog.
pub const STREAM_WINDOW_INITIAL_BYTES: usize = 256 * 1024;

/// Entries of each list in an actor's report on itself.
pub const REPORT_ENTRIES_MAX: usize = 256;
/// Dead actors whose addresses an actor remembers; of more it forgets the oldest.
pub const DEATHS_KEPT_MAX: usize = 64;

/// Lines that an actor logs within [`PEER_LOG_WINDOW`] about refused connections, and as many about refused frames;
/// further ones are only counted.
pub const PEER_LOG_LINES_MAX: usize = 10;
/// The window of [`PEER_LOG_LINES_MAX`].
pub const PEER_LOG_WINDOW: Duration = Duration::from_secs(10);

/// A root that has registry addresses decides within this time whether it becomes the registrar.
pub const PROBE_TOTAL: Duration = Duration::from_secs(3);
/// Time for one attempt at a handshake with the listener at a registry's address.
pub const PROBE_ATTEMPT: Duration = Duration::from_secs(1);
/// Attempts at one address.
pub const PROBE_ATTEMPTS_MAX: u32 = 3;
/// Pause after the first attempt; each further pause is longer by the same amount.
pub const PROBE_PAUSE: Duration = Duration::from_millis(50);

// With fast attempts, an address is decided by its attempts and not by the end of the time.
const _: () = assert!(PROBE_PAUSE.as_millis() * 3 < PROBE_ATTEMPT.as_millis());

/// How long an actor that starts waits until it is registered.
pub const REGISTER_WAIT: Duration = Duration::from_secs(1);
/// How long an actor that ends waits for a registrar of the base protocol to forget it.
pub const DEREGISTER_WAIT: Duration = Duration::from_millis(500);
/// First pause between an actor's attempts to connect to a registrar; each further pause is twice as long.
pub const REGISTRAR_PAUSE_MIN: Duration = Duration::from_millis(10);
/// The longest of these pauses.
pub const REGISTRAR_PAUSE_MAX: Duration = Duration::from_secs(2);

/// Addresses that a handle on an actor holds.
pub const REF_ADDRS_MAX: usize = 16;
/// Unused connections that handles have opened and an actor keeps; it closes the oldest ones beyond this number.
pub const LINES_KEPT_MAX: usize = 64;
/// Addresses that are tried when a registrar has many for a name: the latest registered.
pub const ADDRS_TRIED_MAX: usize = 64;

/// Lines of a child's captured output that are kept: the last ones. A panic with its backtrace fits.
pub const CAPTURED_LINES_MAX: usize = 80;
/// Bytes of a child's captured output that are kept: the last ones.
pub const CAPTURED_BYTES_MAX: usize = 64 * 1024;
/// Longest line of a child's output that is kept or passed on, in bytes; a longer line is cut, with a mark.
pub const OUTPUT_LINE_BYTES_MAX: usize = 4096;

/// Events of one supervisor that are kept for its watchers; a slow watcher loses the oldest.
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

            /// The knobs that are not at their defaults: the name and the value as one integer.
            pub(super) fn changed(&self) -> impl Iterator<Item = (&'static str, u64)> {
                let (rows, default) = (self.rows(), Self::default().rows());
                rows.into_iter().zip(default).filter(|(row, default)| row != default).map(|(row, _)| row)
            }

            /// Sets the knob with this name, if there is one.
            pub(super) fn set(&mut self, knob: &str, value: u64) {
                match knob {
                    $(stringify!($knob) => self.$knob = $read(value),)*
                    // A knob of another version of this library.
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
    /// Sizes and counts that bound the cost of peers to this actor.
    Limits: usize, size_of_wire, wire_of_size;

    /// Largest frame body accepted or sent, in bytes; at least 4096. Rust peers announce theirs, and send no larger
    /// frame than the peer accepts.
    frame_bytes_max = 16 * 1024 * 1024,
    /// Deepest nesting of MessagePack arrays and maps accepted or sent, the envelope included.
    nesting_depth_max = 128,
    /// Frames which are not MessagePack that a connection may receive before it is closed.
    bad_frames_max = 4,
    /// Dialogs that a peer may have open on one connection.
    contexts_per_connection_max = 65_536,
    /// Messages that one dialog may queue when the peer has no `credit` extension (the reference's rule). Also the
    /// values that are kept for the slower subscribers of one stream.
    inbox_messages_max = 64,
    /// Bytes that one stream direction may have in flight or queued between peers with the `credit` extension.
    stream_window_bytes = 1024 * 1024,
    /// Bytes that may wait to be written on a connection before senders of values must wait.
    write_buffer_bytes_max = 256 * 1024,
    /// Bytes that may wait for a peer that sends requests but does not read the answers, before its connection is
    /// closed.
    write_backlog_bytes_max = 256 * 1024 * 1024,
    /// Bytes that may wait in an actor, on all of its connections together: messages that peers have not read yet,
    /// values that no task has received yet, the arguments of running requests, and a KiB for each such request.
    /// Arguments count in their encoded size; decoded, a list of small numbers or of empty texts takes a multiple of
    /// it. Not included are the buffers of every connection, about half a MiB when it is busy, and 32 MiB of free
    /// buffers per process.
    ///
    /// When three quarters are used, the connection with the most bytes is closed, with an error that names this knob.
    /// Of a connection to a parent or child, only a quarter of the bytes counts for that. The last quarter is for the
    /// data of closed connections until it is dropped; values that a shielded endpoint or a body still reads are no
    /// longer counted then.
    waiting_bytes_max = 1024 * 1024 * 1024,
    /// Connections, after the handshake, that an actor has accepted and keeps open at once; never more than five
    /// eighths of the files that its process may open (`ulimit -n`) when it begins to listen. Further ones wait in the
    /// system's queue. At most half may be let in over TCP without a proof; further ones of that kind wait as long as a
    /// handshake may take.
    connections_max = 4096,
    /// Connections of unknown peers that are still in their handshake, all over TCP; not counted in `connections_max`,
    /// and never more than one eighth of the files. Beyond this number the oldest connection of the address with the
    /// most connections is closed.
    guests_max = 1024,
    /// Actors that a registrar has in its table without a connection to them: those that speak only the base protocol.
    /// Further ones are refused. Connected actors count in `connections_max`.
    registry_rows_max = 16_384,
    /// Addresses at which one actor may be registered. Further ones are refused.
    registry_addrs_max = 16,
}

knobs! {
    /// How long the runtime waits for an answer before it continues without one.
    ///
    /// A request whose deadline has passed also waits for the end of its remote task, at most
    /// [`context_cancel`](Self::context_cancel).
    ///
    /// | where | knob | default | when it is over |
    /// | --- | --- | --- | --- |
    /// | a context is cancelled, a deadline has passed | `context_cancel` | 0.616 s | `cancel` returns and the scope still waits; a request past its deadline ends |
    /// | an actor is asked to end | `actor_cancel` | 0.5 s | a child gets SIGTERM; for any other actor it is an error, `ActorTooSlow` |
    /// | a child has acknowledged its end and its process still runs | `nursery_cancel` | 3 s | SIGTERM |
    /// | the connection to a child is lost, unannounced | `terminate` | 1.6 s | SIGTERM |
    /// | after SIGTERM | `terminate` | 1.6 s | SIGKILL |
    /// | after SIGKILL | `reap` | 10 s | the process is left, and its nursery fails with `ActorDied` |
    /// | a child answers nothing while a task waits for the end of a cancelled dialog on it | `unresponsive` | 10 s | the child is asked to end, then signalled |
    /// | a child that is cancelled while it boots | none | | SIGKILL at once |
    /// | a child boots | `child_boot` | 10 s | SIGKILL, and an error of `start_actor` |
    /// | a dead child's exit status is read | `exit_status` | 2 s | its death is reported without a status |
    /// | a closing connection writes its last messages; an ending actor waits for its peers; an ending child process waits for its blocking threads | `drain` | 0.5 s | they are dropped |
    /// | a registrar is asked for a name | `registry_answer` | 3 s | the answer of another registrar is used, or the error is `Unreachable` |
    /// | a scope waits at its exit | `scope_warning` | 5 s | a warning names what it waits for, again after pauses that double; the scope waits on |
    /// | both ends of a new connection introduce themselves; the connecting end also waits for a place in the listener's queue | `handshake` | 10 s | the connection is closed |
    Timeouts: Duration, time_of_wire, wire_of_time;

    /// The whole exchange of identities on a new connection; for the connecting end, also the connecting.
    handshake = Duration::from_secs(10),
    /// A new child process: from spawn to the end of its boot.
    child_boot = Duration::from_secs(10),
    /// `Context::cancel`, and a request whose deadline has passed: until the end of the task is acknowledged.
    context_cancel = Duration::from_millis(616),
    /// After an actor is asked to end: until it says that its tasks have ended. When the time is over, a child is sent
    /// a terminate signal.
    actor_cancel = Duration::from_millis(500),
    /// After a child has said that its tasks have ended: until its process is sent a terminate signal.
    nursery_cancel = Duration::from_secs(3),
    /// After the terminate signal: until the kill signal.
    terminate = Duration::from_millis(1600),
    /// After the kill signal: until the process is left to itself. Only the kernel can keep a process alive that long.
    reap = Duration::from_secs(10),
    /// While a cancelled dialog on a child has not ended: how long the child may answer nothing at all before it is
    /// ended. The wait for a child that answers has no limit, however long its dialogs take. Deadlines do not count as
    /// cancellations here.
    unresponsive = Duration::from_secs(10),
    /// After a child's connection ended: until its death is reported without an exit status. After another actor's
    /// connection over a Unix socket ended unannounced: until that counts as a close by a living actor and not as its
    /// death.
    exit_status = Duration::from_secs(2),
    /// A question to a registrar for a name: connecting, if there is no connection, and the answer. Waiting for a name
    /// has no limit.
    registry_answer = Duration::from_secs(3),
    /// Last messages of a closing connection: until they are dropped unsent.
    drain = Duration::from_millis(500),
    /// A nursery, or the scope of a context or stream, waits at its exit: until a warning names what it waits for. Each
    /// further pause is twice as long. The warning ends nothing.
    scope_warning = Duration::from_secs(5),
}

fn size_of_wire(value: u64) -> usize {
    usize::try_from(value).unwrap_or(usize::MAX)
}

fn wire_of_size(size: usize) -> u64 {
    u64::try_from(size).unwrap_or(u64::MAX)
}

/// A time from microseconds; `u64::MAX` stands for every time that does not fit.
fn time_of_wire(value: u64) -> Duration {
    if value == u64::MAX { Duration::MAX } else { Duration::from_micros(value) }
}

fn wire_of_time(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}
