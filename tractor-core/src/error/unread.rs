//! A stream that nobody reads.
//!
//! Only the side that opened the context gets this error. Values that an endpoint streams to a scope that has dropped
//! its stream are thrown away, because the scope still wants the outcome. In the other direction the sender's data
//! would be lost in silence. The sender's code decides whether that is a failure: the context goes on.

use crate::proto::id::{Cid, Uid};

/// A value was sent on a stream that nobody reads: the other side has dropped its end, and does something else. The
/// context is not over.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("actor {peer} reads this stream no more: it has dropped its end (context {cid})")]
pub struct StreamUnread {
    peer: Uid,
    cid: Cid,
}

impl StreamUnread {
    pub(crate) fn new(peer: Uid, cid: Cid) -> Self {
        Self { peer, cid }
    }

    /// The actor that does not read.
    pub fn peer(&self) -> &Uid {
        &self.peer
    }
}
