//! What every error text owes its reader, read off the goldens in `fail/`: the endpoint's name, in a sentence or in the lines
//! that it shows, a way out, and the user's own token as its place.
//!
//! What is underlined, and whether a sentence is a good one, is for whoever reads the golden. This finds what was
//! forgotten.

use std::fs;
use std::path::{Path, PathBuf};

/// Errors that do not say which endpoint they are about, and why they cannot.
const UNNAMED: &[(&str, &str)] = &[
    ("calls/started_not_kept", HANDLE),
    ("calls/started_twice", HANDLE),
    ("calls/stream_before_started", HANDLE),
    ("calls/wrong_received_type", HANDLE),
    ("calls/wrong_sender_item", HANDLE),
    ("calls/wrong_started_value", HANDLE),
    ("calls/wrong_stream_payload", HANDLE),
    ("context/private_type", RUSTC),
    ("context/union_alias", RUSTC),
    ("context/union_not_serde", "names the union, which is named like the endpoint"),
    ("endpoint/argument_default", RUSTC),
    ("endpoint/validate_argument", RUSTC),
];

/// Errors without a way out, and why.
const WITHOUT_HELP: &[(&str, &str)] =
    &[("actor_fn/private_type", RUSTC), ("context/private_type", RUSTC), ("context/union_alias", RUSTC)];

const HANDLE: &str =
    "stands in the endpoint's body, on a handle that helper functions of any endpoint may be given";
const RUSTC: &str = "the text is rustc's own, and nothing that a macro sees foretells it";

/// Begins a line that explains rustc's reasoning rather than what to do.
const REASONING: &[&str] = &[
    "help: the trait `",
    "help: within `",
    "note: required by ",
    "note: required for ",
    "note: this error originates in ",
    "note: the lint level is defined here",
    "note: in the ",
];

struct Case {
    /// `calls/expose_call`.
    name: String,
    source: String,
    errors: Vec<String>,
}

#[test]
fn every_error_names_its_endpoint() {
    let unnamed = cases().into_iter().filter(|case| {
        let names = case.endpoints();
        let is_named = |error: &String| names.iter().any(|name| mentions(error, name));
        !case.errors.iter().all(is_named)
    });
    compare(unnamed, UNNAMED);
}

#[test]
fn every_error_says_what_to_do() {
    let helpless = cases().into_iter().filter(|case| !case.errors.iter().all(|error| has_help(error)));
    compare(helpless, WITHOUT_HELP);
}

#[test]
fn the_first_error_stands_in_the_users_own_code() {
    for case in cases() {
        let place = case.errors[0].lines().find_map(|line| line.trim_start().strip_prefix("--> "));
        let place = place.unwrap_or_else(|| panic!("`{}` has no place", case.name));
        assert!(place.starts_with(&format!("fail/{}.rs:", case.name)), "{place}");
    }
}

#[test]
fn there_are_enough_cases() {
    let passing = files(&folder("pass"), "rs").len();
    let failing = cases().len();
    assert!(failing >= 40 && passing + failing >= 60, "{failing} fail, {passing} pass");
}

impl Case {
    /// The names of the annotated functions; where none is annotated, those of all that could be.
    fn endpoints(&self) -> Vec<&str> {
        let mut annotated = false;
        let (mut found, mut all) = (Vec::new(), Vec::new());
        for line in self.source.lines().map(str::trim_start) {
            annotated |= line.starts_with("#[tractor::");
            if let Some(name) = function(line) {
                all.push(name);
                found.extend(annotated.then_some(name));
                annotated = false;
            }
        }
        if found.is_empty() { all } else { found }
    }
}

/// The name of the function that is declared in this line.
fn function(line: &str) -> Option<&str> {
    if line.starts_with("//") {
        return None;
    }
    let (_, rest) = line.split_once("fn ")?;
    let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_')?;
    Some(&rest[..end])
}

/// Whether the endpoint's name stands there as code: `name`, `Call<name>`, or as it is declared or called.
fn mentions(error: &str, endpoint: &str) -> bool {
    error.match_indices(endpoint).any(|(at, _)| {
        let before = error[..at].chars().next_back();
        let after = error[at + endpoint.len()..].chars().next();
        let in_code = matches!(
            (before, after),
            (Some('`'), Some('`')) | (Some('<'), Some('>' | ' ')) | (Some('{'), Some('}'))
        );
        let is_word = !before.is_some_and(|c| c.is_alphanumeric() || c == '_');
        in_code || is_word && after == Some('(')
    })
}

fn has_help(error: &str) -> bool {
    error.lines().any(|line| {
        let line = line.trim_start().trim_start_matches("= ");
        let advises = line.starts_with("help: ") || line.starts_with("note: ");
        advises && !REASONING.iter().any(|reasoning| line.starts_with(reasoning))
    })
}

#[track_caller]
fn compare(found: impl Iterator<Item = Case>, expected: &[(&str, &str)]) {
    let found: Vec<String> = found.map(|case| case.name).collect();
    let expected: Vec<&str> = expected.iter().map(|(name, _)| *name).collect();
    assert_eq!(found, expected);
}

fn cases() -> Vec<Case> {
    let read = |path: &Path| fs::read_to_string(path).expect("the file is readable");
    let sources = files(&folder("fail"), "rs");
    let case = |path: PathBuf| {
        let name = path.strip_prefix(folder("fail")).expect("it is below").with_extension("");
        let golden = read(&path.with_extension("stderr"));
        let mut errors = Vec::<String>::new();
        for line in golden.lines() {
            if line.starts_with("error") {
                errors.push(String::new());
            }
            let error = errors.last_mut().expect("a golden starts with an error");
            error.push_str(line);
            error.push('\n');
        }
        Case { name: name.to_str().expect("plain names").to_owned(), source: read(&path), errors }
    };
    sources.into_iter().map(case).collect()
}

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

/// The files with this extension in the subfolders, in order.
fn files(folder: &Path, extension: &str) -> Vec<PathBuf> {
    let entries = |folder: &Path| {
        let entries = fs::read_dir(folder).expect("the folder exists");
        entries.map(|entry| entry.expect("it is readable").path()).collect::<Vec<_>>()
    };
    let mut files: Vec<_> = entries(folder).iter().flat_map(|sub| entries(sub)).collect();
    files.retain(|file| file.extension().is_some_and(|found| found == extension));
    files.sort();
    files
}
