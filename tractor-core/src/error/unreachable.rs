//! Actors that cannot be reached.

use std::sync::Arc;

use crate::proto::addr::Addr;

/// There is no connection to an address: no process listens there, the listener is no actor of this tree, or it does
/// not answer.
///
/// If this actor has seen the actor at that address die, the error is [`Error::Died`](crate::Error::Died) instead.
#[derive(Debug, Clone, thiserror::Error)]
#[error("no connection to {addr}: {reason}")]
pub struct Unreachable {
    addr: Addr,
    reason: Arc<str>,
}

impl Unreachable {
    pub(crate) fn new(addr: Addr, reason: impl Into<Arc<str>>) -> Self {
        Self { addr, reason: reason.into() }
    }

    pub(super) fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.reason, &other.reason)
    }

    /// The address.
    pub fn addr(&self) -> &Addr {
        &self.addr
    }

    /// Why there is no connection.
    pub fn reason(&self) -> &str {
        &self.reason
    }
}
