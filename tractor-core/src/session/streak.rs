//! Values that a sender sends one after the other, with a look at the dialog for the first of them only.
//!
//! A sender takes the lock of its dialog's cell to see whether it may send, and the lock of the write buffer to append.
//! While nobody has taken the first since, what was seen there still holds, and the second is enough.
//!
//! # Invariants
//! 1. Whoever takes the lock of the cell breaks the streak first, and only a sender that holds it begins another one.
//! 2. `room` and `sends` change only under the lock of the write buffer, under which a sender also looks whether the
//!    streak is broken. So a message that another task appends after a change of the cell comes behind all values of
//!    the streak: who appends it has broken the streak before it took the lock of the write buffer.

use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU32, Ordering};

/// What may still be sent.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Allowance {
    /// Room at the receiver.
    pub(super) room: i64,
    /// Values before other tasks may be due.
    pub(super) sends: u32,
}

/// What a sender may send without another look at the dialog.
// Relaxed, because the locks give the order; loads and stores, because one task at a time writes.
#[derive(Debug, Default)]
pub(super) struct Streak {
    goes_on: AtomicBool,
    room: AtomicI64,
    sends: AtomicU32,
}

impl Streak {
    /// Whether another value may be sent. Without the lock of the write buffer this is a guess.
    #[inline]
    pub(super) fn goes_on(&self) -> bool {
        self.goes_on.load(Ordering::Relaxed)
            && self.room.load(Ordering::Relaxed) > 0
            && self.sends.load(Ordering::Relaxed) > 0
    }

    /// Counts a value that was sent.
    #[inline]
    pub(super) fn count(&self, cost: i64) {
        let (room, sends) = (self.room.load(Ordering::Relaxed), self.sends.load(Ordering::Relaxed));
        self.room.store(room.saturating_sub(cost), Ordering::Relaxed);
        self.sends.store(sends.saturating_sub(1), Ordering::Relaxed);
    }

    /// Under the lock of the cell, before anything else.
    #[inline]
    pub(super) fn break_off(&self) {
        self.goes_on.store(false, Ordering::Relaxed);
    }

    /// Under both locks: begins a streak.
    #[inline]
    pub(super) fn begin(&self, allowance: Allowance) {
        self.room.store(allowance.room, Ordering::Relaxed);
        self.sends.store(allowance.sends, Ordering::Relaxed);
        self.goes_on.store(true, Ordering::Relaxed);
    }

    /// Under both locks: what is left of the last streak.
    #[inline]
    pub(super) fn rest(&self) -> Allowance {
        Allowance { room: self.room.load(Ordering::Relaxed), sends: self.sends.load(Ordering::Relaxed) }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Barrier, Mutex, PoisonError};
    use std::thread;

    use super::*;

    const WINDOW: i64 = 10_000;
    const COST: i64 = 7;

    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    enum Sent {
        Value,
        Stop,
    }

    struct Cell {
        is_closed: bool,
        room: i64,
        lent: Allowance,
    }

    /// A dialog with nothing but room and an end.
    struct Dialog {
        cell: Mutex<Cell>,
        buffer: Mutex<Vec<Sent>>,
        streak: Streak,
    }

    impl Dialog {
        /// Returns whether the value was sent, without a look at the cell if it can be.
        fn send(&self) -> bool {
            if self.streak.goes_on() {
                let mut buffer = self.buffer.lock().unwrap_or_else(PoisonError::into_inner);
                if self.streak.goes_on() {
                    buffer.push(Sent::Value);
                    self.streak.count(COST);
                    return true;
                }
            }
            let mut cell = self.cell.lock().unwrap_or_else(PoisonError::into_inner);
            self.streak.break_off();
            let mut buffer = self.buffer.lock().unwrap_or_else(PoisonError::into_inner);
            let rest = self.streak.rest();
            cell.room -= cell.lent.room - rest.room;
            cell.lent = rest;
            if cell.is_closed || cell.room <= 0 {
                return false;
            }
            buffer.push(Sent::Value);
            cell.room -= COST;
            cell.lent = Allowance { room: cell.room, sends: 31 };
            self.streak.begin(cell.lent);
            true
        }

        fn stop(&self) {
            let mut cell = self.cell.lock().unwrap_or_else(PoisonError::into_inner);
            self.streak.break_off();
            cell.is_closed = true;
            self.buffer.lock().unwrap_or_else(PoisonError::into_inner).push(Sent::Stop);
        }
    }

    #[test]
    fn no_value_follows_what_has_broken_the_streak_and_the_window_is_kept() {
        for round in 0..200 {
            let cell = Cell { is_closed: false, room: WINDOW, lent: Allowance::default() };
            let dialog =
                Dialog { cell: Mutex::new(cell), buffer: Mutex::default(), streak: Streak::default() };
            let together = Barrier::new(3);
            let send = || {
                together.wait();
                (0..).take_while(|_| dialog.send()).count()
            };
            let sent: usize = thread::scope(|scope| {
                let senders = [scope.spawn(send), scope.spawn(send)];
                together.wait();
                while round % 2 == 0 && dialog.buffer.lock().is_ok_and(|buffer| buffer.len() < round) {}
                if round % 2 == 0 {
                    dialog.stop();
                }
                senders.map(|sender| sender.join().expect("it does not panic")).into_iter().sum()
            });
            let buffer = dialog.buffer.into_inner().expect("no task has panicked");
            let values = buffer.iter().filter(|&&sent| sent == Sent::Value).count();
            assert_eq!(values, sent);
            if round % 2 == 0 {
                assert_eq!(buffer.last(), Some(&Sent::Stop), "round {round}");
            } else {
                assert_eq!(
                    values as i64,
                    (WINDOW + COST - 1) / COST,
                    "only the last one overdraws the window"
                );
            }
        }
    }
}
