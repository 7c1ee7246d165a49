//! Streamed values that arrived back to back, and stay together in the inbox.

use std::ops::Range;

use bytes::{Buf, Bytes};

use crate::proto::dialog::cost;
use crate::proto::frame;
use crate::proto::limits::FRAME_HEAD_BYTES;

/// Longest run, in bytes of whole frames.
pub(crate) const RUN_BYTES_MAX: usize = 32 * 1024;

/// The values of a shorter run are taken one by one: copying the run would not be worth it.
pub(super) const RUN_VALUES_MIN: usize = 8;

/// An entry of an inbox: a value, or several that came together.
#[derive(Debug)]
pub(super) enum Waiting {
    Value(Bytes),
    /// Used only while the sender waits for credit. Other policies count and drop single values.
    Run(Run),
}

impl Waiting {
    /// The memory of the entry.
    pub(super) fn bytes(&self) -> &Bytes {
        match self {
            Self::Value(value) => value,
            Self::Run(run) => &run.frames,
        }
    }
}

/// Consecutive `Yield` frames of one dialog, as they arrived.
#[derive(Debug, Clone)]
pub(crate) struct Run {
    frames: Bytes,
    /// Length of the part of each frame's body before its payload.
    head: usize,
    values: usize,
}

impl Run {
    /// `frames` are whole, one for each of the `values`; each payload begins at `head` in the frame's body.
    pub(crate) fn new(frames: Bytes, head: usize, values: usize) -> Self {
        Self { frames, head, values }
    }

    pub(super) fn frames(&self) -> &Bytes {
        &self.frames
    }

    pub(super) fn head(&self) -> usize {
        self.head
    }

    /// The number of values that are left.
    pub(super) fn values(&self) -> usize {
        self.values
    }

    pub(super) fn payload_bytes(&self) -> usize {
        self.frames.len() - self.values * (FRAME_HEAD_BYTES + self.head)
    }

    /// The cost of all values in flow control.
    pub(super) fn cost(&self) -> i64 {
        // No overflow: the length of a run is bounded.
        cost(self.payload_bytes()) + (self.values as i64 - 1) * cost(0)
    }

    /// The same frames in other memory.
    pub(super) fn move_to(&mut self, frames: Bytes) {
        self.frames = frames;
    }
}

/// The values, one by one.
impl Iterator for Run {
    type Item = Bytes;

    fn next(&mut self) -> Option<Bytes> {
        let payload = first_payload(&self.frames, self.head)?;
        let value = self.frames.slice(payload.clone());
        self.frames.advance(payload.end);
        self.values -= 1;
        Some(value)
    }
}

/// The range of the first frame's payload. The next frame begins at its end.
#[inline]
pub(super) fn first_payload(frames: &[u8], head: usize) -> Option<Range<usize>> {
    let body = frame::next_frame(frames, usize::MAX).ok()??;
    Some(body.start + head..body.end)
}

#[cfg(test)]
mod tests {
    use super::super::inbox::{Inbox, Offered};
    use super::super::overflow::Overflow;
    use super::*;
    use crate::proto::limits::Limits;

    const HEAD: &[u8] = b"head";

    /// A run in which each number fills as many bytes as it says, and one more; and the last payload's size.
    fn run(numbers: std::ops::Range<u8>) -> (Run, usize) {
        let mut frames = Vec::new();
        for number in numbers.clone() {
            let begin = frame::begin_frame(&mut frames);
            frames.extend_from_slice(HEAD);
            frames.resize(frames.len() + usize::from(number) + 1, number);
            frame::end_frame(&mut frames, begin, usize::MAX).expect("a short frame");
        }
        (Run::new(frames.into(), HEAD.len(), numbers.len()), usize::from(numbers.end))
    }

    fn single(number: u8) -> Bytes {
        Bytes::from(vec![number; usize::from(number) + 1])
    }

    #[test]
    fn a_run_is_its_values() {
        let (run, _) = run(3..9);
        assert_eq!(run.payload_bytes(), (4..10).sum::<usize>());
        assert_eq!(run.cost(), (4..10).map(cost).sum::<i64>());
        assert!(run.eq((3..9).map(single)));
    }

    #[test]
    fn an_inbox_hands_out_runs_as_the_values_they_are_and_grants_the_same() {
        let limits = Limits::default().stream_window_bytes(0);
        let (mut inbox, mut singles) = (Inbox::new(&limits), Inbox::new(&limits));
        let (mut arrived, mut granted, mut grants) = (0, (0, 0), 0);
        while grants < 3 {
            let (run, last) = run(0..40);
            inbox.offer_run(run, last).expect("it has room");
            for number in 0..40 {
                assert_eq!(singles.offer(single(number), true, &limits), Offered::Kept { grant: 0 });
            }
            arrived += 40;
            while arrived > 0 {
                let (value, grant) = singles.take().expect("both inboxes have the same values");
                (granted.0, grants) = (granted.0 + grant, grants + i32::from(grant > 0));
                // A run of eight or more gives one value and is put back; the last seven come one by one.
                match inbox.take_whole().expect("there are more values") {
                    (Waiting::Value(first), grant) => {
                        assert_eq!(first, value);
                        granted.1 += grant;
                        arrived -= 1;
                    }
                    (Waiting::Run(mut run), 0) => {
                        assert_eq!(run.next(), Some(value.clone()));
                        granted.1 += inbox.consumed(cost(value.len()));
                        arrived -= 1;
                        inbox.put_back(run);
                    }
                    (Waiting::Run(_), grant) => panic!("{grant} bytes are granted before they are consumed"),
                }
                assert_eq!(granted.0, granted.1);
            }
            assert!(inbox.take_whole().is_none() && inbox.is_empty());
        }
    }

    #[test]
    fn a_policy_counts_the_values_of_a_run_that_came_before_it() {
        let limits = Limits::default().inbox_messages_max(3);
        for (overflow, kept) in
            [(Overflow::Latest, 11..12), (Overflow::DropOldest, 9..12), (Overflow::Error, 0..3)]
        {
            let mut inbox = Inbox::new(&limits);
            let (run, last) = run(0..12);
            inbox.offer_run(run, last).expect("it has room");
            inbox.set_overflow(overflow, &limits);
            let rest: Vec<_> = std::iter::from_fn(|| inbox.take().map(|(value, _)| value)).collect();
            assert!(rest.into_iter().eq(kept.map(single)), "{overflow:?}");
            let (run, last) = self::run(0..12);
            assert!(inbox.offer_run(run, last).is_err(), "{overflow:?}: values are offered one by one");
        }
    }
}
