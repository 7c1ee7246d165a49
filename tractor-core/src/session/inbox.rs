//! The values that have arrived on one side of a dialog and that no task has received yet.
//!
//! # Invariants
//! 1. The inbox hands out the arrived values in order; values are dropped only by a policy that says so.
//! 2. After a value was refused for good, no further value is kept: a reader never skips a gap unknowingly.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;

use super::overflow::Overflow;
use super::run::{RUN_VALUES_MIN, Run, Waiting};
use crate::error::Error;
use crate::net::{Held, keeping};
use crate::proto::dialog::{RecvCredit, cost};
use crate::proto::limits::{Limits, STREAM_WINDOW_INITIAL_BYTES};

/// Why an inbox will get no further values.
#[derive(Debug, Clone)]
pub(super) enum InboxEnd {
    /// The peer closed its half.
    Stopped,
    /// The peer ended without closing its half.
    Cut,
    /// A value found no room.
    Overrun(Box<Error>),
    /// The inbox has no reader any more.
    Unread(Notice),
}

/// Whether the sender must learn that its values are not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Notice {
    /// The sender has sent nothing.
    NotYet,
    Due,
    Given,
}

/// The result of offering an arrived value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Offered {
    /// The value is queued; the sender may be granted this many bytes.
    Kept { grant: u32 },
    /// There is no room for the value; this knob sets the room.
    Refused { knob: &'static str },
    /// The stream is over.
    Late,
    /// The value has no reader and is thrown away; the sender may be granted this many bytes.
    Unread { grant: u32 },
}

#[derive(Debug)]
pub(super) struct Inbox {
    queue: VecDeque<Waiting>,
    /// Bytes of the queued values.
    bytes: usize,
    /// Number of entries at the front that were copied out of their read buffers.
    copied: usize,
    credit: RecvCredit,
    overflow: Overflow,
    end: Option<InboxEnd>,
}

impl Inbox {
    #[inline]
    pub(super) fn new(limits: &Limits) -> Self {
        Self {
            queue: VecDeque::new(),
            bytes: 0,
            copied: 0,
            credit: RecvCredit::new(limits.stream_window_bytes),
            overflow: Overflow::default(),
            end: None,
        }
    }

    /// Takes in a value; `has_credit` says whether the sender has the `credit` extension.
    #[inline]
    pub(super) fn offer(&mut self, value: Bytes, has_credit: bool, limits: &Limits) -> Offered {
        if let Some(InboxEnd::Unread(notice)) = &mut self.end {
            if *notice == Notice::NotYet {
                *notice = Notice::Due;
            }
            let grant = if self.credit.arrived(value.len()) { self.credit.consumed(value.len()) } else { 0 };
            return Offered::Unread { grant };
        }
        let messages_max = limits.inbox_messages_max;
        let is_full = match self.overflow {
            Overflow::Backpressure if self.overrun().is_some() => true,
            Overflow::Backpressure => !has_credit && self.queue.len() >= messages_max,
            Overflow::Error if self.end.is_some() => return Offered::Late,
            Overflow::Error => match refusal(self.queue.len(), self.bytes, limits) {
                Some(knob) => return Offered::Refused { knob },
                None => false,
            },
            Overflow::Buffer | Overflow::DropOldest | Overflow::Latest => false,
        };
        if is_full {
            let knobs = ["Limits::inbox_messages_max", "Limits::stream_window_bytes"];
            return Offered::Refused { knob: knobs[usize::from(has_credit)] };
        }
        let payload_bytes = value.len();
        if !self.credit.arrived(payload_bytes) {
            return Offered::Refused { knob: "Limits::stream_window_bytes" };
        }
        self.bytes += payload_bytes;
        self.queue.push_back(Waiting::Value(value));
        if self.overflow == Overflow::Backpressure {
            return Offered::Kept { grant: 0 };
        }
        // The sender must not wait, so it gets the room back at once.
        let grant = self.credit.consumed(payload_bytes);
        self.leave_out(limits);
        Offered::Kept { grant }
    }

    /// Takes in a run of a sender that has the `credit` extension. Gives the run back if its values must be offered one
    /// by one. `last` is the payload size of its last value.
    pub(super) fn offer_run(&mut self, run: Run, last: usize) -> Result<(), Run> {
        if self.overflow != Overflow::Backpressure
            || self.end.is_some()
            || !self.credit.arrived_together(run.cost(), cost(last))
        {
            return Err(run);
        }
        self.bytes += run.payload_bytes();
        self.queue.push_back(Waiting::Run(run));
        Ok(())
    }

    /// Called when there is no reader any more: throws away the queued values, and all later ones.
    pub(super) fn discard(&mut self) -> Offered {
        let mut grant = 0u32;
        let notice = if self.queue.is_empty() { Notice::NotYet } else { Notice::Due };
        while let Some((_value, freed)) = self.take() {
            grant = grant.saturating_add(freed);
        }
        self.close(InboxEnd::Unread(notice));
        Offered::Unread { grant }
    }

    /// Whether the sender has yet to learn that its values are not read.
    pub(super) fn owes_notice(&self) -> bool {
        matches!(self.end, Some(InboxEnd::Unread(Notice::Due)))
    }

    /// Whether to tell the sender now that its values are not read; true only once.
    pub(super) fn take_notice(&mut self) -> bool {
        match &mut self.end {
            Some(InboxEnd::Unread(notice @ Notice::Due)) => {
                *notice = Notice::Given;
                true
            }
            _ => false,
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    /// The oldest value, and the bytes to grant for it.
    #[inline]
    pub(super) fn take(&mut self) -> Option<(Bytes, u32)> {
        let value = self.pop()?;
        let is_due = self.overflow == Overflow::Backpressure;
        let grant = if is_due { self.credit.consumed(value.len()) } else { 0 };
        Some((value, grant))
    }

    /// The oldest value, with the bytes to grant for it; or the run that begins with it. The caller counts the values
    /// of a run as [`consumed`](Self::consumed).
    #[inline]
    pub(super) fn take_whole(&mut self) -> Option<(Waiting, u32)> {
        match self.queue.front()? {
            Waiting::Run(run) if run.values() >= RUN_VALUES_MIN => {
                self.bytes -= run.payload_bytes();
                self.copied = self.copied.saturating_sub(1);
                self.queue.pop_front().map(|run| (run, 0))
            }
            Waiting::Value(_) | Waiting::Run(_) => {
                self.take().map(|(value, grant)| (Waiting::Value(value), grant))
            }
        }
    }

    /// Counts consumed values of a run by their cost. Returns the bytes to grant for them.
    pub(super) fn consumed(&mut self, cost: i64) -> u32 {
        if cost > 0 { self.credit.consumed_together(cost) } else { 0 }
    }

    /// The cost from which [`consumed`](Self::consumed) returns a grant.
    pub(super) fn until_grant(&self) -> i64 {
        self.credit.until_grant()
    }

    /// Puts back the rest of a run, which is a copy.
    pub(super) fn put_back(&mut self, rest: Run) {
        self.bytes += rest.payload_bytes();
        self.copied += 1;
        self.queue.push_front(Waiting::Run(rest));
    }

    /// Sets the policy. It also applies to the queued values, as if they arrived now.
    pub(super) fn set_overflow(&mut self, overflow: Overflow, limits: &Limits) -> Offered {
        let mut grant = 0u32;
        if overflow != Overflow::Backpressure {
            self.part_runs();
            for value in &self.queue {
                grant = grant.saturating_add(self.credit.consumed(value.bytes().len()));
            }
        }
        self.overflow = overflow;
        if overflow == Overflow::Error
            && let Some(knob) = self.leave_refused_out(limits)
        {
            return Offered::Refused { knob };
        }
        self.leave_out(limits);
        Offered::Kept { grant }
    }

    /// Replaces each run by its values.
    fn part_runs(&mut self) {
        let (entries, copied) = (std::mem::take(&mut self.queue), std::mem::take(&mut self.copied));
        for (position, entry) in entries.into_iter().enumerate() {
            match entry {
                Waiting::Value(_) => self.queue.push_back(entry),
                Waiting::Run(run) => self.queue.extend(run.map(Waiting::Value)),
            }
            if position < copied {
                self.copied = self.queue.len();
            }
        }
    }

    /// Drops the first queued value that [`Overflow::Error`] would have refused, and those behind it. Returns the knob.
    fn leave_refused_out(&mut self, limits: &Limits) -> Option<&'static str> {
        let mut bytes = 0;
        for (position, value) in self.queue.iter().enumerate() {
            if let Some(knob) = refusal(position, bytes, limits) {
                self.queue.truncate(position);
                self.bytes = bytes;
                self.copied = self.copied.min(position);
                return Some(knob);
            }
            bytes += value.bytes().len();
        }
        None
    }

    #[inline]
    fn pop(&mut self) -> Option<Bytes> {
        let value = match self.queue.pop_front()? {
            Waiting::Value(value) => value,
            Waiting::Run(mut run) => {
                let value = run.next()?;
                if run.values() > 0 {
                    self.bytes -= value.len();
                    self.queue.push_front(Waiting::Run(run));
                    return Some(value);
                }
                value
            }
        };
        self.bytes -= value.len();
        self.copied = self.copied.saturating_sub(1);
        Some(value)
    }

    /// Bytes of the entries that keep their read buffers alive.
    pub(super) fn loose_bytes(&self) -> usize {
        self.queue.range(self.copied..).map(|entry| entry.bytes().len()).sum()
    }

    /// Copies these entries into one block, which is booked by `held`.
    pub(super) fn copy_loose(&mut self, held: Held) {
        let mut block = Vec::with_capacity(self.loose_bytes());
        self.queue.range(self.copied..).for_each(|entry| block.extend_from_slice(entry.bytes()));
        let mut block = keeping(Arc::new(held), block);
        for entry in self.queue.range_mut(self.copied..) {
            let copy = block.split_to(entry.bytes().len());
            match entry {
                Waiting::Value(value) => *value = copy,
                Waiting::Run(run) => run.move_to(copy),
            }
        }
        self.copied = self.queue.len();
    }

    pub(super) fn overflow(&self) -> Overflow {
        self.overflow
    }

    /// Drops the oldest values if the policy says so.
    fn leave_out(&mut self, limits: &Limits) {
        let (messages_max, bytes_max) = match self.overflow {
            Overflow::Latest => (1, usize::MAX),
            Overflow::DropOldest => (limits.inbox_messages_max.max(1), window_bytes(limits)),
            Overflow::Backpressure | Overflow::Error | Overflow::Buffer => return,
        };
        // The newest is kept, however large it is.
        while self.queue.len() > messages_max || (self.queue.len() > 1 && self.bytes > bytes_max) {
            _ = self.pop();
        }
    }

    /// Ends the inbox after the queued values; the first end counts.
    pub(super) fn close(&mut self, end: InboxEnd) {
        self.end.get_or_insert(end);
    }

    /// Ends the inbox at a refused value. Replaces an end that came after that value.
    pub(super) fn overran(&mut self, error: Error) {
        self.end = Some(InboxEnd::Overrun(Box::new(error)));
    }

    pub(super) fn end(&self) -> Option<&InboxEnd> {
        self.end.as_ref()
    }

    /// The overrun that has ended the inbox, if one has.
    pub(super) fn overrun(&self) -> Option<&Error> {
        match &self.end {
            Some(InboxEnd::Overrun(error)) => Some(error),
            Some(InboxEnd::Stopped | InboxEnd::Cut | InboxEnd::Unread(_)) | None => None,
        }
    }
}

/// The knob by which [`Overflow::Error`] refuses a value when this many values and bytes are queued.
#[inline]
fn refusal(messages: usize, bytes: usize, limits: &Limits) -> Option<&'static str> {
    // The sender has its credit back already, so credit bounds nothing here.
    if bytes >= window_bytes(limits) {
        Some("Limits::stream_window_bytes")
    } else if messages >= limits.inbox_messages_max {
        Some("Limits::inbox_messages_max")
    } else {
        None
    }
}

/// The bytes that a stream may have queued.
fn window_bytes(limits: &Limits) -> usize {
    limits.stream_window_bytes.max(STREAM_WINDOW_INITIAL_BYTES)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::{Budget, Kind};

    fn inbox(overflow: Overflow) -> (Inbox, Limits) {
        let limits = Limits::default().inbox_messages_max(3);
        let mut inbox = Inbox::new(&limits);
        inbox.set_overflow(overflow, &limits);
        (inbox, limits)
    }

    fn value(number: u8) -> Bytes {
        Bytes::copy_from_slice(&[number])
    }

    fn rest(inbox: &mut Inbox) -> Vec<u8> {
        std::iter::from_fn(|| inbox.take().map(|(value, _)| value[0])).collect()
    }

    #[test]
    fn the_policies() {
        let table: [(Overflow, bool, &[u8]); 6] = [
            (Overflow::Backpressure, false, &[0, 1, 2]),
            (Overflow::Backpressure, true, &[0, 1, 2, 3, 4]),
            (Overflow::Error, true, &[0, 1, 2]),
            (Overflow::Buffer, false, &[0, 1, 2, 3, 4]),
            (Overflow::DropOldest, false, &[2, 3, 4]),
            (Overflow::Latest, true, &[4]),
        ];
        for (overflow, has_credit, kept) in table {
            let (mut inbox, limits) = inbox(overflow);
            for number in 0..5 {
                inbox.offer(value(number), has_credit, &limits);
            }
            assert_eq!(rest(&mut inbox), kept, "{overflow:?}, credit: {has_credit}");
        }
    }

    #[test]
    fn queues_are_bounded_in_bytes_too() {
        let window = STREAM_WINDOW_INITIAL_BYTES;
        let limits = Limits::default().stream_window_bytes(window);
        let large = |number: u8| Bytes::from(vec![number; window / 3]);
        for (overflow, kept) in [(Overflow::Error, &[0, 1, 2, 3][..]), (Overflow::DropOldest, &[7, 8, 9])] {
            let mut inbox = Inbox::new(&limits);
            inbox.set_overflow(overflow, &limits);
            for number in 0..10 {
                let offered = inbox.offer(large(number), true, &limits);
                if overflow == Overflow::Error && number == 4 {
                    assert_eq!(offered, Offered::Refused { knob: "Limits::stream_window_bytes" });
                    inbox.overran(Error::NoRuntime);
                }
            }
            assert_eq!(rest(&mut inbox), kept, "{overflow:?}");
            // A value larger than the window passes alone.
            let mut inbox = Inbox::new(&limits);
            inbox.set_overflow(overflow, &limits);
            for number in 0..3 {
                inbox.offer(Bytes::from(vec![number; window * 2]), true, &limits);
                assert_eq!(inbox.take().map(|(value, _)| value[0]), Some(number));
            }
        }
    }

    #[test]
    fn a_policy_counts_for_what_came_before_it() {
        let refused = Some("Limits::inbox_messages_max");
        let table: [(Overflow, &[u8], Option<&str>); 5] = [
            (Overflow::Backpressure, &[0, 1, 2, 3, 4], None),
            (Overflow::Buffer, &[0, 1, 2, 3, 4], None),
            (Overflow::Latest, &[4], None),
            (Overflow::DropOldest, &[2, 3, 4], None),
            (Overflow::Error, &[0, 1, 2], refused),
        ];
        for (overflow, kept, refused) in table {
            let (mut inbox, limits) = inbox(Overflow::Backpressure);
            for number in 0..5 {
                inbox.offer(value(number), true, &limits);
            }
            inbox.close(InboxEnd::Stopped);
            let set = inbox.set_overflow(overflow, &limits);
            let knob = if let Offered::Refused { knob } = set { Some(knob) } else { None };
            assert_eq!(knob, refused, "{overflow:?}");
            if knob.is_some() {
                inbox.overran(Error::NoRuntime);
                assert!(inbox.overrun().is_some(), "the end that came behind the gap does not count");
            }
            assert_eq!(rest(&mut inbox), kept, "{overflow:?}");
        }
    }

    #[test]
    fn discarded_values_are_granted_once() {
        for (overflow, is_granted) in [(Overflow::Backpressure, true), (Overflow::Buffer, false)] {
            let (mut inbox, limits) = inbox(overflow);
            for _ in 0..2 {
                inbox.offer(Bytes::from(vec![0; STREAM_WINDOW_INITIAL_BYTES / 3]), true, &limits);
            }
            let Offered::Unread { grant } = inbox.discard() else { panic!("nobody reads") };
            assert_eq!(grant > 0, is_granted, "{overflow:?}: {grant}");
        }
    }

    #[test]
    fn nothing_is_kept_behind_a_gap() {
        let (mut inbox, limits) = inbox(Overflow::Error);
        for number in 0..3 {
            assert!(matches!(inbox.offer(value(number), true, &limits), Offered::Kept { .. }));
        }
        assert!(matches!(inbox.offer(value(3), true, &limits), Offered::Refused { .. }));
        inbox.overran(Error::NoRuntime);
        assert_eq!(rest(&mut inbox), [0, 1, 2]);
        assert_eq!(inbox.offer(value(4), true, &limits), Offered::Late, "there is room again");
        inbox.close(InboxEnd::Stopped);
        assert!(inbox.overrun().is_some(), "the first end counts");
    }

    #[test]
    fn values_that_were_copied_are_not_copied_again() {
        let (mut inbox, limits) = inbox(Overflow::Buffer);
        let account = Budget::new(usize::MAX).open(false);
        let let_go = |inbox: &mut Inbox| {
            let bytes = inbox.loose_bytes();
            inbox.copy_loose(account.hold(Kind::Copied, bytes));
            bytes
        };
        let offer = |inbox: &mut Inbox, number| inbox.offer(value(number), true, &limits);
        (0..3).for_each(|number| _ = offer(&mut inbox, number));
        assert_eq!(let_go(&mut inbox), 3);
        assert_eq!(inbox.take().map(|(value, _)| value[0]), Some(0));
        (3..5).for_each(|number| _ = offer(&mut inbox, number));
        assert_eq!(let_go(&mut inbox), 2);
        assert_eq!(let_go(&mut inbox), 0);
        let kept = inbox.take().expect("four are left").0;
        assert_eq!(rest(&mut inbox), [2, 3, 4]);
        assert_eq!(account.booked(), 3, "the first block, for one of its values");
        drop(kept);
        assert_eq!(account.booked(), 0);
    }
}
