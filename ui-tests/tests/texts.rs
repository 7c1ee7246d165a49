//! What every error text owes its reader, read off the goldens in `fail/`: the endpoint's name, in a sentence or in the lines
//! that it shows, a way out, and the user's own token as its place.
//!
//! What is underlined, and whether a sentence is a good one, is for whoever reads the golden. This finds what was
//! forgotten.

use std::fs;
use std::path::{Path, PathBuf};

/// Errors that name no endpoint, and why.
const UNNAMED: &[(&str, &str)] = &[(
    "calls/wrong_helper_payload",
    "no endpoint is named: the streams of any with these types may be there",
)];

/// Errors of rustc that nothing can be added to. Another error of the case has to say what to do.
const BARE: &[&str] = &["error[E0119]", "error[E0446]"];

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
        let is_named = |error: &String| {
            names
                .iter()
                .any(|name| mentions(error, name) || unions(name).any(|union| mentions(error, &union)))
        };
        !case.errors.iter().all(is_named)
    });
    compare(unnamed, UNNAMED);
}

#[test]
fn every_error_says_what_to_do() {
    for case in cases() {
        let mut ours =
            case.errors.iter().filter(|error| !BARE.iter().any(|bare| error.starts_with(bare))).peekable();
        assert!(ours.peek().is_some(), "`{}` has rustc's errors only", case.name);
        for error in ours {
            assert!(has_help(error), "`{}` has no way out: {error}", case.name);
        }
    }
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

/// The enums that stand for `A | B` in a context, and the traits of their types: they are called like it.
fn unions(endpoint: &str) -> impl Iterator<Item = String> {
    let camel: String = endpoint.split('_').map(|word| word[..1].to_uppercase() + &word[1..]).collect();
    let suffixes = ["Pld", "Started", "Send", "Recv", "Returns"];
    suffixes.into_iter().flat_map(move |suffix| ["", "In"].map(|prefix| format!("{prefix}{camel}{suffix}")))
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
