//! The turns of a sender that never has to wait.
//!
//! On a runtime with one thread the values of such a sender would be written, and a cancellation be seen, only once its
//! window is full. So a send yields once to other tasks when the task has run for [`TURN`]. The clock is read once in
//! [`SENDS_PER_LOOK`] sends, or at each of them when they are slow.

use std::time::{Duration, Instant};

/// How long a sender runs before other tasks get a turn.
const TURN: Duration = Duration::from_micros(500);
/// Sends between two looks at the clock while they are fast.
const SENDS_PER_LOOK: u32 = 32;
/// A send is slow if it takes longer than this, including the work before it.
const SLOW: Duration = Duration::from_micros(10);

/// The pace of one dialog's sender.
#[derive(Debug, Default)]
pub(super) struct Pace {
    /// Sends to go before the next look.
    left: u32,
    /// When the current turn began; `None` before its first send.
    began: Option<Instant>,
    looked: Option<Instant>,
}

impl Pace {
    /// Whether the next send should yield to other tasks. After it has returned `true`, a new turn begins.
    #[inline]
    pub(super) fn is_turn_over(&mut self) -> bool {
        if self.left > 0 {
            self.left -= 1;
            return false;
        }
        self.look(Instant::now())
    }

    fn look(&mut self, now: Instant) -> bool {
        let since_look = self.looked.replace(now).map_or(Duration::ZERO, |looked| now.duration_since(looked));
        self.left = if since_look > SLOW * SENDS_PER_LOOK { 0 } else { SENDS_PER_LOOK - 1 };
        let began = *self.began.get_or_insert(now);
        let over = now.duration_since(began) >= TURN;
        if over {
            self.began = None;
            self.left = 0;
        }
        over
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_turn_ends_after_its_time_and_the_next_one_begins_with_a_send() {
        let mut pace = Pace::default();
        let start = Instant::now();
        assert!(!pace.look(start));
        assert!(!pace.look(start + TURN / 2));
        assert!(pace.look(start + TURN));
        assert!(!pace.look(start + 3 * TURN), "the send after the pause goes through");
        assert!(pace.look(start + 4 * TURN));
    }

    #[test]
    fn slow_sends_are_all_looked_at() {
        let mut pace = Pace::default();
        let start = Instant::now();
        assert!(!pace.look(start));
        assert_eq!(pace.left, SENDS_PER_LOOK - 1);
        assert!(!pace.look(start + TURN - Duration::from_micros(1)));
        assert_eq!(pace.left, 0);
    }
}
