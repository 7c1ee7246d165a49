//! The output of a child. It is passed on line by line, or captured; of captured output only the end is kept.
//!
//! # Invariants
//! 1. The captured output is bounded: of a long line the beginning is kept, of many lines the last.
//! 2. Reading ends a bounded time after the child's process, even while another process holds the other end.
//! 3. A line is passed on in one write.

use std::collections::VecDeque;
use std::io::Write;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::AsyncReadExt;
use tokio::net::unix::pipe::Receiver;
use tokio::task::{JoinSet, spawn_blocking};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::options::Stdio;
use crate::proto::limits::{CAPTURED_BYTES_MAX, CAPTURED_LINES_MAX, OUTPUT_LINE_BYTES_MAX};

/// Bytes read at once.
const READ_BYTES: usize = 16 * 1024;
/// Replaces the rest of a line that is too long.
const CUT: &[u8] = "…".as_bytes();

/// Which of the two outputs a line was written to.
#[derive(Debug, Clone, Copy)]
pub(super) enum Stream {
    Stdout,
    Stderr,
}

/// The tasks that read a child's output. Dropping it stops them.
#[derive(Debug, Default)]
pub(super) struct Output {
    readers: JoinSet<()>,
    /// Set when the process is gone, to end the reading.
    stop: CancellationToken,
    kept: Arc<Kept>,
}

/// The last lines. The lock is held to add one.
type Kept = Mutex<LastLines>;

#[derive(Debug, Default)]
struct LastLines {
    lines: VecDeque<String>,
    bytes: usize,
}

impl LastLines {
    fn add(&mut self, line: String) {
        self.bytes += line.len();
        self.lines.push_back(line);
        while self.lines.len() > CAPTURED_LINES_MAX || self.bytes > CAPTURED_BYTES_MAX {
            self.bytes -= self.lines.pop_front().map_or(0, |line| line.len());
        }
    }
}

impl Output {
    /// Reads one output. `label` is written before each line that is passed on.
    pub(super) fn read(&mut self, pipe: Receiver, stream: Stream, how: Stdio, label: &str) {
        let sink = match how {
            Stdio::Labelled => Sink::Passed { stream, label: format!("{label}: "), batch: Vec::new() },
            Stdio::Captured | Stdio::Inherit | Stdio::Null => Sink::Kept(self.kept.clone()),
        };
        self.readers.spawn(read(pipe, self.stop.clone(), sink));
    }

    /// Waits until all output of the dead process was read. If another process holds the outputs open, such as a
    /// program that has left the group, the wait ends after `limit`. Returns the last captured lines.
    pub(super) async fn settled(&mut self, limit: Duration) -> Arc<[String]> {
        if timeout(limit, self.all_read()).await.is_err() {
            self.stop.cancel();
            // Now only a stuck output of this process can delay this.
            _ = timeout(limit, self.all_read()).await;
            self.readers.abort_all();
        }
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).lines.iter().cloned().collect()
    }

    async fn all_read(&mut self) {
        while let Some(reader) = self.readers.join_next().await {
            if let Err(error) = reader {
                tracing::error!("a child's output was not read to its end: {error}");
            }
        }
    }
}

async fn read(mut pipe: Receiver, stop: CancellationToken, mut sink: Sink) {
    let (mut lines, mut buffer) = (Lines::default(), vec![0; READ_BYTES]);
    loop {
        let read = tokio::select! {
            biased;
            () = stop.cancelled() => break,
            read = pipe.read(&mut buffer) => read,
        };
        match read {
            Ok(0) | Err(_) => break,
            Ok(count) => lines.push(&buffer[..count], |line| sink.take(line)),
        }
        sink.flush().await;
    }
    lines.finish(|line| sink.take(line));
    sink.flush().await;
}

/// Splits the bytes that arrive into lines.
#[derive(Debug, Default)]
struct Lines {
    /// The beginning of a line.
    partial: Vec<u8>,
    /// The rest of a long line is skipped.
    is_cut: bool,
}

impl Lines {
    fn push(&mut self, bytes: &[u8], mut take: impl FnMut(&[u8])) {
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            let (text, ends) = match piece.split_last() {
                Some((b'\n', text)) => (text, true),
                _ => (piece, false),
            };
            let room = OUTPUT_LINE_BYTES_MAX - self.partial.len();
            self.partial.extend_from_slice(&text[..text.len().min(room)]);
            self.is_cut |= text.len() > room;
            if ends {
                self.end(&mut take);
            }
        }
    }

    /// The last line may have no line break.
    fn finish(&mut self, mut take: impl FnMut(&[u8])) {
        if !self.partial.is_empty() {
            self.end(&mut take);
        }
    }

    fn end(&mut self, take: &mut impl FnMut(&[u8])) {
        if std::mem::take(&mut self.is_cut) {
            self.partial.extend_from_slice(CUT);
        }
        take(&self.partial);
        self.partial.clear();
    }
}

/// The destination of lines.
enum Sink {
    Kept(Arc<Kept>),
    Passed { stream: Stream, label: String, batch: Vec<u8> },
}

impl Sink {
    fn take(&mut self, line: &[u8]) {
        match self {
            Self::Kept(kept) => {
                let line = String::from_utf8_lossy(line).into_owned();
                kept.lock().unwrap_or_else(PoisonError::into_inner).add(line);
            }
            Self::Passed { label, batch, .. } => {
                batch.extend_from_slice(label.as_bytes());
                batch.extend_from_slice(line);
                batch.push(b'\n');
            }
        }
    }

    /// Writes the lines. If the reader of our own output is slow, the child waits, but not our tasks.
    async fn flush(&mut self) {
        let Self::Passed { stream, batch, .. } = self else { return };
        if batch.is_empty() {
            return;
        }
        let (stream, lines) = (*stream, std::mem::take(batch));
        let written = spawn_blocking(move || match stream {
            Stream::Stdout => std::io::stdout().lock().write_all(&lines),
            Stream::Stderr => std::io::stderr().lock().write_all(&lines),
        });
        if let Ok(Err(error)) = written.await {
            tracing::debug!("a child's output was not passed on: {error}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines_of(pieces: &[&[u8]]) -> Vec<String> {
        let (mut lines, mut told) = (Lines::default(), Vec::new());
        let mut take = |line: &[u8]| told.push(String::from_utf8_lossy(line).into_owned());
        for piece in pieces {
            lines.push(piece, &mut take);
            assert!(lines.partial.len() <= OUTPUT_LINE_BYTES_MAX);
        }
        lines.finish(&mut take);
        told
    }

    #[test]
    fn lines_are_put_together_from_pieces() {
        assert_eq!(lines_of(&[b"a\nb", b"c\n\n", b"", b"d"]), ["a", "bc", "", "d"]);
        assert_eq!(lines_of(&[b"a\n"]), ["a"]);
        assert_eq!(lines_of(&[b"\xff\n"]), ["\u{fffd}"]);
    }

    #[test]
    fn the_captured_output_is_bounded_in_lines_and_in_bytes() {
        let mut kept = LastLines::default();
        (0..1000).for_each(|n| kept.add(n.to_string()));
        assert_eq!(
            (kept.lines.len(), kept.lines.front().map(String::as_str)),
            (CAPTURED_LINES_MAX, Some("920"))
        );
        (0..1000).for_each(|_| kept.add("x".repeat(OUTPUT_LINE_BYTES_MAX)));
        assert_eq!(kept.bytes, CAPTURED_BYTES_MAX);
        assert_eq!(kept.lines.iter().map(String::len).sum::<usize>(), kept.bytes);
    }

    #[test]
    fn a_long_line_is_cut_and_the_next_one_is_whole() {
        let long = vec![b'x'; OUTPUT_LINE_BYTES_MAX];
        let whole = String::from_utf8(long.clone()).expect("it is text");
        assert_eq!(lines_of(&[&long, b"\nb\n"]), [whole.clone(), "b".to_owned()]);
        assert_eq!(lines_of(&[&long, b"yy", &long, b"\nb\n"]), [format!("{whole}…"), "b".to_owned()]);
    }
}
