//! Shields keep an endpoint from being dropped in the middle of its cleanup.
//!
//! A shield defers the drop of the whole endpoint, because a future cannot be dropped in part. It has no time limit,
//! but the actor's parent has one, after which it kills the actor.

use std::sync::Arc;

use super::current::current_session;
use crate::session::SessionEnd;

/// Runs a future to its end, even if the running endpoint is cancelled meanwhile.
///
/// A cancelled endpoint is dropped at its next await. With a running shield the whole endpoint goes on until the
/// shielded future is ready, and is dropped at its first await after that. Shields may be nested or concurrent; the
/// last one to end counts. The end of the endpoint is then still a cancellation, even if it returns a value; an error
/// that it returns is reported instead.
///
/// * Use it for cleanup that must not be cut short, after [`cancelled`](crate::ContextHandle::cancelled) or around an
///   await between two steps that belong together. The actor that asked for the end waits for it.
/// * A shield does not extend the time limits of its actor's parent: an actor that has to end and takes longer than
///   [`Timeouts::actor_cancel`](crate::proto::limits::Timeouts::actor_cancel) is signalled, then killed.
/// * It protects an endpoint from the end of its dialog only: the body of a scope is still dropped when its other side
///   fails, and a `timeout` or `select!` around a shield still drops the shield.
/// * Outside of an endpoint, such as in `main` or in a task made with `tokio::spawn`, it just runs the future.
///
/// If the connection is gone, or the other side has failed, `receive` and `send` on the endpoint's own stream fail even
/// inside of a shield, so that it cannot wait for them for ever.
///
/// ```
/// # use tractor_core as tractor;
/// # async fn read_page() -> u8 { 0 }
/// # async fn write_back(_: u8) {}
///
/// // #[tractor::actor_fn]
/// async fn rewrite() {
///     let page = read_page().await;             // a cancellation may end it here,
///     tractor::shield(write_back(page)).await;    // not here,
///     read_page().await;                          // and here at the latest
/// }
/// ```
///
/// # Cancel safety
/// As cancel safe as the future itself; dropping it ends the shield.
pub async fn shield<F: Future>(future: F) -> F::Output {
    let _shield = Shield::new(current_session());
    future.await
}

/// Keeps the running endpoint from being dropped while this lives.
struct Shield(Option<Arc<SessionEnd>>);

impl Shield {
    fn new(session: Option<Arc<SessionEnd>>) -> Self {
        session.iter().for_each(|session| session.begin_shield());
        Self(session)
    }
}

impl Drop for Shield {
    fn drop(&mut self) {
        self.0.iter().for_each(|session| session.end_shield());
    }
}
