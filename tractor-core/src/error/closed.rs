//! The end of a connection.

use std::io;
use std::sync::Arc;

use crate::proto::id::Uid;

/// The connection to a peer ended while something still needed it.
#[derive(Debug, Clone, thiserror::Error)]
#[error("the connection to actor {peer} is closed")]
pub struct TransportClosed {
    peer: Uid,
    #[source]
    reason: CloseReason,
    /// Whether this is the error of a request that never left.
    unsent: bool,
}

impl TransportClosed {
    pub(crate) fn new(peer: Uid, reason: CloseReason) -> Self {
        Self { peer, reason, unsent: false }
    }

    pub(super) fn unsent(self) -> Self {
        Self { unsent: true, ..self }
    }

    pub(super) fn is_unsent(&self) -> bool {
        self.unsent
    }

    /// The actor at the other end.
    pub fn peer(&self) -> &Uid {
        &self.peer
    }

    /// Why the connection ended.
    pub fn reason(&self) -> &CloseReason {
        &self.reason
    }
}

/// Why a connection ended.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum CloseReason {
    /// The peer closed it between two frames.
    #[error("the peer closed it")]
    Eof,
    /// The peer vanished in the middle of a frame.
    #[error("the peer vanished in the middle of a frame")]
    Truncated,
    /// The operating system reported an error.
    #[error(transparent)]
    Io(#[from] Arc<io::Error>),
    /// The peer broke the protocol in a way that costs it the connection.
    #[error("the peer broke the protocol: {0}")]
    Protocol(Arc<str>),
    /// This side closed it.
    #[error("this side closed it")]
    Local,
    /// This side closed it: when the actor's budget was used up, more data waited on this connection than on any other.
    #[error("this side closed it: {0}")]
    OverBudget(Arc<str>),
    /// The actor at the other end reported that it failed as a whole.
    #[error("the peer's runtime failed: {0}")]
    PeerFailed(Arc<str>),
}

impl From<io::Error> for CloseReason {
    fn from(error: io::Error) -> Self {
        Self::Io(Arc::new(error))
    }
}
