//! What happens to a stream whose receiver does not keep up.

/// What happens to a stream whose receiver does not keep up; chosen by the receiver when it opens the stream.
///
/// Only with [`Backpressure`](Self::Backpressure) does the sender wait for the receiver. Values that came before the
/// stream was opened are kept within its sender's first credit; from then on the policy counts, for them too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Overflow {
    /// The sender waits: at most `stream_window_bytes` are on their way or queued. A peer that knows
    /// no credit gets a `StreamOverrun` for each value that finds `inbox_messages_max` others queued.
    #[default]
    Backpressure,
    /// A value that finds `inbox_messages_max` others queued, or `stream_window_bytes`, is refused, and ends the
    /// context on both sides with a
    /// [`RemoteActorError`](crate::error::RemoteActorError) of kind
    /// [`StreamOverrun`](crate::error::RemoteKind::StreamOverrun). The receiver gets it after the values that were
    /// queued, the sender from its next `send` or where it waits.
    Error,
    /// Values are queued here without a limit of the stream's: the receiver's memory is the price for a sender that
    /// never waits for it, up to `waiting_bytes_max` of the whole actor. For streams whose length is known to be
    /// bounded otherwise, and for peers that are trusted to keep it so.
    Buffer,
    /// At most `inbox_messages_max` values are queued, of at most `stream_window_bytes` unless a single one is
    /// larger; a further one takes the place of the oldest, which are lost without notice. For samples of which a few
    /// are as good as all.
    DropOldest,
    /// Only the newest value is kept; others are lost without notice. For states, each of which replaces the one
    /// before.
    Latest,
}

impl Overflow {
    /// Whether whoever chose this takes values that are lost for want of room as no failure.
    pub(super) fn allows_overruns(self) -> bool {
        matches!(self, Self::Buffer | Self::DropOldest | Self::Latest)
    }
}
