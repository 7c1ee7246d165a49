//! Requests to cancel a task of the peer or the whole actor, and to check that the peer still answers.

use std::future::poll_fn;
use std::sync::Arc;

use super::end::{Outcome, SessionEnd};
use super::inbox::InboxEnd;
use super::peer::Peer;
use super::request::Request;
use crate::error::{self, Result};
use crate::proto::args::ArgTuple;

/// The runtime's method that cancels one task, and the name of its argument.
const CANCEL_TASK: (&str, &str) = ("_cancel_task", "cid");

impl SessionEnd {
    /// Cancels the child side of a dialog, once, without waiting for the answer; the table keeps the dialog until its
    /// outcome arrives. If the peer is a child of this actor and then answers nothing, it is ended, unless the cause
    /// was only the dialog's deadline.
    pub(crate) fn cancel_remote(self: &Arc<Self>) {
        if !self.cancel_here() {
            return;
        }
        // A Rust peer always sends the task's outcome.
        let ends_with_it = self.peer.is_base().then_some(self);
        if let Err(error) = self.peer.cancel_task(self.cid.as_str(), ends_with_it) {
            let peer = &self.peer.aid.uid;
            tracing::debug!(cid = %self.cid, %peer, "cancel request not sent: {error}");
        }
        if let Some(child) = &self.peer.child
            && !self.is_overdue()
        {
            child.expect_answer();
        }
    }

    /// The request to cancel this parent side was acknowledged: its task has ended, and all of its messages have
    /// arrived.
    pub(super) fn acknowledged(self: &Arc<Self>) {
        // This is dropped after the lock.
        let _left;
        let mut cell = self.lock();
        let is_stream = cell.dialog.is_receiving();
        if !cell.dialog.acknowledge() {
            return;
        }
        _left = cell.left.take();
        cell.inbox.close(InboxEnd::Stopped);
        cell.outcome = Some(if is_stream {
            Outcome::StreamDone
        } else {
            let (us, peer) = (&self.peer.us, &self.peer.aid.uid);
            Outcome::Failed(error::received(us, Arc::new(error::cancelled(peer, us, us))))
        });
        cell.wake_all();
        drop(cell);
        self.peer.forget(self);
    }
}

impl Peer {
    fn cancel_task(
        self: &Arc<Self>,
        cid: &str,
        cancels: Option<&Arc<SessionEnd>>,
    ) -> Result<Arc<SessionEnd>> {
        let (func, arg) = CANCEL_TASK;
        let args = (cid.to_owned(),);
        self.request(Request { cancels, ..Request::runtime(func) }, |format, depth_max, out| {
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
        // The end of a connection is reported elsewhere.
        self.cancel_task("", None).ok()
    }
}
