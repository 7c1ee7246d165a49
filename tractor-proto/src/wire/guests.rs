//! Who may wait in front of the door: connections whose handshake is not over, of peers that may be anybody.
//!
//! They have room of their own, so that members never wait for them, and it is never too small for one more: when it is
//! full, one has to leave. That is the oldest of the source that has most, the newcomer included. So a source that
//! comes in great numbers drives out its own, and who is still there at the end of a second was not in anybody's way.
//!
//! # Invariants
//! 1. At most as many are in as there is room, and the newcomer always is.
//! 2. A guest leaves for another one only if its source has at least as many as any other.
//!
//! # Not here
//! What a guest is, how it is made to leave, and how long it may stay (`Timeouts::handshake`).

use std::collections::{BTreeMap, HashMap};
use std::hash::Hash;

use super::limits::Limits;

/// How many connections an actor has at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Room {
    /// After the handshake.
    pub members: usize,
    /// In it.
    pub guests: usize,
}

impl Room {
    /// What `limits` allow, in a process that may open so many files: members get five of eight, guests one, and two
    /// stay for what the actor itself does.
    pub fn within(limits: &Limits, files: usize) -> Self {
        Self {
            members: limits.connections_max.min(files / 8 * 5).max(1),
            guests: limits.guests_max.min(files / 8).max(1),
        }
    }

    /// How many of the members may be strangers that were let in without a proof, where that is allowed: half of them,
    /// so that the others have room whatever strangers do.
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
    /// Of each source that has any: its guests, the oldest first.
    sources: HashMap<S, BTreeMap<u64, T>>,
}

/// Tells a guest from every other one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ticket<S> {
    source: S,
    number: u64,
}

impl<S: Clone + Eq + Hash, T> Guests<S, T> {
    /// Room for `max` guests, at least for one.
    pub fn new(max: usize) -> Self {
        Self { max: max.max(1), len: 0, next: 0, sources: HashMap::new() }
    }

    /// How many are in.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether nobody is in.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Lets one in. Whoever had to leave for it is the second value.
    pub fn enter(&mut self, source: S, guest: T) -> (Ticket<S>, Option<T>) {
        let number = self.next;
        self.next += 1;
        self.sources.entry(source.clone()).or_default().insert(number, guest);
        self.len += 1;
        let left = if self.len > self.max { self.oldest_of_the_most() } else { None };
        let left = left.and_then(|ticket| self.leave(&ticket));
        (Ticket { source, number }, left)
    }

    /// Takes one out, if it is in.
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
