//! `README.md` of the tests maps the rules of the contract to tests, and `SECURITY.md` maps its promises. These tests
//! check the maps: each named test exists, each row names a test or gives a reason, and no section is missing.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// The sections of the contract that the map covers.
const SECTIONS: &[u8] =
    &[2, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 35, 36];
/// The start of the reason in a row that names no test.
const NO_TEST: &str = "*no test:*";
/// Marks a row whose test does not exist yet.
const PENDING: &str = "PENDING(";

/// A line, and its problem.
#[derive(Debug, PartialEq, Eq)]
struct Finding(usize, String);

#[test]
fn every_rule_has_its_test() {
    let map = fs::read_to_string(root().join("tests/README.md")).expect("the map is there");
    let found: Vec<_> = findings(&map, &tests_of_the_repository())
        .into_iter()
        .map(|Finding(line, text)| format!("tests/README.md:{line}: {text}"))
        .collect();
    assert!(found.is_empty(), "\n{}\n", found.join("\n"));
    for (line, row) in map.lines().enumerate().filter(|(_, row)| is_row(row) && row.contains(PENDING)) {
        println!("tests/README.md:{}: {row}", line + 1);
    }
}

#[test]
fn every_promise_has_its_test() {
    let text = fs::read_to_string(root().join("SECURITY.md")).expect("it is there");
    let found: Vec<_> = unproved(&text, &tests_of_the_repository())
        .into_iter()
        .map(|Finding(line, text)| format!("SECURITY.md:{line}: {text}"))
        .collect();
    assert!(found.is_empty(), "\n{}\n", found.join("\n"));
}

/// Rows of tables with a column of tests, if the row names no test or one that does not exist.
fn unproved(text: &str, known: &BTreeSet<String>) -> Vec<Finding> {
    let mut found = Vec::new();
    let mut promises = false;
    for (index, line) in text.lines().enumerate() {
        promises = line.ends_with("| tests |") || promises && line.starts_with('|');
        if !promises || !is_row(line) {
            continue;
        }
        let (_, tests) = line.trim_end_matches('|').rsplit_once('|').unwrap_or_default();
        let named: Vec<_> = tests.split('`').skip(1).step_by(2).collect();
        if named.is_empty() {
            found.push(Finding(index + 1, "a promise without a test".to_owned()));
        }
        for name in named.into_iter().filter(|name| !known.contains(*name)) {
            found.push(Finding(index + 1, format!("there is no test `{name}`")));
        }
    }
    found
}

/// The problems of a map, given the tests that exist.
fn findings(map: &str, known: &BTreeSet<String>) -> Vec<Finding> {
    let mut found = Vec::new();
    let mut sections = Vec::new();
    for (index, line) in map.lines().enumerate() {
        let line_number = index + 1;
        let mut find = |text: String| found.push(Finding(line_number, text));
        if let Some(heading) = line.strip_prefix("## ") {
            sections.extend(heading.split(' ').next().and_then(|number| number.parse::<u8>().ok()));
        }
        if !is_row(line) {
            continue;
        }
        let cells: Vec<_> = line.trim_matches('|').split(" | ").map(str::trim).collect();
        let [rule, tests] = cells[..] else {
            find(format!("{} columns instead of rule and tests", cells.len()));
            continue;
        };
        let number = rule.split(['.', ' ']).next().and_then(|number| number.parse::<u8>().ok());
        if number.is_none() || number != sections.last().copied() {
            find(format!("`{rule}` does not begin with the number of its section"));
        }
        let named: Vec<_> = tests.split('`').skip(1).step_by(2).filter(|name| is_test(name)).collect();
        if named.is_empty() && !tests.starts_with(NO_TEST) && !tests.contains(PENDING) {
            find(format!("`{rule}` names no test: write one, or `{NO_TEST} why`"));
        }
        if tests.starts_with(NO_TEST) && tests.len() < NO_TEST.len() + 10 {
            find(format!("`{rule}` gives no reason"));
        }
        for name in named.into_iter().filter(|name| !known.contains(*name)) {
            find(format!("there is no test `{name}`"));
        }
    }
    if sections != SECTIONS {
        found.push(Finding(0, format!("the sections are {sections:?}, expected {SECTIONS:?}")));
    }
    found
}

/// A row of a table, except its head and its rule.
fn is_row(line: &str) -> bool {
    line.starts_with("| ") && !line.starts_with("| ---") && !line.ends_with("| tests |")
}

/// Whether the word names a test, rather than a type or a setting.
fn is_test(name: &str) -> bool {
    name.starts_with("ui/") || name.contains("::") && name == name.to_lowercase()
}

// ---- The tests that exist, as the map names them ----

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn tests_of_the_repository() -> BTreeSet<String> {
    let mut known = BTreeSet::new();
    for binary in ["it", "wire", "process", "repo"] {
        collect(&root().join("tests").join(binary), "", false, &mut known);
    }
    collect(&root().join("tractor-proto/tests/proto"), "proto/", false, &mut known);
    collect(&root().join("tractor-core/src"), "unit/core/", true, &mut known);
    collect(&root().join("tractor-proto/src"), "unit/proto/", true, &mut known);
    for folder in ["ui-tests/pass", "ui-tests/fail", "ui-tests/built"] {
        for (path, _) in sources(&root().join(folder), true) {
            known.insert(format!("ui/{}/{path}", folder.trim_start_matches("ui-tests/")));
        }
    }
    known
}

fn collect(folder: &Path, prefix: &str, deep: bool, known: &mut BTreeSet<String>) {
    for (path, source) in sources(folder, deep) {
        known.extend(tests_in(&source).into_iter().map(|test| format!("{prefix}{path}::{test}")));
    }
}

/// The files of a folder, without their extension; `tests` beside a module counts as that module.
fn sources(folder: &Path, deep: bool) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("folders of the repository are readable") {
        let path = entry.expect("folders of the repository are readable").path();
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        if path.is_dir() && deep {
            found.extend(
                sources(&path, true).into_iter().map(|(below, source)| (format!("{name}/{below}"), source)),
            );
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            found.push((name, fs::read_to_string(&path).expect("source is readable UTF-8")));
        }
    }
    found
}

/// Names of the functions with an attribute that makes them tests.
fn tests_in(source: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut marked = false;
    for line in source.lines().map(str::trim_start) {
        if line.starts_with("#[test]") || line.contains("::test]") || line.contains("::test(") {
            marked |= line.starts_with("#[");
        } else if let Some((_, name)) = line.split_once("fn ").filter(|_| marked) {
            found.extend(name.split(['(', '<']).next().map(str::to_owned));
            marked = false;
        }
    }
    found
}

// ---- The check can fail ----

fn map_with(rows: &str) -> String {
    SECTIONS.iter().fold(String::new(), |map, section| {
        let rows = if *section == 8 { rows } else { "" };
        format!("{map}## {section} Title\n{rows}")
    })
}

fn lines_of(rows: &str) -> Vec<usize> {
    let known = BTreeSet::from(["a::b".to_owned(), "ui/fail/c".to_owned()]);
    let before = SECTIONS.iter().take_while(|section| **section < 8).count();
    findings(&map_with(rows), &known).into_iter().map(|finding| finding.0.saturating_sub(before)).collect()
}

#[test]
fn a_good_map_passes() {
    let good = "| rule | tests |\n| --- | --- |\n| 8.1 x | `a::b`, `ui/fail/c` |\n\
        | 8.2 `y` | *no test:* nothing to be tested here |\n| 8.3 z | PENDING(w) |\n";
    assert_eq!(lines_of(good), [0; 0]);
}

#[test]
fn a_bad_row_is_found() {
    assert_eq!(lines_of("| 8.1 x | `a::c` |\n"), [2], "no such test");
    assert_eq!(lines_of("| 8.1 x | `ui/fail/d` |\n"), [2], "no such program");
    assert_eq!(lines_of("| 8.1 x | |\n| 8.1 x | later |\n"), [2, 3], "no test");
    assert_eq!(lines_of("| 8.1 x | *no test:* |\n"), [2], "no reason");
    assert_eq!(lines_of("| 9.1 x | `a::b` |\n| x | `a::b` |\n"), [2, 3], "another section");
    assert_eq!(lines_of("| 8.1 x | y | `a::b` |\n"), [2], "three columns");
}

#[test]
fn a_promise_without_a_test_is_found() {
    let known = BTreeSet::from(["a::b".to_owned()]);
    let text = "| who | may |\n| --- | --- |\n| x | y |\n\n\
        | promise | tests |\n| --- | --- |\n| x | `a::b` |\n| `y` | |\n\
        | z | `a::c`, `a::b` |\n\n| bound | knob | tests |\n| --- | --- | --- |\n| x | `y` | z |\n";
    let lines: Vec<_> = unproved(text, &known).into_iter().map(|finding| finding.0).collect();
    assert_eq!(lines, [8, 9, 13]);
}

#[test]
fn a_missing_section_is_found() {
    let known = BTreeSet::new();
    assert_eq!(findings(&map_with("").replace("## 21 Title\n", ""), &known).len(), 1);
    assert_eq!(findings("", &known).len(), 1);
}

#[test]
fn tests_are_told_from_other_functions() {
    let source = "fn a() {}\n#[test]\nfn b() {}\n    #[tokio::test(flavor = \"x\")]\n    #[ignore = \"y\"]\n\
        async fn c() {}\n#[tractor::test]\nasync fn d<T>() {}\n// tokio::test(x)\nfn e() {}";
    assert_eq!(tests_in(source), ["b", "c", "d"]);
}
