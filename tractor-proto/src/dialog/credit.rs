//! Flow control of one stream direction, counted in bytes.
//!
//! Both ends of a dialog start from [`STREAM_WINDOW_INITIAL_BYTES`]. A message costs its payload plus
//! [`MESSAGE_OVERHEAD_BYTES`]. The sender may send while its credit is above zero, so a value larger than the window
//! gets through, alone. The receiver grants more as values are consumed. A grant of zero bytes says that the receiver
//! reads no more.

use crate::limits::{MESSAGE_OVERHEAD_BYTES, STREAM_WINDOW_INITIAL_BYTES};

/// The credit that a message costs.
#[inline]
pub fn cost(payload_bytes: usize) -> i64 {
    i64::try_from(payload_bytes.saturating_add(MESSAGE_OVERHEAD_BYTES)).unwrap_or(i64::MAX / 4)
}

/// The sender's view of the room at the receiver.
#[derive(Debug, Clone)]
pub struct SendCredit {
    bytes: i64,
    unread: bool,
}

impl Default for SendCredit {
    fn default() -> Self {
        Self { bytes: STREAM_WINDOW_INITIAL_BYTES as i64, unread: false }
    }
}

impl SendCredit {
    /// Whether a message may be sent now.
    #[inline]
    pub fn has_room(&self) -> bool {
        self.bytes > 0
    }

    /// Counts a sent message.
    #[inline]
    pub fn spend(&mut self, payload_bytes: usize) {
        self.bytes = self.bytes.saturating_sub(cost(payload_bytes));
    }

    /// Whether the receiver has said that it reads no more.
    pub fn is_unread(&self) -> bool {
        self.unread
    }

    /// Adds the receiver's grant to the credit.
    pub fn grant(&mut self, bytes: u32) {
        self.unread |= bytes == 0;
        // A peer cannot make us overflow by granting without end.
        self.bytes = self.bytes.saturating_add(i64::from(bytes)).min(i64::MAX / 4);
    }
}

/// The receiver's view of what the sender may still send.
#[derive(Debug, Clone)]
pub struct RecvCredit {
    window: i64,
    /// Granted and not yet consumed: in flight or queued.
    outstanding: i64,
    /// Queued here.
    queued: i64,
}

impl RecvCredit {
    /// A receiver that lets about `window_bytes` be in flight or queued.
    #[inline]
    pub fn new(window_bytes: usize) -> Self {
        Self {
            window: (window_bytes.max(STREAM_WINDOW_INITIAL_BYTES)).try_into().unwrap_or(i64::MAX / 4),
            outstanding: STREAM_WINDOW_INITIAL_BYTES as i64,
            queued: 0,
        }
    }

    /// Counts an arrived message. Returns whether the sender kept to its credit.
    #[inline]
    pub fn arrived(&mut self, payload_bytes: usize) -> bool {
        let cost = cost(payload_bytes);
        self.arrived_together(cost, cost)
    }

    /// Counts arrived messages by their total cost; `last` is the cost of the last one. Returns whether the sender kept
    /// to its credit. If not, none of them is counted.
    #[inline]
    pub fn arrived_together(&mut self, cost: i64, last: i64) -> bool {
        let kept = self.queued + (cost - last) < self.window;
        if kept {
            self.queued += cost;
        }
        kept
    }

    /// Counts a consumed message. Returns the bytes to grant, or zero when it is too early for a grant.
    #[inline]
    pub fn consumed(&mut self, payload_bytes: usize) -> u32 {
        self.consumed_together(cost(payload_bytes))
    }

    /// As [`consumed`](Self::consumed), for messages with this total cost.
    #[inline]
    pub fn consumed_together(&mut self, cost: i64) -> u32 {
        self.queued -= cost;
        self.outstanding -= cost;
        let missing = self.window - self.outstanding;
        if missing < self.window / 4 {
            return 0;
        }
        let grant = u32::try_from(missing).unwrap_or(u32::MAX);
        self.outstanding += i64::from(grant);
        grant
    }

    /// The cost of further messages that must be consumed before a grant is due.
    #[inline]
    pub fn until_grant(&self) -> i64 {
        self.window / 4 - (self.window - self.outstanding)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_window_stops_the_sender_until_the_receiver_consumed_a_quarter() {
        let mut tx = SendCredit::default();
        let mut rx = RecvCredit::new(STREAM_WINDOW_INITIAL_BYTES);
        let mut sent = 0;
        while tx.has_room() {
            tx.spend(1000);
            assert!(rx.arrived(1000));
            sent += 1;
        }
        let mut consumed = 0;
        let grant = loop {
            consumed += 1;
            let grant = rx.consumed(1000);
            if grant > 0 {
                break grant;
            }
        };
        assert!(consumed * 4 >= sent && consumed * 4 <= sent + 8, "{consumed} of {sent}");
        tx.grant(grant);
        assert!(tx.has_room());
    }

    #[test]
    fn one_value_larger_than_the_window_passes_alone() {
        let mut tx = SendCredit::default();
        let mut rx = RecvCredit::new(0);
        let huge = STREAM_WINDOW_INITIAL_BYTES * 10;
        assert!(tx.has_room());
        tx.spend(huge);
        assert!(!tx.has_room());
        assert!(rx.arrived(huge));
        tx.grant(rx.consumed(huge));
        assert!(tx.has_room());
    }

    #[test]
    fn a_sender_that_ignores_credit_is_noticed() {
        let mut rx = RecvCredit::new(0);
        let fits = (0..).take_while(|_| rx.arrived(10_000)).count();
        assert!(fits > 20 && fits < 30, "{fits}");
    }

    #[test]
    fn a_larger_window_is_granted_with_the_first_consumed_value() {
        let mut rx = RecvCredit::new(4 * STREAM_WINDOW_INITIAL_BYTES);
        assert!(rx.arrived(10));
        assert!(rx.consumed(10) as usize > 2 * STREAM_WINDOW_INITIAL_BYTES);
    }

    #[test]
    fn a_grant_of_nothing_is_for_good() {
        let mut tx = SendCredit::default();
        assert!(!tx.is_unread());
        tx.grant(0);
        tx.grant(1);
        assert!(tx.is_unread());
    }

    #[test]
    fn messages_count_together_as_they_do_one_by_one() {
        for values in 1..40 {
            let (mut single, mut together) = (RecvCredit::new(0), RecvCredit::new(0));
            loop {
                let arrived = (0..values).all(|_| single.arrived(1000));
                let all = values * cost(1000);
                assert_eq!(together.arrived_together(all, cost(1000)), arrived, "{values}");
                if !arrived {
                    break;
                }
            }
            let (mut single, mut together) = (RecvCredit::new(0), RecvCredit::new(0));
            let (mut granted, mut consumed) = (0, 0);
            while granted == 0 {
                assert!(consumed < together.until_grant(), "a grant is due");
                granted = single.consumed(1000);
                consumed += cost(1000);
            }
            assert!(consumed >= together.until_grant());
            assert_eq!(together.consumed_together(consumed), granted);
        }
    }

    #[test]
    fn endless_grants_do_not_overflow() {
        let mut tx = SendCredit::default();
        for _ in 0..10 {
            tx.bytes = i64::MAX / 4;
            tx.grant(u32::MAX);
        }
        assert!(tx.has_room());
    }
}
