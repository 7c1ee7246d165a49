//! One budget for all bytes that wait in an actor, on all of its connections.
//!
//! Each connection has an [`Account`] of the bytes that wait on it: bytes that its peer does not read, read buffers
//! that received values keep alive, copies of such values, running requests. When all accounts together are over three
//! quarters of the budget, the connection with the most bytes is closed. So a connection within its share of these
//! quarters is not closed because of others of its kind. Only a part of the bytes of a connection to a parent or a
//! child counts ([`SUPERVISING_PART`]): its end is the end of an actor, which no guest must cause.
//!
//! Closing frees nothing at once. The last quarter is for the bytes of closed connections, and for bytes that others
//! add until they notice: drivers read no further until the closed ones have had a few turns to drop theirs.
//!
//! The fixed-size buffers of every connection are not booked, nor is the first [`STEP`] that waits to be written:
//! short-lived bytes are not worth the bookkeeping.
//!
//! # Invariants
//! 1. The lock of the books is taken last, and no waker is cloned, woken or dropped under it.
//! 2. While the lock is not held, at most three quarters of the budget are booked on accounts that are not over.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::task::Waker;

use bytes::Bytes;

use crate::error::CloseReason;

/// Bytes waiting to be written are booked in steps of this size; the first step is not booked.
pub(crate) const STEP: usize = 64 * 1024;

/// The part of the budget that is left to connections that have been closed: a quarter.
const LEAVING_PART: usize = 4;

/// The part of a parent's or child's connection that counts when one must be closed: a quarter.
const SUPERVISING_PART: usize = 4;

/// The kinds of waiting bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Bytes that the peer has not read, in the write buffers.
    Unsent,
    /// Bytes that the peer has not read, waiting for room in the write buffers.
    Waiting,
    /// Read buffers with values that this actor's code has not received.
    Pinned,
    /// Copies of values that this actor's code has not received.
    Copied,
    /// Running requests: their arguments, and a fixed cost for each.
    Running,
}

type Amounts = [usize; 5];

/// The budget of one actor.
#[derive(Debug)]
pub(crate) struct Budget {
    bytes_max: usize,
    /// Of these, for connections that are not over.
    staying_max: usize,
    books: Mutex<Books>,
    /// Bytes on the accounts that are over. Most of them are dropped as soon as their drivers and tasks run. This and
    /// the next two fields are changed under the lock, and read without it.
    leaving: AtomicUsize,
    /// Number of connections that went over.
    closings: AtomicUsize,
    /// There are drivers to be woken.
    has_closing: AtomicBool,
}

#[derive(Debug, Default)]
struct Books {
    /// Indexed by the key of the account; a free place is used again.
    accounts: Vec<Option<Entry>>,
    /// Bytes on the accounts that are not over.
    booked: usize,
    /// Drivers to be woken, because their connections must be closed.
    closing: Vec<Waker>,
}

#[derive(Debug)]
struct Entry {
    amounts: Amounts,
    /// It is the connection of a parent and its child.
    supervises: bool,
    /// Shared with the account.
    over: Arc<OnceLock<CloseReason>>,
    /// Wakes the connection's driver, which closes it.
    driver: Option<Waker>,
}

impl Entry {
    fn sum(&self) -> usize {
        self.amounts.iter().sum()
    }

    /// The bytes that decide which connection is closed.
    fn weight(&self) -> usize {
        if self.supervises { self.sum() / SUPERVISING_PART } else { self.sum() }
    }
}

impl Budget {
    pub(crate) fn new(bytes_max: usize) -> Arc<Self> {
        let (leaving, closings) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let (books, has_closing) = (Mutex::default(), AtomicBool::new(false));
        let staying_max = bytes_max - bytes_max / LEAVING_PART;
        Arc::new(Self { bytes_max, staying_max, books, leaving, closings, has_closing })
    }

    fn books(&self) -> MutexGuard<'_, Books> {
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The account of one more connection.
    pub(crate) fn open(self: &Arc<Self>, supervises: bool) -> Arc<Account> {
        let over = Arc::new(OnceLock::new());
        let entry = Some(Entry { amounts: [0; 5], supervises, over: over.clone(), driver: None });
        let accounts = &mut self.books().accounts;
        let key = accounts.iter().position(Option::is_none).unwrap_or_else(|| {
            accounts.push(None);
            accounts.len() - 1
        });
        accounts[key] = entry;
        Arc::new(Account { budget: self.clone(), key, over })
    }

    /// The bytes that wait on all connections, including those that are about to be closed.
    pub(crate) fn booked(&self) -> usize {
        self.books().accounts.iter().flatten().map(Entry::sum).sum()
    }
}

impl Books {
    #[inline]
    fn of(&mut self, account: &Account) -> &mut Entry {
        self.accounts[account.key].as_mut().expect("an account has its entry as long as it lives")
    }

    /// Closes connections, those with the most bytes first, until the remaining ones are within three quarters of the
    /// budget.
    #[cold]
    fn close_largest(&mut self, budget: &Budget) {
        while self.booked > budget.staying_max {
            let open = self.accounts.iter_mut().flatten().filter(|entry| entry.over.get().is_none());
            let Some(largest) = open.max_by_key(|entry| entry.weight()) else { break };
            self.booked -= largest.sum();
            // Looked at above.
            _ = largest.over.set(over(&largest.amounts, budget.bytes_max));
            budget.leaving.fetch_add(largest.sum(), Ordering::Relaxed);
            budget.closings.fetch_add(1, Ordering::Relaxed);
            self.closing.extend(largest.driver.take());
            budget.has_closing.store(true, Ordering::Release);
        }
    }
}

fn over(amounts: &Amounts, bytes_max: usize) -> CloseReason {
    let [unsent, waiting, pinned, copied, running] = amounts;
    let all: usize = amounts.iter().sum();
    let (unread, unreceived) = (unsent + waiting, pinned + copied);
    let text = format!(
        "{all} bytes wait on it, most of all connections, and all together are over three quarters of the actor's \
         budget of {bytes_max} (`Limits::waiting_bytes_max`): {unread} are not read by the peer, {unreceived} not \
         received here, {running} belong to requests that run"
    );
    CloseReason::OverBudget(text.into())
}

/// The bytes that wait on one connection. Lives as long as any of them.
#[derive(Debug)]
pub(crate) struct Account {
    budget: Arc<Budget>,
    key: usize,
    /// Set once the connection has to be closed, with the reason.
    over: Arc<OnceLock<CloseReason>>,
}

impl Account {
    /// Why the connection has to be closed, if it has.
    #[inline]
    pub(crate) fn over(&self) -> Option<&CloseReason> {
        self.over.get()
    }

    /// The number of closings so far, if closed connections still hold bytes. A driver that waits a little for them
    /// adds no more bytes meanwhile.
    #[inline]
    pub(super) fn others_leave(&self) -> Option<usize> {
        let leaving = self.budget.leaving.load(Ordering::Relaxed) > 0;
        leaving.then(|| self.budget.closings.load(Ordering::Relaxed))
    }

    /// Whether more than half of the open connections' part is used.
    pub(super) fn is_tight(&self) -> bool {
        self.budget.books().booked > self.budget.staying_max / 2
    }

    /// Registers the task to be woken when the connection has to be closed.
    pub(super) fn register(&self, driver: Waker) {
        let before = self.budget.books().of(self).driver.replace(driver);
        drop(before);
    }

    /// Books more. Returns whether connections have to be closed: then the caller releases its locks and calls
    /// [`wake_closing`](Self::wake_closing).
    #[must_use = "drivers are woken after the lock"]
    pub(super) fn add(&self, kind: Kind, bytes: usize) -> bool {
        let mut books = self.budget.books();
        let entry = books.of(self);
        entry.amounts[kind as usize] += bytes;
        match entry.over.get() {
            None => books.booked += bytes,
            Some(_) => _ = self.budget.leaving.fetch_add(bytes, Ordering::Relaxed),
        }
        let is_too_much = books.booked > self.budget.staying_max;
        if is_too_much {
            books.close_largest(&self.budget);
        }
        is_too_much
    }

    /// Books less.
    pub(super) fn sub(&self, kind: Kind, bytes: usize) {
        let mut books = self.budget.books();
        let entry = books.of(self);
        entry.amounts[kind as usize] -= bytes;
        match entry.over.get() {
            None => books.booked -= bytes,
            Some(_) => _ = self.budget.leaving.fetch_sub(bytes, Ordering::Relaxed),
        }
    }

    /// Wakes the drivers of connections that have to be closed. For callers that hold no lock.
    #[inline]
    pub(super) fn wake_closing(&self) {
        if self.budget.has_closing.load(Ordering::Acquire) {
            let mut books = self.budget.books();
            let closing = std::mem::take(&mut books.closing);
            self.budget.has_closing.store(false, Ordering::Relaxed);
            drop(books);
            closing.into_iter().for_each(Waker::wake);
        }
    }

    /// The bytes of one kind.
    pub(super) fn amount(&self, kind: Kind) -> usize {
        self.budget.books().of(self).amounts[kind as usize]
    }

    /// All bytes of the connection.
    pub(crate) fn booked(&self) -> usize {
        self.budget.books().of(self).sum()
    }

    /// Books a block until the guard is dropped. For callers that hold no lock.
    pub(crate) fn hold(self: &Arc<Self>, kind: Kind, bytes: usize) -> Held {
        if bytes > 0 && self.add(kind, bytes) {
            self.wake_closing();
        }
        Held { account: self.clone(), kind, bytes: AtomicUsize::new(bytes) }
    }
}

impl Drop for Account {
    fn drop(&mut self) {
        let mut books = self.budget.books();
        let entry = books.accounts[self.key].take();
        match &entry {
            Some(entry) if entry.over.get().is_some() => {
                self.budget.leaving.fetch_sub(entry.sum(), Ordering::Relaxed);
            }
            Some(entry) => books.booked -= entry.sum(),
            None => {}
        }
        drop(books);
        // With the driver's waker, after the lock.
        drop(entry);
    }
}

/// A block of memory on an account.
#[derive(Debug)]
pub(crate) struct Held {
    account: Arc<Account>,
    kind: Kind,
    bytes: AtomicUsize,
}

impl Held {
    /// From now on the block counts as this many bytes, if it has counted less.
    pub(super) fn grow(&self, bytes: usize) {
        let before = self.bytes.fetch_max(bytes, Ordering::Relaxed);
        if bytes > before && self.account.add(self.kind, bytes - before) {
            self.account.wake_closing();
        }
    }
}

/// Bytes that keep something alive as long as any slice of them lives.
pub(crate) fn keeping<K: Send + Sync + 'static>(
    kept: Arc<K>,
    bytes: impl AsRef<[u8]> + Send + 'static,
) -> Bytes {
    /// The fields are dropped in this order.
    struct Keeping<B, K> {
        bytes: B,
        _kept: Arc<K>,
    }

    impl<B: AsRef<[u8]>, K> AsRef<[u8]> for Keeping<B, K> {
        fn as_ref(&self) -> &[u8] {
            self.bytes.as_ref()
        }
    }

    Bytes::from_owner(Keeping { bytes, _kept: kept })
}

impl Drop for Held {
    fn drop(&mut self) {
        let bytes = *self.bytes.get_mut();
        if bytes > 0 {
            self.account.sub(self.kind, bytes);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A thousand bytes may stay.
    fn budget() -> Arc<Budget> {
        Budget::new(1333)
    }

    #[test]
    fn the_connection_that_has_most_is_closed_and_no_other() {
        let budget = budget();
        let [small, large, adding] = [budget.open(false), budget.open(false), budget.open(false)];
        _ = small.add(Kind::Copied, 300);
        _ = large.add(Kind::Unsent, 350);
        _ = large.add(Kind::Running, 50);
        _ = adding.add(Kind::Pinned, 300);
        assert!(large.over().is_none(), "all that may stay is used");
        _ = adding.add(Kind::Pinned, 1);
        let reason = large.over().expect("it is over its share").to_string();
        for part in ["Limits::waiting_bytes_max", "350 are not read", "50 belong to requests"] {
            assert!(reason.contains(part), "{part:?} is not in {reason:?}");
        }
        assert!(small.over().is_none() && adding.over().is_none());
        // The closed connection's remaining bytes no longer count against the others.
        _ = adding.add(Kind::Pinned, 399);
        assert!(adding.over().is_none());
        _ = small.add(Kind::Unsent, 1);
        assert!(adding.over().is_some() && small.over().is_none());
        assert_eq!((budget.booked(), small.booked()), (1401, 301));
        large.sub(Kind::Unsent, 350);
        drop(adding);
        assert_eq!(budget.booked(), 351);
    }

    #[test]
    fn guests_do_not_close_a_connection_to_a_parent_or_child() {
        let budget = budget();
        let (kin, guests) = (budget.open(true), [budget.open(false), budget.open(false)]);
        _ = kin.add(Kind::Unsent, 600);
        _ = guests[0].add(Kind::Unsent, 190);
        _ = guests[1].add(Kind::Unsent, 211);
        assert!(kin.over().is_none() && guests[0].over().is_none() && guests[1].over().is_some());
        _ = kin.add(Kind::Unsent, 211);
        assert!(kin.over().is_some() && guests[0].over().is_none(), "four times as much");
    }

    #[test]
    fn one_connection_that_is_greedy_for_itself_is_closed_too() {
        let budget = budget();
        let account = budget.open(false);
        _ = account.add(Kind::Unsent, 1001);
        assert!(account.over().is_some());
        _ = budget.open(false).add(Kind::Unsent, 1000);
        assert_eq!(budget.booked(), 1001, "the other one is gone with its account");
    }

    #[test]
    fn a_block_counts_until_its_last_slice_is_gone() {
        let budget = budget();
        let account = budget.open(false);
        let held = Arc::new(account.hold(Kind::Pinned, 10));
        let slice = keeping(held.clone(), vec![7; 10]).slice(3..4);
        held.grow(100);
        held.grow(50);
        drop(held);
        assert_eq!((&slice[..], account.booked()), (&[7][..], 100));
        drop(slice);
        assert_eq!(account.booked(), 0);
    }
}
