//! Requests to cancel: a task of the peer, or the whole actor.

use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::time::timeout;

use super::end::{Outcome, SessionEnd};
use super::peer::Peer;
use super::request::Request;
use crate::error::{ActorTooSlow, Result};
use crate::proto::args::ArgTuple;

impl SessionEnd {
    /// Cancels the child side of a dialog, once. The answer is not waited for; the table keeps the dialog until its outcome
    /// arrives.
    pub(crate) fn cancel_remote(&self) {
        if !self.cancel_here() {
            return;
        }
        let args = (self.cid.as_str().to_owned(),);
        let request = Request::runtime("_cancel_task");
        if let Err(error) =
            self.peer.request(request, |format, depth_max, out| args.encode(&["cid"], format, depth_max, out))
        {
            let peer = &self.peer.aid.uid;
            tracing::debug!(cid = %self.cid, %peer, "cancel request not sent: {error}");
        }
    }
}

impl Peer {
    /// Asks the actor to end and waits for the acknowledgement, at most `limit`; `knob` names where the limit comes from.
    pub(crate) async fn request_end(self: &Arc<Self>, limit: Duration, knob: &'static str) -> Result<()> {
        self.cancel_asked.store(true, Ordering::Release);
        let request = self.request(Request::runtime("cancel"), |format, depth_max, out| {
            ().encode(&[], format, depth_max, out)
        })?;
        match timeout(limit, poll_fn(|cx| request.poll_outcome(cx))).await {
            Ok(Outcome::Returned(_) | Outcome::StreamDone) => Ok(()),
            Ok(Outcome::Failed(error)) => Err(error),
            Err(_elapsed) => Err(ActorTooSlow::new(self.aid.uid.clone(), limit, knob).into()),
        }
    }
}
