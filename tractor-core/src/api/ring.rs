//! Which of the values that one reader took are still to be read by whom: the decisions of a broadcast, without waiting.
//!
//! ```text
//!   kept:        [ 4  5  6  7 ]           at most `size`, oldest first
//!                  ^        ^   ^
//!   positions:     slow     |   head: has read all, pushes what it takes next
//!      2 ^                  fast
//!      lagging: has lost 2 and 3
//! ```
//!
//! # Invariants
//! 1. Every reader gets every value that was pushed after it entered, in order, or is told how many it has lost.
//! 2. At most `size` values are kept, and none that every reader has read.

use std::collections::{BTreeMap, VecDeque};

/// The values kept, and how far each reader is.
#[derive(Debug)]
pub(super) struct Ring<T> {
    size: usize,
    kept: VecDeque<T>,
    /// Position of the oldest value kept; positions count all values ever pushed.
    first: u64,
    readers: BTreeMap<ReaderKey, Progress>,
    key_next: u64,
}

/// How far a reader is.
#[derive(Debug)]
struct Progress {
    /// The position of the value it reads next.
    next: u64,
    /// The head at which it has last let the others run.
    gave_turn_at: Option<u64>,
}

/// Names a reader of a ring, in the order in which they entered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct ReaderKey(u64);

/// What a reader gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Read<T> {
    Value(T),
    /// This many values are lost to it; it goes on with the oldest one kept.
    Lost(u64),
    /// It has read all there is.
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

    /// A new reader, of what is pushed from now on.
    pub(super) fn enter(&mut self) -> ReaderKey {
        let key = ReaderKey(self.key_next);
        self.key_next += 1;
        let progress = Progress { next: self.head(), gave_turn_at: None };
        self.readers.insert(key, progress);
        key
    }

    /// The reader reads no more.
    pub(super) fn leave(&mut self, key: ReaderKey) {
        self.readers.remove(&key);
        self.forget_read();
    }

    /// The next value of a reader. One that has left is at the head.
    pub(super) fn read(&mut self, key: ReaderKey) -> Read<T> {
        let (first, head) = (self.first, self.head());
        let Some(Progress { next, .. }) = self.readers.get_mut(&key) else { return Read::AtHead };
        if *next < first {
            let lost = first - *next;
            *next = first;
            return Read::Lost(lost);
        }
        if *next == head {
            return Read::AtHead;
        }
        let value = self.kept[(*next - first) as usize].clone();
        *next += 1;
        if *next == first + 1 {
            self.forget_read();
        }
        Read::Value(value)
    }

    /// Whether this reader at the head should let the others run before it takes a value, which would cost one of them its
    /// oldest. Once for each value that it is about to take; a reader that has lost values already, because it has stopped,
    /// slows nobody down.
    pub(super) fn gives_turn(&mut self, key: ReaderKey) -> bool {
        let (first, head) = (self.first, self.head());
        if self.kept.len() < self.size || self.readers.values().all(|reader| reader.next != first) {
            return false;
        }
        let Some(own) = self.readers.get_mut(&key) else { return false };
        own.gave_turn_at.replace(head) != Some(head)
    }

    /// A reader at the head has taken a value, which the others are still to read.
    pub(super) fn push(&mut self, by: ReaderKey, value: T) {
        if self.kept.len() == self.size {
            self.kept.pop_front();
            self.first += 1;
        }
        self.kept.push_back(value);
        let head = self.head();
        if let Some(reader) = self.readers.get_mut(&by) {
            reader.next = head;
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read_all(ring: &mut Ring<u64>, key: ReaderKey) -> (Vec<u64>, u64) {
        let (mut values, mut lost) = (Vec::new(), 0);
        loop {
            match ring.read(key) {
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
        assert_eq!(ring.read(late), Read::Value(2));
        assert_eq!(ring.read(late), Read::AtHead);
        assert_eq!(ring.read(fast), Read::AtHead, "who pushes has read");
    }

    #[test]
    fn who_falls_behind_is_told_once_and_goes_on_with_the_oldest() {
        let mut ring = Ring::new(3);
        let (fast, slow) = (ring.enter(), ring.enter());
        for value in 0..3 {
            ring.push(fast, value);
        }
        assert_eq!(ring.read(slow), Read::Value(0), "a full ring is no loss");
        for value in 3..7 {
            ring.push(fast, value);
        }
        assert_eq!(ring.read(slow), Read::Lost(3));
        assert_eq!(read_all(&mut ring, slow), (vec![4, 5, 6], 0));
    }

    #[test]
    fn what_all_have_read_is_not_kept() {
        let mut ring = Ring::new(10);
        let (fast, slow) = (ring.enter(), ring.enter());
        for value in 0..6 {
            ring.push(fast, value);
        }
        assert_eq!((ring.kept.len(), ring.backlogs()), (6, vec![0, 6]));
        ring.read(slow);
        assert_eq!((ring.kept.len(), ring.backlogs()), (5, vec![0, 5]));
        ring.leave(slow);
        assert_eq!((ring.kept.len(), ring.backlogs()), (0, vec![0]));
        ring.push(fast, 7);
        assert_eq!(ring.kept.len(), 0);
        assert_eq!(ring.read(slow), Read::AtHead, "it has left");
    }

    #[test]
    fn others_are_given_a_turn_before_they_lose_and_those_who_have_stopped_only_once() {
        let mut ring = Ring::new(4);
        let (fast, slow, stopped) = (ring.enter(), ring.enter(), ring.enter());
        let take = |ring: &mut Ring<u64>, value| {
            let turn = ring.gives_turn(fast);
            assert!(!ring.gives_turn(fast), "not twice for one value");
            ring.push(fast, value);
            turn
        };
        assert!((0..4).all(|value| !take(&mut ring, value)));
        assert!(take(&mut ring, 4));
        assert!((5..9).all(|value| !take(&mut ring, value)), "both have lost values by now");
        assert_eq!(ring.read(slow), Read::Lost(5));
        assert!(take(&mut ring, 9), "it reads again");
        assert_eq!(read_all(&mut ring, slow), (vec![6, 7, 8, 9], 1));
        assert!((10..13).all(|value| !take(&mut ring, value)));
        ring.leave(slow);
        assert!((13..30).all(|value| !take(&mut ring, value)));
        assert_eq!(ring.read(stopped), Read::Lost(26));
    }

    #[test]
    fn a_ring_of_nothing_keeps_one() {
        let mut ring = Ring::new(0);
        let (fast, slow) = (ring.enter(), ring.enter());
        ring.push(fast, 1);
        assert_eq!(ring.read(slow), Read::Value(1));
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
                        match ring.read(*key) {
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
