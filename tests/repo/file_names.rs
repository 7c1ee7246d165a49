//! `ARCHITECTURE.md` is a map: each source file that it names exists.

use std::fs;
use std::path::Path;

use crate::tidy::rust_files;

#[test]
fn the_map_names_files_that_exist() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let map = fs::read_to_string(root.join("ARCHITECTURE.md")).expect("the map is there");
    let files: Vec<_> = rust_files(root).iter().map(|file| file.to_string_lossy().into_owned()).collect();
    let missing = missing(&map, &files);
    assert!(missing.is_empty(), "ARCHITECTURE.md names files that are not there: {missing:?}");
}

/// The Rust files that the text names, but that no path in `files` ends with.
fn missing<'t>(text: &'t str, files: &[String]) -> Vec<&'t str> {
    let is_of_path = |c: char| c.is_alphanumeric() || matches!(c, '/' | '_' | '-' | '.');
    let names = text.split(|c| !is_of_path(c)).filter(|word| word.ends_with(".rs"));
    let is_missing = |name: &&str| !files.iter().any(|file| file.ends_with(&format!("/{name}")));
    names.filter(is_missing).collect()
}

#[test]
fn a_file_that_is_gone_is_found() {
    let files = ["/a/net/mod.rs".to_owned(), "/a/net/driver.rs".to_owned()];
    assert_eq!(missing("`net/driver.rs`, mod.rs: x; driver.rs.", &files), [""; 0]);
    assert_eq!(
        missing("`net/river.rs`, iver.rs and `api/mod.rs`", &files),
        ["net/river.rs", "iver.rs", "api/mod.rs"]
    );
}
