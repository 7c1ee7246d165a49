//! Guests: connections of unknown peers that are still in their handshake.
//!
//! Guests have slots of their own, so that members never wait for them. When all slots are taken, the oldest guest of
//! the source with the most guests leaves; the newcomer counts for its source.
//!
//! # Invariants
//! 1. There are never more guests than slots, and a newcomer always gets in.
//! 2. A guest leaves for another one only if its source has at least as many guests as any other source.
//!
//! # Not here
//! The connections themselves, how one is closed, and how long a guest may stay (`Timeouts::handshake`).

use std::collections::{BTreeMap, HashMap};
use std::hash::Hash;

use super::limits::Limits;

/// How many connections an actor may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Room {
    /// Connections after the handshake.
    pub members: usize,
    /// Connections in their handshake.
    pub guests: usize,
}

impl Room {
    /// The slots that `limits` allow in a process that may open `files` files: members get at most five eighths, guests
    /// one eighth, and two eighths are left for the actor itself.
    pub fn within(limits: &Limits, files: usize) -> Self {
        Self {
            members: limits.connections_max.min(files / 8 * 5).max(1),
            guests: limits.guests_max.min(files / 8).max(1),
        }
    }

    /// How many members may be strangers, which are let in without a proof where that is allowed: half, so that
    /// strangers cannot take all slots.
    pub fn strangers(self) -> usize {
        (self.members / 2).max(1)
    }
}

/// The guests `T` of an actor, by their sources `S`.
#[derive(Debug)]
pub struct Guests<S, T> {
    max: usize,
    len: usize,
    next: u64,
    /// The guests of each source that has any, the oldest first.
    sources: HashMap<S, BTreeMap<u64, T>>,
}

/// Identifies one guest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ticket<S> {
    source: S,
    number: u64,
}

impl<S: Clone + Eq + Hash, T> Guests<S, T> {
    /// Slots for `max` guests, at least one.
    pub fn new(max: usize) -> Self {
        Self { max: max.max(1), len: 0, next: 0, sources: HashMap::new() }
    }

    /// The number of guests.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is no guest.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Lets a guest in. The second value is the guest that must leave for it, if any.
    pub fn enter(&mut self, source: S, guest: T) -> (Ticket<S>, Option<T>) {
        let number = self.next;
        self.next += 1;
        self.sources.entry(source.clone()).or_default().insert(number, guest);
        self.len += 1;
        let left = if self.len > self.max { self.oldest_of_the_most() } else { None };
        let left = left.and_then(|ticket| self.leave(&ticket));
        (Ticket { source, number }, left)
    }

    /// Removes a guest, if it is still in.
    pub fn leave(&mut self, ticket: &Ticket<S>) -> Option<T> {
        let guests = self.sources.get_mut(&ticket.source)?;
        let guest = guests.remove(&ticket.number)?;
        if guests.is_empty() {
            self.sources.remove(&ticket.source);
        }
        self.len -= 1;
        Some(guest)
    }

    fn oldest_of_the_most(&self) -> Option<Ticket<S>> {
        let oldest = self.sources.iter().filter_map(|(source, guests)| {
            let (&number, _) = guests.first_key_value()?;
            Some((guests.len(), std::cmp::Reverse(number), source))
        });
        let (_, std::cmp::Reverse(number), source) =
            oldest.max_by_key(|&(count, number, _)| (count, number))?;
        Some(Ticket { source: source.clone(), number })
    }
}
