//! The contents of files in chunks that end between words.

use std::fs::File;
use std::io::{self, Read};
use std::path::PathBuf;
use std::vec;

use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;

use crate::count::in_word;

/// A longer run of word bytes than this is cut, because a chunk must fit into a message.
const WORD_BYTES_MAX: usize = 4 << 20;

/// A piece of text, and its contribution to the totals.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Chunk {
    pub(crate) text: ByteBuf,
    pub(crate) files: u64,
    pub(crate) bytes: u64,
}

/// The files' text, in chunks of about one size: large files are cut between words, small ones are put together.
#[derive(Debug)]
pub(crate) struct Chunks {
    paths: vec::IntoIter<PathBuf>,
    file: Option<File>,
    /// The beginning of a word that did not fit into the previous chunk.
    rest: Vec<u8>,
    chunk_bytes: usize,
}

impl Chunks {
    pub(crate) fn new(paths: Vec<PathBuf>, chunk_bytes: usize) -> Self {
        Self { paths: paths.into_iter(), file: None, rest: Vec::new(), chunk_bytes }
    }

    fn read(&mut self) -> io::Result<Option<Chunk>> {
        let mut text = std::mem::take(&mut self.rest);
        text.reserve(self.chunk_bytes);
        let mut chunk = Chunk::default();
        let mut wanted = self.chunk_bytes;
        loop {
            let Some(file) = &mut self.file else {
                let Some(path) = self.paths.next() else { break };
                self.file = Some(File::open(path)?);
                continue;
            };
            let missing = wanted.saturating_sub(text.len());
            let read = file.take(missing as u64).read_to_end(&mut text)?;
            chunk.bytes += read as u64;
            if read < missing {
                text.push(b'\n'); // the next file begins with a word of its own
                chunk.files += 1;
                self.file = None;
                continue;
            }
            match text.iter().rposition(|byte| !in_word(*byte)) {
                Some(gap) => {
                    self.rest = text.split_off(gap + 1);
                    break;
                }
                None if text.len() >= WORD_BYTES_MAX => break,
                None => wanted += self.chunk_bytes,
            }
        }
        chunk.text = ByteBuf::from(text);
        Ok(Some(chunk).filter(|chunk| !chunk.text.is_empty()))
    }
}

impl Iterator for Chunks {
    type Item = io::Result<Chunk>;

    fn next(&mut self) -> Option<Self::Item> {
        self.read().transpose()
    }
}
