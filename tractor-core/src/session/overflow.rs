//! The policies for a stream whose receiver does not keep up.

/// The policy for a stream whose receiver does not keep up. The receiver chooses it when it opens the stream.
///
/// Only with [`Backpressure`](Self::Backpressure) does the sender wait for the receiver. Values that came before the
/// stream was opened are kept within the sender's first credit; once it is open, the policy applies to them, too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Overflow {
    /// The sender waits: at most `stream_window_bytes` are in transit or queued. A peer without the `credit` extension
    /// gets a `StreamOverrun` for each value that finds `inbox_messages_max` others queued.
    #[default]
    Backpressure,
    /// A value that finds `inbox_messages_max` others or `stream_window_bytes` queued is refused. This ends the context
    /// on both sides with a [`RemoteActorError`](crate::error::RemoteActorError) of kind
    /// [`StreamOverrun`](crate::error::RemoteKind::StreamOverrun). The receiver gets the error after the queued values,
    /// the sender from its next `send` or at its current await.
    Error,
    /// The sender never waits: values are queued without a limit per stream, up to `waiting_bytes_max` for the whole
    /// actor. For streams of trusted peers that are bounded in another way.
    Buffer,
    /// At most `inbox_messages_max` values are queued, and at most `stream_window_bytes` unless a single value is
    /// larger. A further value replaces the oldest ones, which are lost without notice. For samples, of which a few are
    /// enough.
    DropOldest,
    /// Only the newest value is kept; others are lost without notice. For states: each value replaces the previous
    /// one.
    Latest,
}

impl Overflow {
    /// Whether a lost value is not a failure under this policy.
    pub(super) fn allows_overruns(self) -> bool {
        matches!(self, Self::Buffer | Self::DropOldest | Self::Latest)
    }
}
