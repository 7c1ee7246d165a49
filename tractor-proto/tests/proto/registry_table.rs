//! The rows of a registrar, against a plain list of them.

use proptest::prelude::*;
use tractor_proto::addr::Addr;
use tractor_proto::id::Uid;
use tractor_proto::limits::{Limits, NAME_BYTES_MAX, UDS_PATH_BYTES_MAX};
use tractor_proto::registry::{By, Holder, Refused, Table};

/// A member without a connection.
const LOOSE: By = By { holder: None, is_member: true };

fn held(n: u64) -> By {
    By { holder: Some(Holder(n)), is_member: true }
}

/// A stranger with a connection.
fn stranger(n: u64) -> By {
    By { is_member: false, ..held(n) }
}

fn table() -> Table {
    Table::new(&Limits::default().registry_rows_max(4).registry_addrs_max(3))
}

fn uid(n: u8) -> Uid {
    // Two of each name.
    Uid::new(format!("n{}", n / 2), format!("u{n}"))
}

fn addr(n: u8) -> Addr {
    format!("/unix/run/{n}.sock").parse().unwrap()
}

fn rows(table: &Table) -> Vec<(Uid, Vec<Addr>)> {
    table.rows().map(|(uid, addrs)| (uid.clone(), addrs.to_vec())).collect()
}

#[test]
fn registering_adds_and_never_duplicates() {
    let mut table = table();
    for n in [1, 2, 1] {
        table.register(&uid(0), addr(n), LOOSE).unwrap();
    }
    table.register(&uid(1), addr(3), LOOSE).unwrap();
    assert_eq!(rows(&table), [(uid(0), vec![addr(1), addr(2)]), (uid(1), vec![addr(3)])]);
}

#[test]
fn an_address_is_taken_away_from_a_stale_row() {
    let mut table = table();
    table.register(&uid(0), addr(1), LOOSE).unwrap();
    table.register(&uid(0), addr(2), LOOSE).unwrap();
    table.register(&uid(1), addr(1), LOOSE).unwrap();
    assert_eq!(rows(&table), [(uid(0), vec![addr(2)]), (uid(1), vec![addr(1)])]);
    table.register(&uid(1), addr(2), LOOSE).unwrap();
    assert_eq!(rows(&table), [(uid(1), vec![addr(1), addr(2)])], "a row vanishes with its last address");
}

#[test]
fn a_held_row_cannot_be_taken_over_or_deleted() {
    let mut table = table();
    table.register(&uid(0), addr(1), held(7)).unwrap();
    let refused = table.register(&uid(1), addr(1), held(8));
    assert_eq!(refused, Err(Refused::Taken { addr: addr(1), by: uid(0) }));
    assert_eq!(table.delete_addr(&addr(1), LOOSE), None);
    assert!(!table.let_go(&uid(0), Holder(8)));
    assert_eq!(rows(&table), [(uid(0), vec![addr(1)])]);
    // The actor has connected again before the loss of its old connection was noticed.
    table.register(&uid(0), addr(1), held(9)).unwrap();
    assert!(!table.let_go(&uid(0), Holder(7)));
    assert!(table.let_go(&uid(0), Holder(9)));
    assert_eq!(rows(&table), []);
    table.register(&uid(1), addr(1), LOOSE).unwrap();
}

#[test]
fn the_first_row_with_the_name_or_uuid_is_found() {
    let mut table = table();
    for n in [1, 0, 2] {
        table.register(&uid(n), addr(n), LOOSE).unwrap();
    }
    assert_eq!(table.find("n0"), Some(&[addr(1)][..]));
    assert_eq!(table.find("u0"), Some(&[addr(0)][..]));
    assert_eq!(table.find("n7"), None);
    assert_eq!(table.all_of("n0"), [addr(1), addr(0)]);
    assert_eq!(table.all_of("u0"), [], "only names are waited for");
    // A name that is another actor's uuid.
    table.register(&Uid::new("u2", "x"), addr(3), LOOSE).unwrap();
    assert_eq!(table.find("u2"), Some(&[addr(2)][..]));
    assert_eq!(table.delete_addr(&addr(2), LOOSE), Some(uid(2)));
    assert_eq!(table.find("u2"), Some(&[addr(3)][..]));
    assert!(table.unregister(&uid(1), LOOSE));
    assert!(!table.unregister(&uid(1), LOOSE));
    assert_eq!(table.find("n0"), Some(&[addr(0)][..]));
}

#[test]
fn invalid_rows_are_refused_with_the_limit() {
    let mut table = table();
    let long = "n".repeat(NAME_BYTES_MAX + 1);
    for (name, uuid) in [("", "u"), (long.as_str(), "u"), ("a\nb", "u"), ("n", ""), ("n", "\x1b")] {
        let refused = table.register(&Uid::new(name, uuid), addr(1), LOOSE);
        assert!(matches!(refused, Err(Refused::Name(_))), "{name:?} {uuid:?} {refused:?}");
    }
    for bad in ["/ip4/127.0.0.1/tcp/0", "/ip4/0.0.0.0/tcp/1", "/ip4/224.0.0.1/tcp/1"] {
        let refused = table.register(&uid(0), bad.parse().unwrap(), LOOSE);
        assert!(matches!(refused, Err(Refused::Addr(_))), "{bad} {refused:?}");
    }
    let lies = Addr::Uds { dir: "/run".into(), file: "../etc/x".into() };
    assert!(matches!(table.register(&uid(0), lies, LOOSE), Err(Refused::Addr(_))));
    let long = Addr::Uds { dir: "/run".into(), file: "f".repeat(UDS_PATH_BYTES_MAX) };
    assert!(matches!(table.register(&uid(0), long, LOOSE), Err(Refused::PathTooLong { .. })));
    assert_eq!(rows(&table), []);
}

#[test]
fn each_limit_refuses_the_next_and_names_its_knob() {
    let mut table = table();
    for n in 0..3 {
        table.register(&uid(0), addr(n), LOOSE).unwrap();
    }
    let refused = table.register(&uid(0), addr(3), LOOSE).unwrap_err();
    assert!(refused.to_string().contains("registry_addrs_max"), "{refused}");
    table.register(&uid(0), addr(0), LOOSE).unwrap();
    for n in 1..4 {
        table.register(&uid(n), addr(10 + n), LOOSE).unwrap();
    }
    let refused = table.register(&uid(4), addr(20), LOOSE).unwrap_err();
    assert!(refused.to_string().contains("registry_rows_max"), "{refused}");
    table.register(&uid(4), addr(20), held(1)).unwrap();
    assert!(table.register(&uid(4), addr(20), LOOSE).is_err(), "the number of rows is bounded");
    table.unregister(&uid(0), LOOSE);
    table.register(&uid(4), addr(20), LOOSE).unwrap();
}

#[test]
fn a_stranger_changes_no_row_but_its_own() {
    for member in [held(1), LOOSE] {
        let mut table = table();
        table.register(&uid(0), addr(1), member).unwrap();
        let before = rows(&table);
        for by in [stranger(7), By { holder: None, ..stranger(7) }] {
            assert_eq!(table.register(&uid(0), addr(2), by), Err(Refused::Claimed(uid(0))));
            assert!(matches!(table.register(&uid(1), addr(1), by), Err(Refused::Taken { .. })));
            assert!(!table.unregister(&uid(0), by));
            assert_eq!(table.delete_addr(&addr(1), by), None);
        }
        assert_eq!(rows(&table), before);
    }
    let mut table = table();
    table.register(&uid(0), addr(1), stranger(7)).unwrap();
    assert_eq!(table.register(&uid(0), addr(2), stranger(8)), Err(Refused::Claimed(uid(0))));
    assert!(!table.unregister(&uid(0), stranger(8)));
    table.register(&uid(0), addr(2), stranger(7)).unwrap();
    assert!(table.unregister(&uid(0), stranger(7)));
}

#[test]
fn a_member_takes_what_is_its_own_from_a_stranger() {
    let mut table = table();
    table.register(&uid(0), addr(0), stranger(7)).unwrap();
    table.register(&uid(2), addr(2), stranger(7)).unwrap();
    // Of the same name, and later.
    table.register(&uid(1), addr(1), held(1)).unwrap();
    assert_eq!(table.find("n0"), Some(&[addr(1)][..]));
    // Its identity, with the address of another stranger.
    table.register(&uid(0), addr(2), held(2)).unwrap();
    assert_eq!(rows(&table), [(uid(1), vec![addr(1)]), (uid(0), vec![addr(2)])]);
    assert!(!table.let_go(&uid(0), Holder(7)) && !table.let_go(&uid(2), Holder(7)));
}

#[test]
fn strangers_take_no_room_of_members() {
    let mut table = table();
    for n in 0..4 {
        table.register(&uid(n), addr(n), By { holder: None, ..stranger(7) }).unwrap();
    }
    let refused = table.register(&uid(4), addr(4), By { holder: None, ..stranger(7) });
    assert!(matches!(refused, Err(Refused::TooManyRows { .. })));
    for n in 4..8 {
        table.register(&uid(n), addr(n), LOOSE).unwrap();
        assert_eq!(table.rows().count(), 4);
    }
    assert!(matches!(table.register(&uid(8), addr(8), LOOSE), Err(Refused::TooManyRows { .. })));
    assert!(table.rows().all(|(known, _)| (4..8).any(|n| *known == uid(n))));
}

/// The events of a table; the numbers stand for actors, addresses and holders.
#[derive(Debug, Clone)]
enum Op {
    Register(u8, u8, Option<u8>),
    Unregister(u8),
    LetGo(u8, u8),
    Delete(u8),
}

fn op() -> impl Strategy<Value = Op> {
    let holder = proptest::option::of(0..3_u8);
    prop_oneof![
        4 => (0..8_u8, 0..10_u8, holder).prop_map(|(uid, addr, holder)| Op::Register(uid, addr, holder)),
        1 => (0..8_u8).prop_map(Op::Unregister),
        1 => (0..8_u8, 0..3_u8).prop_map(|(uid, holder)| Op::LetGo(uid, holder)),
        1 => (0..10_u8).prop_map(Op::Delete),
    ]
}

type Model = Vec<(Uid, Vec<Addr>, Option<u8>)>;

fn apply(model: &mut Model, op: &Op) -> bool {
    let done = match *op {
        Op::Register(n, a, holder) => {
            let (own, addr) = (model.iter().position(|row| row.0 == uid(n)), addr(a));
            let other = model.iter().position(|row| row.0 != uid(n) && row.1.contains(&addr));
            let known = own.is_some_and(|at| model[at].1.contains(&addr));
            let loose = model.iter().filter(|row| row.2.is_none() && row.0 != uid(n)).count();
            // The actor's own row without a holder is counted already.
            let had_place = own.is_some_and(|at| model[at].2.is_none());
            if other.is_some_and(|at| model[at].2.is_some())
                || own.is_some_and(|at| !known && model[at].1.len() >= 3)
                || holder.is_none() && !had_place && loose >= 4
            {
                return false;
            }
            if let Some(at) = other {
                model[at].1.retain(|held| *held != addr);
            }
            match own {
                Some(at) => {
                    model[at].2 = holder;
                    if !known {
                        model[at].1.push(addr);
                    }
                }
                None => model.push((uid(n), vec![addr], holder)),
            }
            true
        }
        Op::Unregister(n) => {
            let before = model.len();
            model.retain(|row| row.0 != uid(n));
            model.len() < before
        }
        Op::LetGo(n, holder) => {
            let before = model.len();
            model.retain(|row| row.0 != uid(n) || row.2 != Some(holder));
            model.len() < before
        }
        Op::Delete(a) => {
            let held = model.iter_mut().find(|row| row.2.is_none() && row.1.contains(&addr(a)));
            held.map(|row| row.1.retain(|known| *known != addr(a))).is_some()
        }
    };
    model.retain(|row| !row.1.is_empty());
    done
}

proptest! {
    #[test]
    fn a_table_is_what_a_plain_list_would_be(ops in proptest::collection::vec(op(), 0..60)) {
        let (mut table, mut model) = (table(), Model::new());
        for op in ops {
            let expected = apply(&mut model, &op);
            let done = match &op {
                Op::Register(n, a, holder) => {
                    let holder = holder.map(|holder| Holder(holder.into()));
                    table.register(&uid(*n), addr(*a), By { holder, is_member: true }).is_ok()
                }
                Op::Unregister(n) => table.unregister(&uid(*n), LOOSE),
                Op::LetGo(n, holder) => table.let_go(&uid(*n), Holder((*holder).into())),
                Op::Delete(a) => table.delete_addr(&addr(*a), LOOSE).is_some(),
            };
            prop_assert_eq!(done, expected, "{:?}", op);
            let wanted: Vec<_> = model.iter().map(|row| (row.0.clone(), row.1.clone())).collect();
            prop_assert_eq!(rows(&table), wanted);
            for key in (0..4).map(|n| format!("n{n}")).chain((0..8).map(|n| format!("u{n}"))) {
                let first = model.iter().find(|row| row.0.name() == key || row.0.uuid() == key);
                prop_assert_eq!(table.find(&key), first.map(|row| row.1.as_slice()));
                let of_name = model.iter().filter(|row| row.0.name() == key);
                prop_assert_eq!(table.all_of(&key), of_name.flat_map(|row| row.1.clone()).collect::<Vec<_>>());
            }
        }
    }
}
