//! Rules about texts: lines fit, links have targets, and error texts are those of the compiler.

use std::fs;
use std::path::{Path, PathBuf};

use crate::tidy::{root, rust_files};

/// Columns of a line of source or prose. Rows of tables are exempt, because they cannot be broken.
const LINE_MAX: usize = 120;
/// Columns of a line of code in the documentation: a reader has to scroll a longer one.
const DOC_CODE_MAX: usize = 80;
/// Blocks that a reader copies; others are diagrams and output.
const COPIED: &[&str] = &["", "no_run", "ignore", "toml", "console"];
const COMPILER_PAGE: &str = "src/guide/compiler.md";

#[test]
fn lines_fit() {
    let mut long = Vec::new();
    for path in texts().filter(|path| !path.starts_with(root().join("ui-tests/fail"))) {
        for (number, line) in read(&path).lines().enumerate() {
            let is_row = without_marker(line).trim_start().starts_with('|');
            if line.chars().count() > LINE_MAX && !is_row {
                long.push(format!("{}:{}: over {LINE_MAX} columns", path.display(), number + 1));
            }
        }
    }
    assert!(long.is_empty(), "\n{}\n", long.join("\n"));
}

#[test]
fn code_in_the_documentation_fits() {
    let mut long = Vec::new();
    for path in texts() {
        let (source, is_rust) = (read(&path), path.extension().is_some_and(|end| end == "rs"));
        let mut block = None;
        for (number, line) in source.lines().enumerate() {
            let text = without_marker(line);
            if is_rust && text.len() == line.len() {
                block = None;
            } else if let Some(language) = text.strip_prefix("```") {
                block = if block.is_none() { Some(language) } else { None };
            } else if block.is_some_and(|language| COPIED.contains(&language))
                && text.chars().count() > DOC_CODE_MAX
                && !text.starts_with("# ")
            {
                long.push(format!("{}:{}: over {DOC_CODE_MAX} columns", path.display(), number + 1));
            }
        }
    }
    assert!(long.is_empty(), "\n{}\n", long.join("\n"));
}

#[test]
fn links_between_files_lead_somewhere() {
    let mut count = 0;
    for path in texts().filter(|path| path.extension().is_some_and(|end| end == "md")) {
        let text = read(&path);
        let targets = text.split("](").skip(1).chain(text.split("src=\"").skip(1));
        for target in targets.filter_map(|rest| rest.split([')', '"', '#']).next()) {
            // Links to items are checked by rustdoc; links to the web are not checked.
            if target.is_empty() || target.contains(':') || target.contains('@') || target == "crate" {
                continue;
            }
            let file = path.parent().expect("it is in a folder").join(target);
            if target.contains(['/', '.']) {
                assert!(file.exists(), "{} leads to {target}", path.display());
                count += 1;
            }
        }
    }
    assert!(count > 20, "{count} links");
}

#[test]
fn the_compiler_page_has_the_words_of_the_compiler() {
    let folder = root().join("ui-tests/fail");
    let mut goldens = Vec::new();
    for case in rust_files(&folder) {
        goldens.push(in_one_line(&read(&case.with_extension("stderr"))));
    }
    let page = read(&root().join(COMPILER_PAGE));
    let blocks: Vec<_> =
        page.split("```text\n").skip(1).filter_map(|rest| rest.split("```").next()).collect();
    assert!(blocks.len() >= 5, "{} errors", blocks.len());
    for block in blocks {
        let said = sayings(block);
        let says = |golden: &&String| said.iter().all(|part| golden.contains(part.as_str()));
        assert!(goldens.iter().any(|golden| says(&golden)), "no error has all of {said:#?}");
    }
}

/// The texts of an abbreviated error: its message, label and notes, unfolded, split at `..`.
fn sayings(block: &str) -> Vec<String> {
    let mut said: Vec<String> = Vec::new();
    let mut goes_on = false;
    for line in block.lines() {
        let text = line.trim_start().trim_start_matches(|c: char| c.is_ascii_digit()).trim_start();
        let is_code = text.starts_with("| ") && line.trim_start().starts_with(|c: char| c.is_ascii_digit());
        let text = text.trim_start_matches(['|', '=']).trim();
        if text.is_empty() || text == ".." || text.starts_with("-->") || is_code {
            goes_on = false;
        } else if let Some((_, label)) = text.rsplit_once('^') {
            said.push(label.trim().to_owned());
            goes_on = true;
        } else if goes_on && !text.starts_with("note: ") && !text.starts_with("help: ") {
            let last = said.last_mut().expect("it goes on");
            last.push(' ');
            last.push_str(text);
        } else {
            said.push(text.to_owned());
            goes_on = true;
        }
    }
    let parts = said.iter().flat_map(|text| text.split(".."));
    parts.map(|part| part.trim().to_owned()).filter(|part| !part.is_empty()).collect()
}

fn in_one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A line of documentation without its comment marker.
fn without_marker(line: &str) -> &str {
    let text = line.trim_start();
    match text.strip_prefix("///").or_else(|| text.strip_prefix("//!")) {
        Some(text) => text.strip_prefix(' ').unwrap_or(text),
        None => line,
    }
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).expect("it is readable UTF-8")
}

/// Every Rust and Markdown file.
fn texts() -> impl Iterator<Item = PathBuf> {
    let mut files = rust_files(&root());
    let mut folders = vec![root()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("folders of the repository are readable") {
            let path = entry.expect("folders of the repository are readable").path();
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if path.is_dir() && name != "target" && !name.starts_with('.') {
                folders.push(path);
            } else if name.ends_with(".md") {
                files.push(path);
            }
        }
    }
    files.into_iter()
}

#[test]
fn the_parts_of_an_error_are_found() {
    let block = "error: `Vec<..>` is sent\n  |\n1 | f(x)\n  |   ^ not here,\n  |     nor there\n  ..\n  \
        = note: send\n    another\n";
    assert_eq!(sayings(block), ["error: `Vec<", ">` is sent", "not here, nor there", "note: send another"]);
}
