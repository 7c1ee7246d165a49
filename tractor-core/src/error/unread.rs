//! A stream that nobody reads.
//!
//! Only the side that has opened the context is told. What an endpoint streams to a scope that has dropped its stream
//! is thrown away, because the scope still wants the outcome. In the other direction the sender's data would be lost
//! in silence. Whether that is a failure is for the sender's code to say: the context goes on.

use crate::proto::id::{Cid, Uid};

/// What was sent on a stream has nobody who reads it: the other side has dropped its end, and goes on with something
/// else. Its context is not over.
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
