//! The values of a broadcast that some readers have not read yet. The ring decides; it never waits.
//!
//! ```text
//!   kept:        [ 4  5  6  7 ]           at most `size`, oldest first
//!                  ^        ^   ^
//!   positions:     behind   |   head: has read all, pushes what it takes next
//!      2 ^                  fast
//!      lagging: has lost 2 and 3
//! ```
//!
//! A full ring has no room for the next value until every reader has read the oldest one. Then the readers at the head
//! wait, because a late reader may just not have had its turn yet. They do not wait for a slow reader: one that did not
//! read as many values as the ring holds, or all there were, within [`SLOW`].
//!
//! # Invariants
//! 1. Every reader gets every value that was pushed after it entered, in order, or learns how many it has lost.
//! 2. At most `size` values are kept, and none that every reader has read.
//! 3. Only a slow reader loses values.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use tokio::time::Instant;

/// How long a reader may take, while others wait for it, for as many values as the ring holds.
pub(super) const SLOW: Duration = Duration::from_millis(200);

/// The kept values, and the position of each reader.
#[derive(Debug)]
pub(super) struct Ring<T> {
    size: usize,
    kept: VecDeque<T>,
    /// Position of the oldest value kept; positions count all values ever pushed.
    first: u64,
    readers: BTreeMap<ReaderKey, Progress>,
    key_next: u64,
}

/// The state of a reader.
#[derive(Debug)]
struct Progress {
    /// The position of the value it reads next.
    next: u64,
    standing: Standing,
}

/// Whether others wait for a reader.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    /// It has kept up.
    Steady,
    /// Others have waited since this time, until it has read this many more values or is slow.
    Awaited { since: Instant, left: usize },
    /// Others do not wait. It must read this many more values in time, counted from then.
    Slow { since: Instant, left: usize },
}

/// Identifies a reader of a ring. Later readers have larger keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct ReaderKey(u64);

/// The result of a read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Read<T> {
    Value(T),
    /// The reader has lost this many values; it goes on with the oldest one kept.
    Lost(u64),
    /// The reader has read all values.
    AtHead,
}

impl<T: Clone> Ring<T> {
    /// A ring without readers, for at least one value.
    pub(super) fn new(size: usize) -> Self {
        Self { size: size.max(1), kept: VecDeque::new(), first: 0, readers: BTreeMap::new(), key_next: 0 }
    }

    fn head(&self) -> u64 {
        self.first + self.kept.len() as u64
    }

    /// A new reader, of the values pushed from now on.
    pub(super) fn enter(&mut self) -> ReaderKey {
        let key = ReaderKey(self.key_next);
        self.key_next += 1;
        let progress = Progress { next: self.head(), standing: Standing::Steady };
        self.readers.insert(key, progress);
        key
    }

    /// Removes a reader.
    pub(super) fn leave(&mut self, key: ReaderKey) {
        self.readers.remove(&key);
        self.forget_read();
    }

    /// The next value of a reader. One that has left is at the head.
    pub(super) fn read(&mut self, key: ReaderKey, now: Instant) -> Read<T> {
        let (first, head, size) = (self.first, self.head(), self.size);
        let Some(reader) = self.readers.get_mut(&key) else { return Read::AtHead };
        if reader.next < first {
            let lost = first - reader.next;
            reader.next = first;
            return Read::Lost(lost);
        }
        if reader.next == head {
            return Read::AtHead;
        }
        let value = self.kept[(reader.next - first) as usize].clone();
        reader.next += 1;
        reader.standing =
            if reader.next == head { Standing::Steady } else { reader.standing.after_one(size, now) };
        if reader.next == first + 1 {
            self.forget_read();
        }
        Read::Value(value)
    }

    pub(super) fn is_full(&self) -> bool {
        self.kept.len() >= self.size
    }

    /// The time until which a reader at the head must wait for others before it takes a value. `None` if there is room
    /// for the value, or if only slow readers would lose one.
    pub(super) fn full_until(&mut self, now: Instant) -> Option<Instant> {
        if !self.is_full() {
            return None;
        }
        let (first, size) = (self.first, self.size);
        self.readers
            .values_mut()
            .filter(|reader| reader.next == first)
            .filter_map(|reader| reader.standing.awaited_until(size, now))
            .max()
    }

    /// A reader at the head has taken a value, which the others have not read yet.
    pub(super) fn push(&mut self, by: ReaderKey, value: T) {
        if self.is_full() {
            self.kept.pop_front();
            self.first += 1;
        }
        self.kept.push_back(value);
        let head = self.head();
        if let Some(reader) = self.readers.get_mut(&by) {
            reader.next = head;
            reader.standing = Standing::Steady;
        }
        self.forget_read();
    }

    /// How many of the kept values each reader has not read, in the order in which they entered.
    pub(super) fn backlogs(&self) -> Vec<usize> {
        let backlog = |reader: &Progress| (self.head() - reader.next.max(self.first)) as usize;
        self.readers.values().map(backlog).collect()
    }

    pub(super) fn size(&self) -> usize {
        self.size
    }

    fn forget_read(&mut self) {
        let needed = self.readers.values().map(|reader| reader.next).min().unwrap_or(u64::MAX);
        while self.first < needed && self.kept.pop_front().is_some() {
            self.first += 1;
        }
    }
}

impl Standing {
    /// The pace of a reader that has read one more value, but not the last.
    fn after_one(self, size: usize, now: Instant) -> Self {
        match self {
            Self::Steady | Self::Awaited { left: ..=1, .. } => Self::Steady,
            Self::Awaited { since, left } => Self::Awaited { since, left: left - 1 },
            Self::Slow { since, left: ..=1 } if now.duration_since(since) <= SLOW => Self::Steady,
            Self::Slow { left: ..=1, .. } => Self::Slow { since: now, left: size },
            Self::Slow { since, left } => Self::Slow { since, left: left - 1 },
        }
    }

    /// How long others wait for a reader that keeps the ring full.
    fn awaited_until(&mut self, size: usize, now: Instant) -> Option<Instant> {
        if *self == Self::Steady {
            *self = Self::Awaited { since: now, left: size };
        }
        match *self {
            Self::Awaited { since, .. } if now.duration_since(since) < SLOW => Some(since + SLOW),
            Self::Awaited { .. } => {
                *self = Self::Slow { since: now, left: size };
                None
            }
            Self::Steady | Self::Slow { .. } => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read_all(ring: &mut Ring<u64>, key: ReaderKey) -> (Vec<u64>, u64) {
        let (mut values, mut lost) = (Vec::new(), 0);
        loop {
            match ring.read(key, Instant::now()) {
                Read::Value(value) => values.push(value),
                Read::Lost(count) => lost += count,
                Read::AtHead => return (values, lost),
            }
        }
    }

    #[test]
    fn a_reader_gets_what_was_pushed_after_it_entered() {
        let mut ring = Ring::new(4);
        let fast = ring.enter();
        ring.push(fast, 1);
        let late = ring.enter();
        ring.push(fast, 2);
        assert_eq!(ring.read(late, Instant::now()), Read::Value(2));
        assert_eq!(ring.read(late, Instant::now()), Read::AtHead);
        assert_eq!(ring.read(fast, Instant::now()), Read::AtHead, "a reader has read what it pushes");
    }

    #[test]
    fn a_slow_reader_gets_one_lag_and_goes_on_with_the_oldest_value() {
        let mut ring = Ring::new(3);
        let (fast, slow) = (ring.enter(), ring.enter());
        for value in 0..3 {
            ring.push(fast, value);
        }
        assert_eq!(ring.read(slow, Instant::now()), Read::Value(0), "a full ring is no loss");
        for value in 3..7 {
            ring.push(fast, value);
        }
        assert_eq!(ring.read(slow, Instant::now()), Read::Lost(3));
        assert_eq!(read_all(&mut ring, slow), (vec![4, 5, 6], 0));
    }

    #[test]
    fn values_that_all_readers_have_read_are_not_kept() {
        let mut ring = Ring::new(10);
        let (fast, slow) = (ring.enter(), ring.enter());
        for value in 0..6 {
            ring.push(fast, value);
        }
        assert_eq!((ring.kept.len(), ring.backlogs()), (6, vec![0, 6]));
        ring.read(slow, Instant::now());
        assert_eq!((ring.kept.len(), ring.backlogs()), (5, vec![0, 5]));
        ring.leave(slow);
        assert_eq!((ring.kept.len(), ring.backlogs()), (0, vec![0]));
        ring.push(fast, 7);
        assert_eq!(ring.kept.len(), 0);
        assert_eq!(ring.read(slow, Instant::now()), Read::AtHead, "it has left");
    }

    /// Fills a ring of four, of which the first reader pushes.
    fn filled(readers: usize) -> (Ring<u64>, Vec<ReaderKey>, Instant) {
        let mut ring = Ring::new(4);
        let keys: Vec<_> = (0..readers).map(|_| ring.enter()).collect();
        let now = Instant::now();
        for value in 0..4 {
            assert_eq!(ring.full_until(now), None);
            ring.push(keys[0], value);
        }
        (ring, keys, now)
    }

    #[test]
    fn a_full_ring_waits_for_the_one_behind_and_no_longer_than_that() {
        let (mut ring, keys, now) = filled(2);
        assert_eq!(ring.full_until(now), Some(now + SLOW));
        assert_eq!(ring.full_until(now + SLOW / 2), Some(now + SLOW), "not longer for being asked again");
        ring.read(keys[1], now + SLOW / 2);
        assert_eq!(ring.full_until(now + SLOW / 2), None, "there is room");
        ring.push(keys[0], 4);
        assert_eq!(ring.full_until(now + SLOW / 2), Some(now + SLOW), "it has not read a ring of values yet");
        for _ in 0..3 {
            ring.read(keys[1], now + SLOW / 2);
        }
        for value in 5..8 {
            assert_eq!(ring.full_until(now + SLOW / 2), None);
            ring.push(keys[0], value);
        }
        assert_eq!(ring.full_until(now + SLOW), Some(now + 2 * SLOW), "now it has");
    }

    #[test]
    fn a_reader_that_has_read_every_value_is_not_slow() {
        let (mut ring, keys, now) = filled(2);
        assert_eq!(ring.full_until(now), Some(now + SLOW));
        assert_eq!(read_all(&mut ring, keys[1]).0.len(), 4);
        for value in 4..8 {
            ring.push(keys[0], value);
        }
        let late = now + 100 * SLOW;
        assert_eq!(ring.full_until(late), Some(late + SLOW));
    }

    #[test]
    fn a_slow_one_loses_the_oldest_and_delays_nobody_before_it_keeps_up_again() {
        let (mut ring, keys, now) = filled(3);
        assert_eq!(ring.full_until(now), Some(now + SLOW));
        assert_eq!(ring.full_until(now + SLOW), None);
        ring.push(keys[0], 4);
        let mut late = now + 5 * SLOW;
        assert_eq!(ring.read(keys[1], late), Read::Lost(1));
        // One value in each of these times.
        for value in 5..20 {
            assert_eq!(ring.full_until(late), None);
            ring.push(keys[0], value);
            _ = ring.read(keys[1], late);
            late += SLOW;
        }
        assert_eq!(ring.full_until(late), None);
        // As many as the ring holds, in no time.
        for value in 20..40 {
            while let Read::Lost(_) = ring.read(keys[1], late) {}
            ring.push(keys[0], value);
        }
        assert_eq!(ring.full_until(late), Some(late + SLOW), "it reads as it should");
        ring.leave(keys[1]);
        assert_eq!(ring.full_until(late), None, "the other one has never read");
        assert!(matches!(ring.read(keys[2], late), Read::Lost(_)));
    }

    #[test]
    fn a_ring_of_nothing_keeps_one() {
        let mut ring = Ring::new(0);
        let (fast, slow) = (ring.enter(), ring.enter());
        ring.push(fast, 1);
        assert_eq!(ring.read(slow, Instant::now()), Read::Value(1));
    }

    #[derive(Debug, Clone)]
    enum Step {
        Enter,
        Leave(usize),
        /// Reads what there is, and takes one further value.
        Take(usize),
        Read(usize),
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let step = prop_oneof![
            1 => Just(Step::Enter),
            1 => any::<usize>().prop_map(Step::Leave),
            6 => any::<usize>().prop_map(Step::Take),
            6 => any::<usize>().prop_map(Step::Read),
        ];
        prop::collection::vec(step, 0..200)
    }

    proptest! {
        /// Invariant 1, against a reader's own count of what it must get next.
        #[test]
        fn no_value_is_lost_untold_repeated_or_out_of_order(size in 0usize..6, steps in steps()) {
            let mut ring = Ring::new(size);
            let mut readers: Vec<(ReaderKey, u64)> = Vec::new();
            let mut pushed = 0;
            for step in steps {
                let at = |pick: usize| (!readers.is_empty()).then(|| pick % readers.len());
                match step {
                    Step::Enter => readers.push((ring.enter(), pushed)),
                    Step::Leave(pick) => if let Some(at) = at(pick) {
                        ring.leave(readers.remove(at).0);
                    },
                    Step::Take(pick) => if let Some(at) = at(pick) {
                        let (values, lost) = read_all(&mut ring, readers[at].0);
                        prop_assert_eq!(lost + values.len() as u64, pushed - readers[at].1);
                        prop_assert!(values.iter().copied().eq(readers[at].1 + lost..pushed));
                        ring.push(readers[at].0, pushed);
                        pushed += 1;
                        readers[at].1 = pushed;
                    },
                    Step::Read(pick) => if let Some(at) = at(pick) {
                        let (key, expected) = &mut readers[at];
                        match ring.read(*key, Instant::now()) {
                            Read::Value(value) => { prop_assert_eq!(value, *expected); *expected += 1; }
                            Read::Lost(lost) => { prop_assert!(lost > 0); *expected += lost; }
                            Read::AtHead => prop_assert_eq!(*expected, pushed),
                        }
                    },
                }
                prop_assert!(ring.kept.len() <= ring.size());
                let unread = ring.backlogs().into_iter().max().unwrap_or(0);
                prop_assert_eq!(ring.kept.len(), unread);
            }
        }
    }
}
