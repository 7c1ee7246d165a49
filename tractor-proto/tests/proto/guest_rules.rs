//! The choice of the guest that leaves when there are too many.

use std::collections::BTreeMap;

use proptest::prelude::*;
use tractor_proto::guests::{Guests, Room};
use tractor_proto::limits::Limits;

/// Lets guests in one after the other; returns which guest left for each.
fn enter(guests: &mut Guests<char, u32>, all: &[(char, u32)]) -> Vec<Option<u32>> {
    all.iter().map(|&(source, guest)| guests.enter(source, guest).1).collect()
}

#[test]
fn the_oldest_leaves_when_all_are_of_one_source() {
    let mut guests = Guests::new(2);
    let left = enter(&mut guests, &[('a', 1), ('a', 2), ('a', 3), ('a', 4)]);
    assert_eq!(left, [None, None, Some(1), Some(2)]);
    assert_eq!(guests.len(), 2);
}

#[test]
fn guests_of_a_crowded_source_displace_each_other() {
    let mut guests = Guests::new(3);
    let left = enter(&mut guests, &[('a', 1), ('b', 2), ('b', 3), ('b', 4), ('b', 5), ('a', 6), ('a', 7)]);
    // From the sixth on both sources have two guests, and the oldest of all leaves.
    assert_eq!(left, [None, None, None, Some(2), Some(3), Some(1), Some(4)]);
}

#[test]
fn among_equals_the_oldest_leaves() {
    let mut guests = Guests::new(2);
    assert_eq!(enter(&mut guests, &[('a', 1), ('b', 2), ('c', 3)]), [None, None, Some(1)]);
}

#[test]
fn a_ticket_takes_its_guest_out_once() {
    let mut guests = Guests::new(1);
    let (first, _) = guests.enter('a', 1);
    let (second, left) = guests.enter('a', 2);
    assert_eq!(left, Some(1));
    assert_eq!(guests.leave(&first), None, "it has left already");
    assert_eq!(guests.leave(&second), Some(2));
    assert_eq!(guests.leave(&second), None);
    assert!(guests.is_empty());
}

#[test]
fn without_room_there_is_room_for_one() {
    let mut guests = Guests::new(0);
    assert_eq!(enter(&mut guests, &[('a', 1), ('b', 2)]), [None, Some(1)]);
}

#[test]
fn connections_leave_files_to_the_actor() {
    let limits = Limits::default();
    for (files, members, guests) in [
        (0, 1, 1),
        (64, 40, 8),
        (1024, 640, 128),
        (20_000, limits.connections_max, limits.guests_max),
        (usize::MAX, limits.connections_max, limits.guests_max),
    ] {
        assert_eq!(Room::within(&limits, files), Room { members, guests }, "{files} files");
    }
    let few = Limits::default().connections_max(7).guests_max(5);
    assert_eq!(Room::within(&few, 1024), Room { members: 7, guests: 5 });
}

#[test]
fn strangers_that_are_let_in_leave_room_for_others() {
    for (members, strangers) in [(1, 1), (2, 1), (7, 3), (4096, 2048)] {
        assert_eq!(Room { members, guests: 5 }.strangers(), strangers);
    }
}

proptest! {
    #[test]
    fn nobody_leaves_for_a_source_that_has_more(
        max in 1_usize..6,
        steps in proptest::collection::vec((0_u8..4, any::<bool>()), 0..64),
    ) {
        let mut guests = Guests::new(max);
        let mut inside = BTreeMap::new(); // what must be in, by number
        let mut tickets = BTreeMap::new();
        for (number, (source, leaves)) in steps.into_iter().enumerate() {
            let (ticket, left) = guests.enter(source, (source, number));
            inside.insert(number, source);
            tickets.insert(number, ticket);
            let count = |of: u8| inside.values().filter(|source| **source == of).count();
            prop_assert_eq!(left.is_some(), inside.len() > max);
            if let Some((of, gone)) = left {
                prop_assert!((0..4).all(|other| count(other) <= count(of)), "{} had less than another", of);
                let oldest = inside.iter().all(|(other, source)| *source != of || *other >= gone);
                prop_assert!(oldest, "{} is not the oldest", gone);
                prop_assert!(gone != number || max == 0, "the newcomer left");
                inside.remove(&gone);
                tickets.remove(&gone);
            }
            if leaves {
                let (number, ticket) = tickets.pop_first().expect("the newcomer is in");
                prop_assert_eq!(guests.leave(&ticket).map(|(_, number)| number), Some(number));
                inside.remove(&number);
            }
            prop_assert_eq!(guests.len(), inside.len());
        }
    }
}
