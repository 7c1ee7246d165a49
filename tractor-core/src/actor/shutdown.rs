//! The end of an actor.

use std::time::Duration;

use super::core::Actor;
use crate::error;
use crate::session::Peer;

/// The shortest wait for remaining tasks in other actors.
const LIMIT_LEAST: Duration = Duration::from_millis(10);

impl Actor {
    /// Ends the actor: requests, children, connections, lifetime stack, locals.
    ///
    /// There is no time limit for endpoints and children here: each child's watching task has one, and the parent's
    /// ladder kills an actor whose endpoints do not end. Tasks that endpoints have left in other actors have
    /// `context_cancel`, as any cancelled task.
    pub(crate) async fn shut_down(&self) {
        self.stop();
        self.cancel_requests(None).await;
        // Nurseries of the actor's scope have ended with it; other nurseries live in tasks of their own.
        self.inner.end_children.cancel();
        self.inner.watchers.close();
        let limit = self.timeouts().context_cancel.max(LIMIT_LEAST);
        while tokio::time::timeout(limit, self.inner.watchers.wait()).await.is_err() {
            // The ladder ends children; tasks in other actors, whose scopes were dropped here, may never end.
            self.peers().iter().for_each(|peer| peer.give_up());
        }
        for peer in self.peers() {
            self.say_goodbye(&peer);
            peer.channel.close();
        }
        self.inner.links.close();
        if tokio::time::timeout(self.timeouts().drain, self.inner.links.wait()).await.is_err() {
            tracing::warn!(
                "peers did not read the last messages within {:?} (`Timeouts::drain`)",
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

    /// Tells a peer that this actor ends in good order.
    pub(crate) fn say_goodbye(&self, peer: &Peer) {
        // A peer that speaks only the base protocol would take the message for a failure. The parent gets the end and
        // its reason by other means.
        let is_parent = self.parent_peer().is_some_and(|parent| std::ptr::eq(&raw const **parent, peer));
        if peer.is_base() || is_parent {
            return;
        }
        let canceller = self.cancel_requested().and_then(Option::as_ref).unwrap_or(self.uid());
        peer.send_error(error::cancelled(self.uid(), &peer.aid.uid, canceller));
    }
}
