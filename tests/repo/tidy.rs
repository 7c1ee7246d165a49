//! Rules about the source that no compiler checks: import direction, purity of `proto`, sizes, headers, reasons.
//!
//! Each rule is a function from text to findings, and is itself tested with text that breaks it. A finding has a line
//! and says how to fix it.
//!
//! # Not here
//! Clippy (function length, prints, unwraps) and rustfmt check further rules.

mod rust;

use std::fs;
use std::path::{Path, PathBuf};

use rust::{balanced, code_of, line_of, paths_in, tokens_of, words_of};

/// The modules of `tractor-core`, lowest first. A file names its own and those before it.
const LAYERS: &[&str] = &[
    "proto",
    "error",
    "wakers",
    "net",
    "session",
    "actor",
    "process",
    "api",
    "nursery",
    "restart",
    "discovery",
    "devx",
    "boot",
    "__private",
];
/// Names that would make `proto` depend on I/O, clock or runtime.
const IMPURE_PATHS: &[&str] = &[
    "std::env",
    "std::fs",
    "std::net::Tcp",
    "std::net::Udp",
    "std::os",
    "std::process",
    "std::thread",
    "std::time::Instant",
    "std::time::SystemTime",
];
const IMPURE_CRATES: &[&str] = &["getrandom", "rand", "rustix", "tokio", "tokio_util"];
/// Names that change process-wide state.
const PROCESS_WIDE: &[&str] = &[
    "Signals",
    "dup2_stderr",
    "dup2_stdin",
    "dup2_stdout",
    "emulate_default_handler",
    "remove_var",
    "set_child_subreaper",
    "set_current_dir",
    "set_hook",
    "set_parent_process_death_signal",
    "set_var",
    "setrlimit",
    "take_hook",
];
const MAY_CHANGE_THE_PROCESS: &str = "boot/setup.rs";
const FILE_LINES_MAX: usize = 500;
const EXAMPLE_LINES_MAX: usize = 120;
/// Inputs of the UI tests. Each shows one rule, and its name serves as its header.
const HEADERLESS: &[&str] = &["ui-tests/pass/", "ui-tests/fail/"];
/// This file contains the marks that it looks for.
const MAY_NAME_MARKS: &str = "tests/repo/tidy.rs";

/// A line, and the fix.
#[derive(Debug, PartialEq, Eq)]
struct Finding(usize, String);

// ---- The rules over the repository ----

#[test]
fn files_name_only_their_own_layer_and_lower_ones() {
    check(|path, source| match path.strip_prefix("tractor-core/src/") {
        Some(inside) if inside != "lib.rs" => upward_names(inside, &code_of(source)),
        _ => Vec::new(),
    });
}

#[test]
fn proto_names_no_runtime_clock_socket_file_or_randomness() {
    check(|path, source| match path.strip_prefix("tractor-proto/src/") {
        Some(_) => impure_names(&code_of(source)),
        None => Vec::new(),
    });
}

#[test]
fn one_file_changes_the_process() {
    check(|path, source| match path.strip_prefix("tractor-core/src/") {
        Some(inside) if inside != MAY_CHANGE_THE_PROCESS => process_wide_names(&code_of(source)),
        _ => Vec::new(),
    });
}

#[test]
fn every_file_begins_with_its_documentation() {
    check(|path, source| {
        let exempt = HEADERLESS.iter().any(|folder| path.starts_with(folder));
        if exempt { Vec::new() } else { missing_header(source) }
    });
}

#[test]
fn no_file_is_too_long() {
    check(|path, source| {
        let max = if path.starts_with("examples/") { EXAMPLE_LINES_MAX } else { FILE_LINES_MAX };
        too_long(source, max)
    });
}

#[test]
fn every_exception_gives_its_reason() {
    check(|_, source| unreasoned_exceptions(&code_of(source)));
}

#[test]
fn nothing_is_left_for_later() {
    check(
        |path, source| if path == MAY_NAME_MARKS { Vec::new() } else { leftovers(source, &code_of(source)) },
    );
}

#[test]
fn every_dependency_gives_its_reason() {
    let manifest = fs::read_to_string(root().join("Cargo.toml")).expect("the root manifest is there");
    fail_on(&located("Cargo.toml", &unreasoned_dependencies(&manifest)));
}

#[test]
fn every_test_file_is_built() {
    let manifest = fs::read_to_string(root().join("Cargo.toml")).expect("the root manifest is there");
    let mut report = Vec::new();
    for folder in ["tests", "tests/it", "tests/wire", "tests/process", "tests/repo"] {
        let main = fs::read_to_string(root().join(folder).join("main.rs")).unwrap_or_default();
        let files = fs::read_dir(root().join(folder)).expect("folders of the repository are readable");
        let names =
            files.map(|file| file.expect("it is readable").file_name().to_string_lossy().into_owned());
        let own = |name: &String| manifest.contains(&format!("path = \"{folder}/{name}\""));
        let modules: Vec<_> = names.filter(|name| !own(name)).collect();
        report.extend(located(&format!("{folder}/main.rs"), &unbuilt(&main, &modules)));
    }
    fail_on(&report);
}

// ---- The checkers ----

/// Rust files beside a `main.rs` that does not name them: nothing compiles them, and no other check would notice.
fn unbuilt(main: &str, names: &[String]) -> Vec<Finding> {
    let modules = names.iter().filter_map(|name| name.strip_suffix(".rs"));
    let missing = modules.filter(|module| !main.contains(&format!("mod {module};\n")));
    missing.map(|module| Finding(1, format!("say `mod {module};`, or nothing builds that file"))).collect()
}

/// Paths into `crate::` (also through `super::`) that are above the layer of the file.
fn upward_names(inside: &str, code: &str) -> Vec<Finding> {
    let parts: Vec<&str> = inside.trim_end_matches(".rs").split('/').filter(|part| *part != "mod").collect();
    let Some(own) = rank(parts[0]) else {
        let text = format!("`{}` is no layer: move the file into one of {LAYERS:?}", parts[0]);
        return vec![Finding(1, text)];
    };
    let mut found = Vec::new();
    for path in paths_in(code) {
        let depth = parts.len() + path.nesting;
        let climbed = path.segments.iter().take_while(|segment| *segment == "super").count();
        let named = match path.segments[0].as_str() {
            "crate" => path.segments.get(1),
            "super" if climbed >= depth => path.segments.get(climbed),
            _ => continue,
        };
        let Some(named) = named else { continue };
        let text = match rank(named) {
            Some(rank) if rank <= own => continue,
            Some(_) => format!("`{}` may not name the higher layer `{named}`: move one of the two", parts[0]),
            None if path.is_macro || named == "self" => continue,
            None => format!("`crate::{named}` hides a layer: name the layer it comes from"),
        };
        found.push(Finding(path.line, text));
    }
    found
}

fn rank(layer: &str) -> Option<usize> {
    LAYERS.iter().position(|known| *known == layer)
}

fn impure_names(code: &str) -> Vec<Finding> {
    let advice = |name: &str| format!("`proto` may not name `{name}`: take its result as an argument");
    let paths = paths_in(code).into_iter().filter_map(|path| {
        let full = path.segments.join("::");
        let impure = IMPURE_PATHS.iter().find(|impure| full.starts_with(**impure))?;
        Some(Finding(path.line, advice(impure)))
    });
    let crates = words_of(code).filter(|(_, word)| IMPURE_CRATES.contains(word));
    paths.chain(crates.map(|(line, word)| Finding(line, advice(word)))).collect()
}

fn process_wide_names(code: &str) -> Vec<Finding> {
    let names = words_of(code).filter(|(_, word)| PROCESS_WIDE.contains(word));
    names
        .map(|(line, word)| {
            let text = format!(
                "`{word}` changes the whole process: do it in `{MAY_CHANGE_THE_PROCESS}`, whose table says so"
            );
            Finding(line, text)
        })
        .collect()
}

fn missing_header(source: &str) -> Vec<Finding> {
    if source.trim_start().starts_with("//!") {
        return Vec::new();
    }
    vec![Finding(1, "begin the file with `//!` and one sentence on what it is".into())]
}

fn too_long(source: &str, max: usize) -> Vec<Finding> {
    let lines = source.lines().count();
    if lines <= max {
        return Vec::new();
    }
    vec![Finding(max + 1, format!("{lines} lines, {max} allowed: split the file by concept"))]
}

/// `#[allow]`, `#[expect]` and `#[ignore]` (also inside `cfg_attr`) that do not say why.
fn unreasoned_exceptions(code: &str) -> Vec<Finding> {
    let mut found = Vec::new();
    for (start, _) in code.match_indices("#[").chain(code.match_indices("#![")) {
        let attribute = balanced(&code[start..]);
        let words: Vec<&str> = words_of(attribute).map(|(_, word)| word).collect();
        let first_is = |name: &str| {
            words.first() == Some(&name) || words.first() == Some(&"cfg_attr") && words.contains(&name)
        };
        let text = if (first_is("allow") || first_is("expect")) && !words.contains(&"reason") {
            "add `reason = \"...\"` to the exception"
        } else if first_is("ignore") && !attribute.contains('=') {
            "write `#[ignore = \"why, and who runs it\"]`"
        } else {
            continue;
        };
        found.push(Finding(line_of(code, start), text.into()));
    }
    found
}

fn leftovers(source: &str, code: &str) -> Vec<Finding> {
    let marks = words_of(source).filter(|(_, word)| ["FIXME", "XXX"].contains(word));
    let tokens = tokens_of(code);
    let calls = tokens.windows(2).filter_map(|pair| match pair {
        [(line, name @ ("dbg" | "todo" | "unimplemented")), (_, "!")] => Some((*line, *name)),
        _ => None,
    });
    marks
        .chain(calls)
        .map(|(line, word)| Finding(line, format!("finish or remove the code that `{word}` marks")))
        .collect()
}

/// Third-party lines of `[workspace.dependencies]` without a comment; our own crates need none.
fn unreasoned_dependencies(manifest: &str) -> Vec<Finding> {
    let mut found = Vec::new();
    let mut inside = false;
    for (index, line) in manifest.lines().enumerate() {
        if line.starts_with('[') {
            inside = line.starts_with("[workspace.dependencies]");
        } else if inside && line.contains('=') && !line.starts_with('#') && !line.contains("path =") {
            let reason = line.split_once('#').map_or("", |(_, comment)| comment.trim());
            if reason.is_empty() {
                found.push(Finding(
                    index + 1,
                    "say in a `#` comment on this line what the crate is for".into(),
                ));
            }
        }
    }
    found
}

// ---- Walking and reporting ----

pub(crate) fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Runs a rule over every Rust file of the repository.
fn check(rule: impl Fn(&str, &str) -> Vec<Finding>) {
    let files = rust_files(&root());
    assert!(!files.is_empty(), "no Rust file was found");
    let mut report = Vec::new();
    for file in files {
        let source = fs::read_to_string(&file).expect("source is readable UTF-8");
        let path =
            file.strip_prefix(root()).expect("found below the root").to_string_lossy().replace('\\', "/");
        report.extend(located(&path, &rule(&path, &source)));
    }
    fail_on(&report);
}

fn located(path: &str, findings: &[Finding]) -> Vec<String> {
    findings.iter().map(|Finding(line, advice)| format!("{path}:{line}: {advice}")).collect()
}

/// Fails with all findings at once.
fn fail_on(report: &[String]) {
    assert!(report.is_empty(), "\n{}\n", report.join("\n"));
}

pub(crate) fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).expect("folders of the repository are readable") {
        let path = entry.expect("folders of the repository are readable").path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if path.is_dir() && name != "target" && !name.starts_with('.') {
            files.extend(rust_files(&path));
        } else if name.ends_with(".rs") {
            files.push(path);
        }
    }
    files.sort();
    files
}

// ---- Each checker can fail ----

fn lines_of(findings: &[Finding]) -> Vec<usize> {
    findings.iter().map(|finding| finding.0).collect()
}

fn upward_lines(inside: &str, source: &str) -> Vec<usize> {
    lines_of(&upward_names(inside, &code_of(source)))
}

#[test]
fn a_name_from_a_higher_layer_is_found() {
    let source = "use crate::proto::id;\nuse crate::{net::tcp, error::Error,\n boot};\n\
        fn f(x: crate::api::Portal) {}";
    assert_eq!(upward_lines("net/uds.rs", source), [3, 4]);
    assert_eq!(upward_lines("proto/id.rs", source), [2, 2, 3, 4]);
    assert_eq!(upward_lines("boot/root.rs", source), []);
    assert_eq!(upward_lines("error/mod.rs", "use crate::proto;\nuse crate::net::X;"), [2]);
}

#[test]
fn a_climb_out_of_the_layer_is_found() {
    assert_eq!(upward_lines("proto/mod.rs", "use super::net;"), [1]);
    assert_eq!(upward_lines("proto/id.rs", "use super::msg;\nuse super::super::net::X;"), [2]);
    assert_eq!(
        upward_lines(
            "proto/id.rs",
            "mod tests { use super::*;\nuse super::super::msg;\nuse super::super::super::net; }"
        ),
        [3]
    );
    assert_eq!(upward_lines("actor/mod.rs", "use super::proto;"), []);
}

#[test]
fn names_at_the_crate_root_hide_their_layer() {
    assert_eq!(upward_lines("actor/mod.rs", "use crate::Error;\nuse crate::*;\ncrate::local!();"), [1, 2]);
    assert_eq!(upward_lines("utils.rs", ""), [1]);
}

#[test]
fn names_in_comments_and_strings_do_not_count() {
    assert_eq!(
        upward_lines("proto/id.rs", "/// [`X`](crate::boot::X)\nconst S: &str = \"crate::boot\";"),
        []
    );
    assert_eq!(impure_names(&code_of("// tokio\nconst S: &str = \"rand\";")), []);
}

#[test]
fn an_impure_name_is_found() {
    let code = "use std::time::{Duration, Instant};\nuse std::{net::TcpStream, fs};\n\
        std::env::var(x);\nuse tokio::time;\nuse std::net::IpAddr;";
    assert_eq!(lines_of(&impure_names(code)), [1, 2, 2, 3, 4]);
}

#[test]
fn a_change_of_the_process_is_found() {
    let code = code_of(
        "// set_hook\nstd::panic::set_hook(hook);\nlet set_hooks = \"set_var\";\nunsafe { set_var(k, v) }",
    );
    assert_eq!(lines_of(&process_wide_names(&code)), [2, 4]);
}

#[test]
fn a_missing_header_is_found() {
    assert_eq!(lines_of(&missing_header("// not this\n//! late")), [1]);
    assert_eq!(missing_header("\n//! What it is."), []);
}

#[test]
fn a_long_file_is_found() {
    assert_eq!(lines_of(&too_long("a\nb\nc\n", 2)), [3]);
    assert_eq!(too_long("a\nb\n", 2), []);
}

#[test]
fn an_exception_without_a_reason_is_found() {
    let bad = "#[allow(x)]\n#![expect(\n x)]\n#[ignore]\n#[cfg_attr(test, allow(y))]\n#[cfg_attr(z, ignore)]";
    assert_eq!(lines_of(&unreasoned_exceptions(bad)), [1, 4, 5, 6, 2]);
    let good = "#[allow(x, reason = \"r\")]\n#[ignore = \"slow\"]\n#[cfg(test)]\nx.expect(\"fine\");";
    assert_eq!(unreasoned_exceptions(&code_of(good)), []);
}

#[test]
fn a_test_file_that_nothing_builds_is_found() {
    let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    assert_eq!(lines_of(&unbuilt("mod a;\n", &names(&["a.rs", "b.rs", "c_support"]))), [1]);
    assert_eq!(unbuilt("mod a;\npub mod b;\n", &names(&["a.rs", "b.rs"])), []);
}

#[test]
fn a_leftover_is_found() {
    let source = "// FIXME later\nlet todo = 1; todo!();\nx.dbg; y != dbg!(z);\n\"unimplemented!()\"";
    assert_eq!(lines_of(&leftovers(source, &code_of(source))), [1, 2, 3]);
}

#[test]
fn a_dependency_without_a_reason_is_found() {
    let manifest = "[package]\nname = 1\n[workspace.dependencies]\n# ours\n\
        ours = { path = \".\" }\na = 1 # why\nb = 2\nc = 3 #\n[features]\nd = []";
    assert_eq!(lines_of(&unreasoned_dependencies(manifest)), [7, 8]);
}
