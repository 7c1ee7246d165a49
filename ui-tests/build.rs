//! Writes the modules of `tests/pass.rs`: the files in `pass/`, and `kinds.rs`, which uses every macro in every way,
//! once in each environment.
//!
//! Files and environments are modules of one crate, because each crate would be one more compilation. No macro makes
//! the environments, because rustc and clippy check the output of a macro less strictly.

use std::ffi::OsStr;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

const KINDS: &str = include_str!("kinds.rs");
const HOSTILE: &str = include_str!("hostile.rs");

/// Lints left out of the table.
const EXCEPT: &[&str] = &[
    // The registration of an endpoint allows this lint, so it cannot be forbidden.
    "non_upper_case_globals",
    // This group contains all of the others.
    "warnings",
    // rustc lists unstable lints but calls them unknown.
    "unknown_lints",
    // These two are set for whole crates.
    "confusable_idents",
    "ill_formed_attribute_input",
    "linker_messages",
    "macro_expanded_macro_exports_accessed_by_absolute_paths",
    "mixed_script_confusables",
    "non_ascii_idents",
    "rust_2021_prefixes_incompatible_syntax",
    "rust_2024_guarded_string_incompatible_syntax",
    "text_direction_codepoint_in_comment",
    "text_direction_codepoint_in_literal",
    "uncommon_codepoints",
    "unknown_crate_types",
    "unused_crate_dependencies",
];

fn main() {
    let out = env::var_os("OUT_DIR").expect("cargo sets it");
    let write = |name: &str, text: String| {
        fs::write(Path::new(&out).join(name), text).expect("the build's folder is writable");
    };
    write("files.rs", files(Path::new("pass")));
    write("surroundings.rs", surroundings(&lints()));
    write("renamed.rs", renamed());
}

/// A module for each file in the subfolders.
fn files(folder: &Path) -> String {
    if folder.exists() {
        println!("cargo::rerun-if-changed={}", folder.display());
    }
    let mut modules = String::new();
    for area in entries(folder) {
        for file in entries(&area) {
            let path = std::path::absolute(&file).expect("the folder exists");
            let names =
                [&area, &file].map(|path| path.file_stem().and_then(OsStr::to_str).expect("plain names"));
            writeln!(modules, "#[path = {path:?}]\npub mod {};", names.join("_")).expect("a String takes it");
        }
    }
    modules
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten();
    let mut entries: Vec<_> = entries.map(|entry| entry.expect("it is readable").path()).collect();
    entries.sort();
    entries
}

/// A module for each environment.
fn surroundings(lints: &str) -> String {
    let (hostile, kinds) = (content_of(HOSTILE), content_of(KINDS));
    let mut table = String::new();
    let mut module = |name: &str, attribute: &str, content: &str| {
        // Two endpoints cannot be registered under one name.
        let content = content.replace("\"kinds\"", &format!("\"{name}\""));
        writeln!(table, "pub mod {name} {{\n//! See `build.rs`.\n{attribute}\n{content}\n}}\n")
            .expect("a String takes it");
    };
    let odd = "#![allow(warnings, reason = \"its names are chosen for being taken\")]";
    module("bare", "#![no_implicit_prelude]", kinds);
    module("hostile", odd, &format!("{hostile}\n{kinds}"));
    // Lints that may be forbidden may also be denied.
    module("forbid_around", &format!("#![forbid({lints})]"), kinds);
    module("forbid_on_each", "", &on_each(kinds, &format!("#[forbid({lints})]")));
    module("allow_on_each", "", &on_each(kinds, &format!("#[allow({lints})]")));
    table
}

/// The code after the documentation of a file.
fn content_of(file: &str) -> &str {
    file.split_once("\n\n").expect("it begins with its documentation").1
}

/// The kinds with one more attribute on each of them.
fn on_each(kinds: &str, attribute: &str) -> String {
    let above = |text: String, line: &str| text.replace(line, &format!("{attribute}\n{line}"));
    above(above(kinds.to_owned(), "#[::tractor::"), "    pub static ")
}

/// The kinds for a crate in which the library has another name.
fn renamed() -> String {
    let mut text = content_of(KINDS).replace("::tractor::", "::actors::");
    for kind in ["actor_fn", "context", "stream", "main", "test"] {
        let attribute = format!("#[::actors::{kind}");
        text = text.replace(&format!("{attribute}]"), &format!("{attribute}()]"));
        text = text.replace(&format!("{attribute}("), &format!("{attribute}(crate = ::actors, "));
    }
    text
}

/// Every lint that this rustc knows, and the groups of clippy that may be turned on as a whole.
fn lints() -> String {
    let rustc = env::var_os("RUSTC").expect("cargo sets it");
    let help = Command::new(rustc).args(["-W", "help"]).output().expect("rustc runs").stdout;
    let help = String::from_utf8(help).expect("rustc prints text");
    let lints = help.lines().take_while(|line| !line.starts_with("Lint groups")).filter_map(|line| {
        let mut words = line.split_whitespace();
        let (name, level) = (words.next()?, words.next()?);
        ["allow", "warn", "deny"].contains(&level).then(|| name.replace('-', "_"))
    });
    let lints = lints.filter(|name| !EXCEPT.contains(&name.as_str()));
    let lints: Vec<_> = lints.collect();
    assert!(lints.len() > 150, "the list of lints has another form: {help}");
    format!("{}, clippy::all, clippy::pedantic, clippy::nursery", lints.join(", "))
}
