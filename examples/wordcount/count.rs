//! Words, and how often they occur.
//!
//! A word is a maximal run of letters and digits (`char::is_alphanumeric`), in lower case. Bytes that are not UTF-8
//! separate words.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use crate::chunks::Chunk;

/// A chunk's contribution to the totals.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Counted {
    pub(crate) files: u64,
    pub(crate) bytes: u64,
    counts: Vec<(String, u64)>,
}

/// Whether a byte may be part of a word: an ASCII letter or digit, or part of a character that is not ASCII.
pub(crate) fn in_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || !byte.is_ascii()
}

/// Counts the words of a chunk.
pub(crate) fn count(chunk: Chunk) -> Counted {
    let Chunk { mut text, files, bytes } = chunk;
    text.make_ascii_lowercase();
    let mut ascii: HashMap<&[u8], u64> = HashMap::new();
    let mut other: HashMap<String, u64> = HashMap::new();
    for run in text.split(|byte| !in_word(*byte)).filter(|run| !run.is_empty()) {
        if run.is_ascii() {
            *ascii.entry(run).or_default() += 1;
            continue;
        }
        let run = String::from_utf8_lossy(run).to_lowercase();
        for word in run.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()) {
            *other.entry(word.to_owned()).or_default() += 1;
        }
    }
    let ascii = ascii.into_iter().map(|(word, count)| (String::from_utf8_lossy(word).into_owned(), count));
    let counts = ascii.chain(other).collect(); // the totals add up a word that comes twice
    Counted { files, bytes, counts }
}

/// The counts so far.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Totals {
    pub(crate) files: u64,
    pub(crate) bytes: u64,
    counts: HashMap<String, u64>,
}

impl Totals {
    pub(crate) fn add(&mut self, counted: Counted) {
        self.files += counted.files;
        self.bytes += counted.bytes;
        for (word, count) in counted.counts {
            *self.counts.entry(word).or_default() += count;
        }
    }

    pub(crate) fn words(&self) -> u64 {
        self.counts.values().sum()
    }

    pub(crate) fn distinct(&self) -> usize {
        self.counts.len()
    }

    /// The most frequent words; of equally frequent ones those first in the alphabet.
    pub(crate) fn top(&self, n: usize) -> Vec<(&str, u64)> {
        let mut words: Vec<_> = self.counts.iter().map(|(word, count)| (word.as_str(), *count)).collect();
        words.sort_unstable_by(|(a, a_count), (b, b_count)| b_count.cmp(a_count).then(a.cmp(b)));
        words.truncate(n);
        words
    }
}
