//! The text files below some folders.

use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

/// Folders that are not entered.
const SKIPPED_FOLDERS: [&str; 2] = [".git", "target"];
/// A file with a NUL among its first bytes is binary.
const PROBE_BYTES: u64 = 1024;

/// The files to count.
#[derive(Debug, Default)]
pub(crate) struct TextFiles {
    pub(crate) paths: Vec<PathBuf>,
    pub(crate) bytes: u64,
    pub(crate) skipped: u64,
}

impl TextFiles {
    /// Searches folders; symbolic links in them are not followed.
    pub(crate) fn find(roots: &[PathBuf]) -> anyhow::Result<Self> {
        let mut found = Self::default();
        for root in roots {
            let kind = fs::metadata(root).map_err(|error| anyhow::anyhow!("{}: {error}", root.display()))?;
            if kind.is_dir() { found.search(root) } else { found.probe(root.clone()) }
        }
        found.paths.sort();
        Ok(found)
    }

    fn search(&mut self, folder: &Path) {
        let Ok(entries) = fs::read_dir(folder) else { return self.skipped += 1 };
        for entry in entries.flatten() {
            match entry.file_type() {
                Ok(kind) if kind.is_dir() => {
                    if SKIPPED_FOLDERS.iter().all(|name| entry.file_name() != *name) {
                        self.search(&entry.path());
                    }
                }
                Ok(kind) if kind.is_file() => self.probe(entry.path()),
                Ok(_) | Err(_) => {}
            }
        }
    }

    fn probe(&mut self, path: PathBuf) {
        let mut head = Vec::new();
        match File::open(&path).and_then(|file| file.take(PROBE_BYTES).read_to_end(&mut head)) {
            Ok(_) if !head.contains(&0) => {
                self.bytes += fs::metadata(&path).map_or(0, |data| data.len());
                self.paths.push(path);
            }
            Ok(_) | Err(_) => self.skipped += 1,
        }
    }
}
