//! A stream whose other side no longer reads.
//!
//! Only the side that opened the context gets this error, and the context goes on. If a scope has dropped its stream,
//! later values of the endpoint are dropped silently, because the scope still wants the outcome.

use crate::proto::id::{Cid, Uid};

/// A value was sent on a stream whose other side has dropped its end. The context is not over.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("actor {peer} no longer reads this stream: it has dropped its end (context {cid})")]
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
