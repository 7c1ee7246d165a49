//! The end of an actor, in order.

use super::core::Actor;
use crate::error;
use crate::session::Peer;

impl Actor {
    /// Ends the actor: requests, children, connections, lifetime stack, locals.
    ///
    /// Requests and children are waited for without a limit of their own: each child's watching task has one, and an
    /// actor whose requests do not end is killed by its parent's ladder.
    pub(crate) async fn shut_down(&self) {
        self.stop();
        self.cancel_requests(None).await;
        // Nurseries of requests and of the actor's scope have ended with those; others live in tasks of their own.
        self.inner.end_children.cancel();
        self.inner.watchers.close();
        self.inner.watchers.wait().await;
        for peer in self.peers() {
            self.say_goodbye(&peer);
            peer.channel.close();
        }
        self.inner.links.close();
        if tokio::time::timeout(self.timeouts().drain, self.inner.links.wait()).await.is_err() {
            tracing::warn!(
                "peers did not take the last messages within {:?} (`drain`)",
                self.timeouts().drain
            );
            for peer in self.peers() {
                peer.channel.give_up();
            }
        }
        // Callbacks may still use the actor's state.
        self.inner.lifetime.close();
        self.inner.locals.clear();
        tracing::debug!("actor {} has ended", self.uid());
    }

    /// Tells a peer that this end is in good order.
    pub(super) fn say_goodbye(&self, peer: &Peer) {
        // Whoever speaks the base protocol alone takes it for a failure. The parent is told by who knows why.
        let is_parent = self.parent_peer().is_some_and(|parent| std::ptr::eq(&raw const **parent, peer));
        if peer.caps.is_empty() || is_parent {
            return;
        }
        let canceller = self.cancel_requested().and_then(Option::as_ref).unwrap_or(self.uid());
        peer.send_error(error::cancelled(self.uid(), &peer.aid.uid, canceller));
    }
}
