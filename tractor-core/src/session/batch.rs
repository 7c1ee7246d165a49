//! The run of values that a receiving handle takes out of the inbox at once, and then hands out without a lock.
//!
//! The run is copied into memory that the thread reuses: a reader that stops in the middle of it keeps no whole read
//! buffer alive.
//!
//! # Invariants
//! 1. The sender gets each grant as early as for values taken one by one: `owed` is settled with the inbox as soon as
//!    that makes a grant due.
//! 2. A handle that is dropped puts its remaining values back into the inbox.

use std::ops::{Deref, Range};
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use tokio::task::coop::poll_proceed;

use super::cell::Cell;
use super::encoded::Encoded;
use super::end::SessionEnd;
use super::run::{Run, Waiting, first_payload};
use crate::error::Error;
use crate::net::{Held, Kind, keeping};
use crate::proto::dialog::cost;
use crate::wakers::poll_or_register;

/// So many values count as one await for the runtime, which makes a task that is always ready yield now and then.
const VALUES_PER_AWAIT: u32 = 4;

/// The values that a receiving handle has taken and not handed out.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    rest: Option<Rest>,
    /// The cost of the values handed out and not yet settled.
    owed: i64,
    /// The value of `owed` at which a grant is due.
    due: i64,
    /// How many values can be handed out before the next one counts as an await.
    free: u32,
}

#[derive(Debug)]
struct Rest {
    /// The frames of a run. Those before `at` were handed out.
    frames: Encoded,
    at: usize,
    head: usize,
    held: Held,
}

/// The next event on a stream.
pub(crate) enum Next {
    /// A value: the first one of the batch.
    Batched,
    /// A value outside the batch.
    Value(Bytes),
    /// The peer has closed its half.
    End,
}

/// The first value of a batch. Dropping the last one frees the memory of the batch.
pub(crate) struct Item<'b> {
    rest: &'b mut Option<Rest>,
    payload: Range<usize>,
}

impl Deref for Item<'_> {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        self.rest.as_ref().map_or(&[], |rest| &rest.frames.bytes()[self.payload.clone()])
    }
}

impl Drop for Item<'_> {
    #[inline]
    fn drop(&mut self) {
        if self.rest.as_ref().is_some_and(|rest| rest.at == rest.frames.len()) {
            *self.rest = None;
        }
    }
}

impl SessionEnd {
    /// Waits for the next value, or the end, when the batch is empty.
    ///
    /// A failure of the dialog comes after the values that arrived before it.
    #[inline]
    pub(crate) fn poll_recv(&self, cx: &mut Context<'_>, batch: &mut Batch) -> Poll<Result<Next, Error>> {
        let turn = ready!(poll_proceed(cx));
        batch.free = VALUES_PER_AWAIT;
        let next = self.poll_fill(cx, batch);
        if next.is_ready() {
            turn.made_progress();
        }
        next
    }

    /// Takes the next value or run out of the inbox.
    #[inline(never)]
    fn poll_fill(&self, cx: &Context<'_>, batch: &mut Batch) -> Poll<Result<Next, Error>> {
        let mut grant = 0u32;
        let next = poll_or_register(
            cx,
            || self.cell(),
            |cell| &mut cell.reader,
            |cell| {
                grant = grant.saturating_add(self.settle_batch(cell, batch));
                let Some((taken, freed)) = cell.inbox.take_whole() else {
                    return self.nothing_received(cell).map_ok(|()| None);
                };
                grant = grant.saturating_add(self.due(cell, freed));
                Poll::Ready(Ok(Some(taken)))
            },
        );
        self.grant(grant);
        Poll::Ready(Ok(match ready!(next)? {
            None => Next::End,
            Some(Waiting::Value(value)) => Next::Value(value),
            Some(Waiting::Run(run)) => {
                batch.rest = Some(self.rest_of(&run));
                Next::Batched
            }
        }))
    }

    fn rest_of(&self, run: &Run) -> Rest {
        let held = self.peer.channel.account().hold(Kind::Copied, run.frames().len());
        Rest { frames: Encoded::copy_of(run.frames()), at: 0, head: run.head(), held }
    }

    /// The first value of the batch, if there is one.
    #[inline]
    pub(crate) fn poll_next_of<'b>(
        &self,
        cx: &mut Context<'_>,
        batch: &'b mut Batch,
    ) -> Poll<Option<Item<'b>>> {
        if batch.rest.is_none() {
            return Poll::Ready(None);
        }
        if batch.free == 0 {
            // A reader that always finds a value would never yield to other tasks by itself.
            ready!(poll_proceed(cx)).made_progress();
            batch.free = VALUES_PER_AWAIT;
        }
        Poll::Ready(self.next_of(batch))
    }

    /// The first value of the batch, if there is one.
    #[inline]
    pub(crate) fn next_of<'b>(&self, batch: &'b mut Batch) -> Option<Item<'b>> {
        let Rest { frames, at, head, .. } = batch.rest.as_mut()?;
        let payload = first_payload(&frames.bytes()[*at..], *head)?;
        let payload = *at + payload.start..*at + payload.end;
        *at = payload.end;
        batch.free = batch.free.saturating_sub(1);
        batch.owed += cost(payload.len());
        if batch.owed >= batch.due {
            self.settle_batch_now(batch);
        }
        Some(Item { rest: &mut batch.rest, payload })
    }

    #[cold]
    fn settle_batch_now(&self, batch: &mut Batch) {
        let grant = self.settle_batch(&mut self.cell(), batch);
        self.grant(grant);
    }

    /// Settles the values handed out. Returns the bytes to grant for them.
    fn settle_batch(&self, cell: &mut Cell, batch: &mut Batch) -> u32 {
        let freed = cell.inbox.consumed(std::mem::take(&mut batch.owed));
        batch.due = cell.inbox.until_grant();
        self.due(cell, freed)
    }

    /// Puts the remaining values back into the inbox.
    pub(crate) fn put_back(&self, batch: &mut Batch) {
        let rest = batch.rest.take().map(|Rest { frames, at, head, held }| {
            let values = {
                let mut left = &frames.bytes()[at..];
                std::iter::from_fn(|| {
                    let payload = first_payload(left, head)?;
                    left = &left[payload.end..];
                    Some(())
                })
                .count()
            };
            Run::new(keeping(Arc::new(held), frames.bytes()[at..].to_vec()), head, values)
        });
        let mut cell = self.lock();
        let grant = self.settle_batch(&mut cell, batch);
        if let Some(rest) = rest {
            cell.inbox.put_back(rest);
            if cell.stream_handles == 0 {
                cell.wake_waiters();
            }
        }
        drop(cell);
        self.grant(grant);
    }
}
