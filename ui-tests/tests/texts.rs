//! Checks the error texts in `fail/`: each says what to write instead, and points at a token of the user.
//!
//! Whether the right token is underlined, and whether the sentence is good, must be checked by reading.

use std::fs;
use std::path::{Path, PathBuf};

/// Errors of rustc to which no help can be added.
const BARE: &[&str] =
    &["error: expected ", "error[E0119]", "error[E0433]", "error[E0446]", "error[E0453]", "error[E0573]"];

/// Beginnings of lines that explain rustc's reasoning, and not what to do.
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
    errors: Vec<String>,
}

#[test]
fn every_error_says_what_to_do() {
    for case in cases() {
        for error in case.errors.iter().filter(|error| !BARE.iter().any(|bare| error.starts_with(bare))) {
            assert!(has_help(error), "`{}` does not say what to write instead: {error}", case.name);
        }
    }
}

#[test]
fn the_first_error_stands_in_the_users_own_code() {
    for case in cases() {
        let place = case.errors[0].lines().find_map(|line| line.trim_start().strip_prefix("--> "));
        let place = place.unwrap_or_else(|| panic!("the first error of `{}` has no location", case.name));
        assert!(place.starts_with(&format!("fail/{}.rs:", case.name)), "{place}");
    }
}

#[test]
fn there_are_enough_cases() {
    let passing = files(&folder("pass"), "rs").len();
    let failing = cases().len();
    assert!(failing >= 40 && passing + failing >= 60, "{failing} fail, {passing} pass");
}

fn has_help(error: &str) -> bool {
    error.lines().any(|line| {
        let line = line.trim_start().trim_start_matches("= ");
        let advises = line.starts_with("help: ") || line.starts_with("note: ");
        // An error that names both the expected and the found type needs no help.
        let names_both = line.contains("expected `") && line.contains("`, found ");
        names_both || advises && !REASONING.iter().any(|reasoning| line.starts_with(reasoning))
    })
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
        Case { name: name.to_str().expect("plain names").to_owned(), errors }
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
