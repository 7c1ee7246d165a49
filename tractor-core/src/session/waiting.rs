//! Waiting for the outcome of a dialog, or for the end of an endpoint. Any number of tasks may wait.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll};

use super::cell::Locked;
use super::end::{Outcome, SessionEnd};
use crate::error::MessagingError;
use crate::proto::dialog::Misuse;

/// One waiting task. Dropping it frees its place.
#[derive(Debug)]
pub(crate) struct Waiting {
    end: Arc<SessionEnd>,
    place: Option<usize>,
}

impl Waiting {
    pub(crate) fn new(end: Arc<SessionEnd>) -> Self {
        Self { end, place: None }
    }

    /// Runs a check under the lock, and registers the task if the check finds nothing.
    pub(super) fn poll<R>(
        &mut self,
        cx: &Context<'_>,
        mut look: impl FnMut(&SessionEnd, &mut Locked<'_>) -> Poll<R>,
    ) -> Poll<R> {
        let Self { end, place } = self;
        let mut cell = end.lock();
        let found = look(end, &mut cell);
        if found.is_ready() || cell.waiters.holds(*place, cx) {
            return found;
        }
        drop(cell);
        // This is dropped after the lock, if the check found something.
        let waker = cx.waker().clone();
        let mut cell = end.lock();
        let found = look(end, &mut cell);
        if found.is_pending() {
            let before = cell.waiters.enter(place, waker);
            drop(cell);
            drop(before);
        }
        found
    }

    /// Waits for the outcome. Discards streamed values as they come, even if they have a reader.
    pub(crate) fn poll_drained(&mut self, cx: &Context<'_>) -> Poll<Outcome> {
        self.poll_discarding(cx, |_| true, |cell| cell.outcome.clone())
    }

    /// Waits for the outcome, or for a failure of this side before that. On the child side, waits for the end of the
    /// endpoint. Discards streamed values without a reader.
    fn poll_result(&mut self, cx: &Context<'_>) -> Poll<Outcome> {
        let cid = self.end.cid;
        let over = || MessagingError::misuse(Misuse::Ended, cid).into();
        let ended = |cell: &Locked<'_>| {
            cell.dialog.is_settled().then(|| cell.broken.as_deref().cloned().unwrap_or_else(over))
        };
        let failed = |cell: &Locked<'_>| cell.failure().cloned().or_else(|| ended(cell)).map(Outcome::Failed);
        let unread = |cell: &Locked<'_>| cell.stream_handles == 0;
        self.poll_discarding(cx, unread, |cell| cell.outcome.clone().or_else(|| failed(cell)))
    }

    fn poll_discarding(
        &mut self,
        cx: &Context<'_>,
        unread: impl Fn(&Locked<'_>) -> bool,
        end: impl Fn(&Locked<'_>) -> Option<Outcome>,
    ) -> Poll<Outcome> {
        let (mut discarded, mut credit, mut is_asked) = (0usize, 0u32, false);
        let found = self.poll(cx, |session, cell| {
            while unread(cell)
                && let Poll::Ready(Ok(Some(value))) = session.take_received(cell)
            {
                discarded += 1;
                credit = credit.saturating_add(value.credit);
            }
            // A side that cancels does not need them.
            is_asked = cell.cancel_called;
            end(cell).map_or(Poll::Pending, Poll::Ready)
        });
        self.end.grant(credit);
        if discarded > 0 && !is_asked {
            let SessionEnd { cid, endpoint, .. } = &*self.end;
            tracing::warn!(%cid, %endpoint, "discarded {discarded} unread stream values");
        }
        found
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        if let Some(place) = self.place {
            let waker = self.end.lock().waiters.leave(place);
            // This comes after the lock.
            drop(waker);
        }
    }
}

impl SessionEnd {
    /// Waits for the outcome, or the failure of this side; see [`Waiting::poll_result`].
    pub(crate) async fn result(self: &Arc<Self>) -> Outcome {
        let mut waiting = Waiting::new(self.clone());
        poll_fn(|cx| waiting.poll_result(cx)).await
    }

    /// Waits for the outcome, and discards what comes until then.
    pub(crate) async fn drained(self: &Arc<Self>) -> Outcome {
        let mut waiting = Waiting::new(self.clone());
        poll_fn(|cx| waiting.poll_drained(cx)).await
    }

    /// Waits for the outcome, and leaves the stream alone.
    pub(crate) async fn settled(self: &Arc<Self>) -> Outcome {
        let mut waiting = Waiting::new(self.clone());
        poll_fn(|cx| waiting.poll_discarding(cx, |_| false, |cell| cell.outcome.clone())).await
    }
}
