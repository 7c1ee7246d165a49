//! Two programs are built from two versions of the same endpoints. They understand each other where serde's rules allow
//! it; elsewhere their errors name the difference.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

const V1: &str = env!("CARGO_BIN_EXE_v1");
const V2: &str = env!("CARGO_BIN_EXE_v2");

/// A process that ends with the test, whether that passes or fails.
struct Program(Child);

impl Program {
    fn start(program: &str, words: &[&str]) -> Self {
        let mut command = Command::new(program);
        command.args(words).stdin(Stdio::piped()).stdout(Stdio::piped());
        Self(command.spawn().expect("the program was built"))
    }

    /// The lines that it prints.
    fn lines(&mut self) -> impl Iterator<Item = String> {
        let out = self.0.stdout.take().expect("it is piped");
        BufReader::new(out).lines().map_while(Result::ok)
    }

    /// Closes its standard input and expects it to exit with success.
    fn finish(mut self) {
        drop(self.0.stdin.take());
        assert!(self.0.wait().expect("it is our child").success());
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // It has ended already, unless the test has failed.
        _ = self.0.kill();
        _ = self.0.wait();
    }
}

/// The outcome of every call of one program to the other.
fn outcomes(caller: &str, server: &str) -> BTreeMap<String, String> {
    let mut server = Program::start(server, &["serve"]);
    let addr =
        server.lines().find_map(|line| Some(line.strip_prefix("addr = \"")?.strip_suffix('"')?.to_owned()));
    let addr = addr.expect("the server says where it listens");
    let mut caller = Program::start(caller, &["call", &addr]);
    let mut outcomes = BTreeMap::new();
    for line in caller.lines() {
        let (name, outcome) = line.split_once(' ').expect("a name and an outcome");
        let before = outcomes.insert(name.to_owned(), outcome.to_owned());
        assert!(
            before.is_none_or(|before| before == outcome),
            "{name} has another outcome the second time: {outcome}"
        );
    }
    caller.finish();
    server.finish();
    outcomes
}

/// Each row has a name and the expected outcome. `= value` is a result. Otherwise the row gives the end of an error's
/// text: after `?` an error about the arguments, after `!` about a value from the peer, after `>` about a value of the
/// caller, which the peer reports.
fn expect(outcomes: &BTreeMap<String, String>, rows: &[(&str, &str)]) {
    for (name, wanted) in rows {
        let outcome = outcomes.get(*name).unwrap_or_else(|| panic!("no outcome of `{name}`"));
        let holds = match wanted.split_at(2) {
            ("? ", words) => outcome.starts_with("! `TypeError` in actor root[") && outcome.ends_with(words),
            ("! ", words) => outcome.starts_with("! Peer: invalid `") && outcome.ends_with(words),
            ("> ", words) => outcome.starts_with("! Local: actor root[") && outcome.ends_with(words),
            _ => outcome == wanted,
        };
        assert!(holds, "{name}: {outcome:?} is not {wanted:?}");
    }
    assert_eq!(outcomes.len(), rows.len(), "{outcomes:#?}");
}

#[test]
fn one_version_talks_to_itself() {
    for version in [V1, V2] {
        let outcomes = outcomes(version, version);
        assert_eq!(outcomes.len(), 28);
        for (name, outcome) in outcomes {
            assert!(outcome.starts_with("= "), "{name} {outcome}");
        }
    }
}

#[test]
fn an_older_caller_and_a_newer_endpoint() {
    let rows = [
        ("same", "= 1"),
        ("optional_argument", "= \"v2 a=1 note=None\""),
        ("required_argument", "? missing argument `b`; the function takes (a, b)"),
        ("reordered_arguments", "= \"v2 a=1 b=2\""),
        ("reordered_fields", "= Point { x: 10, y: 2 }"),
        (
            "renamed_field",
            "? argument `named`: {\"left\": 1} is not of type `v2::Named`: missing field `right`",
        ),
        (
            "changed_type",
            "? argument `a`: 1 is not of type `alloc::string::String`: invalid type: integer `1`, expected a string",
        ),
        ("wider_argument", "= \"v2 a=200\""),
        ("optional_field", "= Item { id: 1 }"),
        ("defaulted_field", "= \"v2 Weighed { weight: 0, id: 1 }\""),
        ("required_field", "? argument `item`: {\"id\": 1} is not of type `v2::Keyed`: missing field `key`"),
        ("defaulted_argument", "= \"v2 a=1 b=7\""),
        ("renamed_function", "= \"v2 a=1\""),
        ("union", "= 42"),
        ("variant_argument", "= \"v2 Circle(0.5)\""),
        (
            "variant_result",
            "! type-spec `Return.pld: v1::Shape`: unknown variant `Line`, expected `Dot` or `Circle`",
        ),
        ("failing", "= (\"v2::SoldOut\", Some(SoldOut { left: 3 }))"),
        ("reordered_in_tag", "= Pay { from: 1, to: 2 }"),
        ("renamed_in_tag", "? is not of type `v2::Payment`: missing field `payer`"),
        ("reordered_in_untagged", "= [At(Point { x: 1, y: 2 }), Called(\"home\")]"),
        ("reordered_beside_flatten", "= Parcel { weight: 1, height: 2, place: Point { x: 3, y: 4 } }"),
        ("dialog", "= (Point { x: 1, y: 2 }, Some(Point { x: 30, y: 4 }), Point { x: 30, y: 4 })"),
        (
            "deep_in_argument",
            "? `v2::Report`: at `rows[1].weight`: invalid type: integer `7`, expected a string",
        ),
        (
            "deep_in_result",
            "! `Return.pld: v1::Report`: at `rows[1].weight`: invalid type: string \"seven\", expected u64",
        ),
        (
            "deep_in_first",
            "! `Started.pld: v1::Report`: at `rows[1].weight`: invalid type: string \"seven\", expected u64",
        ),
        (
            "deep_in_stream",
            "! `Yield.pld: v1::Report`: at `rows[1].weight`: invalid type: string \"seven\", expected u64",
        ),
        (
            "deep_in_sent",
            "> `Yield.pld: v2::Report`: at `rows[1].weight`: invalid type: integer `7`, expected a string",
        ),
        ("points", "= [Point { x: 0, y: 0 }, Point { x: 1, y: -1 }]"),
    ];
    expect(&outcomes(V1, V2), &rows);
}

#[test]
fn a_newer_caller_and_an_older_endpoint() {
    let rows = [
        ("same", "= 1"),
        ("optional_argument", "? unexpected argument `note`; the function takes (a)"),
        ("required_argument", "? unexpected argument `b`; the function takes (a)"),
        ("reordered_arguments", "= \"v1 a=1 b=2\""),
        ("reordered_fields", "= Point { y: 2, x: 10 }"),
        (
            "renamed_field",
            "? argument `named`: {\"right\": 1} is not of type `v1::Named`: missing field `left`",
        ),
        (
            "changed_type",
            "? argument `a`: \"1\" is not of type `i64`: invalid type: string \"1\", expected i64",
        ),
        ("wider_argument", "= \"v1 a=200\""),
        ("optional_field", "= Item { label: None, id: 1 }"),
        ("defaulted_field", "= \"v1 Item { id: 1 }\""),
        ("required_field", "= \"v1 Item { id: 1 }\""),
        ("defaulted_argument", "? unexpected argument `b`; the function takes (a)"),
        ("renamed_function", "= \"v1 a=1\""),
        ("union", "= 42"),
        ("variant_argument", "= \"v1 Circle(0.5)\""),
        ("variant_result", "= Dot"),
        ("failing", "= (\"v1::SoldOut\", Some(SoldOut { reserved: 0, left: 3 }))"),
        ("reordered_in_tag", "= Pay { note: None, to: 2, from: 1 }"),
        ("renamed_in_tag", "? is not of type `v1::Order`: missing field `from`"),
        ("reordered_in_untagged", "= [At(Point { y: 2, x: 1 }), Called(\"home\")]"),
        ("reordered_beside_flatten", "= Parcel { height: 2, place: Point { y: 4, x: 3 }, weight: 1 }"),
        ("dialog", "= (Point { y: 2, x: 1 }, Some(Point { y: 4, x: 30 }), Point { y: 4, x: 30 })"),
        (
            "deep_in_argument",
            "? `v1::Report`: at `rows[1].weight`: invalid type: string \"seven\", expected u64",
        ),
        (
            "deep_in_result",
            "! `Return.pld: v2::Report`: at `rows[1].weight`: invalid type: integer `7`, expected a string",
        ),
        (
            "deep_in_first",
            "! `Started.pld: v2::Report`: at `rows[1].weight`: invalid type: integer `7`, expected a string",
        ),
        (
            "deep_in_stream",
            "! `Yield.pld: v2::Report`: at `rows[1].weight`: invalid type: integer `7`, expected a string",
        ),
        (
            "deep_in_sent",
            "> `Yield.pld: v1::Report`: at `rows[1].weight`: invalid type: string \"seven\", expected u64",
        ),
        ("points", "= [Point { y: 0, x: 0 }, Point { y: -1, x: 1 }]"),
    ];
    expect(&outcomes(V2, V1), &rows);
}
