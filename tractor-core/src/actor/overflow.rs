//! What happens to a stream whose receiver does not keep up.

/// What happens to a stream whose receiver does not keep up; chosen by the receiver when it opens the stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Overflow {
    /// The sender waits: at most `stream_window_bytes` are on their way or queued. A peer that knows
    /// no credit gets a `StreamOverrun` for each value that finds `inbox_messages_max` others queued.
    #[default]
    Backpressure,
    /// Values are queued here without any limit: the receiver's memory is the price for a sender that never waits for
    /// it. For streams whose length is known to be bounded otherwise, and for peers that are trusted to keep it so.
    Buffer,
}
