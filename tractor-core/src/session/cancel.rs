//! Requests to cancel: a task of the peer, or the whole actor; and what tells that the peer still answers.

use std::future::poll_fn;
use std::sync::Arc;

use super::end::{Outcome, SessionEnd};
use super::peer::Peer;
use super::request::Request;
use crate::error::Result;
use crate::proto::args::ArgTuple;

/// The runtime's method that cancels one task, and the name of its argument.
const CANCEL_TASK: (&str, &str) = ("_cancel_task", "cid");

impl SessionEnd {
    /// Cancels the child side of a dialog, once. The answer is not waited for; the table keeps the dialog until its outcome
    /// arrives. A child of this actor that then answers nothing is ended, unless only the time of the dialog was over.
    pub(crate) fn cancel_remote(&self) {
        if !self.cancel_here() {
            return;
        }
        if let Err(error) = self.peer.cancel_task(self.cid.as_str()) {
            let peer = &self.peer.aid.uid;
            tracing::debug!(cid = %self.cid, %peer, "cancel request not sent: {error}");
        }
        if let Some(child) = &self.peer.child
            && !self.is_overdue()
        {
            child.expect_answer();
        }
    }
}

impl Peer {
    fn cancel_task(self: &Arc<Self>, cid: &str) -> Result<Arc<SessionEnd>> {
        let (func, arg) = CANCEL_TASK;
        let args = (cid.to_owned(),);
        self.request(Request::runtime(func), |format, depth_max, out| {
            args.encode(&[arg], format, depth_max, out)
        })
    }

    /// Asks the actor to end, and waits until it says that its tasks have.
    pub(crate) async fn request_end(self: &Arc<Self>) -> Result<()> {
        let request = self.request(Request::runtime("cancel"), |format, depth_max, out| {
            ().encode(&[], format, depth_max, out)
        })?;
        match poll_fn(|cx| request.poll_outcome(cx)).await {
            Outcome::Returned(_) | Outcome::StreamDone => Ok(()),
            Outcome::Failed(error) => Err(error),
        }
    }

    /// Asks for a sign of life: the cancellation of a task that does not exist is acknowledged at once.
    pub(crate) fn request_sign(self: &Arc<Self>) -> Option<Arc<SessionEnd>> {
        // A connection that is closed is told otherwise.
        self.cancel_task("").ok()
    }
}
