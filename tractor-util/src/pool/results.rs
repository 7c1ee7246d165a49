//! Many calls, as a stream of their outcomes.

use std::collections::BTreeMap;
use std::fmt;
use std::future::poll_fn;
use std::iter::{Enumerate, Fuse};
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use futures_util::{Stream, StreamExt};
use tractor_core::Result;

use super::{Pool, PoolTarget};

/// Most outcomes that wait for an earlier one, per task in flight.
const EARLY_MAX: usize = 16;

/// The outcomes of many calls; made by [`Pool::map`]. A [`Stream`].
#[must_use = "nothing runs unless it is polled"]
pub struct PoolResults<I: Iterator<Item: PoolTarget>> {
    calls: Enumerate<Fuse<I>>,
    pool: Pool,
    running: FuturesUnordered<BoxFuture<'static, Outcome<I::Item>>>,
    order: Order<Result<<I::Item as PoolTarget>::Returns>>,
}

/// The position of a call, and its outcome.
type Outcome<C> = (usize, Result<<C as PoolTarget>::Returns>);

/// The order in which outcomes are handed out.
enum Order<T> {
    AsTheyEnd,
    AsGiven { next: usize, early: BTreeMap<usize, T> },
}

impl<I: Iterator<Item: PoolTarget>> PoolResults<I> {
    pub(super) fn new(pool: Pool, calls: I) -> Self {
        let calls = calls.fuse().enumerate();
        Self { calls, pool, running: FuturesUnordered::new(), order: Order::AsTheyEnd }
    }

    /// The next outcome; `None` after the last.
    ///
    /// # Cancel safety
    /// Cancel safe: a dropped future loses no outcome.
    pub async fn next(&mut self) -> Option<(usize, Result<<I::Item as PoolTarget>::Returns>)> {
        poll_fn(|cx| Pin::new(&mut *self).poll_next(cx)).await
    }

    /// Gives the outcomes in the order of the calls. At most 16 outcomes per task in flight wait for an earlier one;
    /// beyond that, no new call is started until the earlier one ends.
    pub fn ordered(mut self) -> Self {
        self.order = Order::AsGiven { next: 0, early: BTreeMap::new() };
        self
    }

    /// Hands out calls while there is room.
    fn fill(&mut self) {
        let slots = self.pool.shared.slots;
        let early = self.order.early();
        while self.running.len() < slots
            && early < slots.saturating_mul(EARLY_MAX)
            && let Some((number, call)) = self.calls.next()
        {
            let pool = self.pool.clone();
            self.running.push(Box::pin(async move { (number, pool.outcome_of(call).await) }));
        }
    }
}

impl<T> Order<T> {
    /// Outcomes that wait for an earlier one.
    fn early(&self) -> usize {
        match self {
            Self::AsTheyEnd => 0,
            Self::AsGiven { early, .. } => early.len(),
        }
    }

    /// Takes in an outcome. Returns it if its turn has come.
    fn enter(&mut self, number: usize, outcome: T) -> Option<(usize, T)> {
        match self {
            Self::AsGiven { next, early } if number != *next => {
                early.insert(number, outcome);
                None
            }
            Self::AsGiven { next, .. } => {
                *next += 1;
                Some((number, outcome))
            }
            Self::AsTheyEnd => Some((number, outcome)),
        }
    }

    /// An outcome that waits for an earlier one, although that was handed out before the order was set.
    fn rest(&mut self) -> Option<(usize, T)> {
        match self {
            Self::AsTheyEnd => None,
            Self::AsGiven { early, .. } => early.pop_first(),
        }
    }

    /// An outcome whose turn has come.
    fn due(&mut self) -> Option<(usize, T)> {
        let Self::AsGiven { next, early } = self else { return None };
        let outcome = early.remove(next)?;
        *next += 1;
        Some((*next - 1, outcome))
    }
}

// Neither the calls nor the outcomes are ever pinned.
impl<I: Iterator<Item: PoolTarget>> Unpin for PoolResults<I> {}

impl<I: Iterator<Item: PoolTarget>> Stream for PoolResults<I> {
    type Item = (usize, Result<<I::Item as PoolTarget>::Returns>);

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            if let Some(due) = self.order.due() {
                return Poll::Ready(Some(due));
            }
            self.fill();
            let Some((number, outcome)) = std::task::ready!(self.running.poll_next_unpin(cx)) else {
                return Poll::Ready(self.order.rest());
            };
            if let Some(due) = self.order.enter(number, outcome) {
                return Poll::Ready(Some(due));
            }
        }
    }
}

impl<I: Iterator<Item: PoolTarget>> fmt::Debug for PoolResults<I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PoolResults")
            .field("in_flight", &self.running.len())
            .field("early", &self.order.early())
            .finish_non_exhaustive()
    }
}
