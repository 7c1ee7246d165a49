//! Log lines that peers cause. Their rate is limited, so that a peer cannot fill the disk.

use std::fmt;
use std::sync::{Mutex, PoisonError};

use tokio::time::Instant;

use crate::proto::limits::{PEER_LOG_LINES_MAX, PEER_LOG_WINDOW};

/// The log lines of one actor about one kind of event.
#[derive(Debug, Default)]
pub(crate) struct PeerLog(Mutex<Window>);

/// The lines of the current window.
#[derive(Debug, Default)]
struct Window {
    /// When the first of them was written.
    begun: Option<Instant>,
    lines: usize,
    left_out: usize,
}

/// The number of lines that were left out before this one, as the end of its text; empty if none were.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct LeftOut(usize);

impl PeerLog {
    /// Asks whether a line may be written. `None` if not.
    pub(crate) fn line(&self) -> Option<LeftOut> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).line(Instant::now())
    }
}

impl Window {
    fn line(&mut self, now: Instant) -> Option<LeftOut> {
        if self.begun.is_none_or(|begun| now.saturating_duration_since(begun) >= PEER_LOG_WINDOW) {
            (self.begun, self.lines) = (Some(now), 0);
        }
        if self.lines >= PEER_LOG_LINES_MAX {
            self.left_out += 1;
            return None;
        }
        self.lines += 1;
        Some(LeftOut(std::mem::take(&mut self.left_out)))
    }
}

impl fmt::Display for LeftOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            0 => Ok(()),
            count => write!(f, " ({count} lines about others were left out before)"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_flood_of_lines_is_counted_instead() {
        let (mut window, begun) = (Window::default(), Instant::now());
        for _ in 0..PEER_LOG_LINES_MAX {
            assert_eq!(window.line(begun), Some(LeftOut(0)));
        }
        for _ in 0..1000 {
            assert_eq!(window.line(begun + PEER_LOG_WINDOW - Duration::from_millis(1)), None);
        }
        let next = window.line(begun + PEER_LOG_WINDOW).expect("a new window");
        assert_eq!(next.to_string(), " (1000 lines about others were left out before)");
        assert_eq!(window.line(begun + PEER_LOG_WINDOW), Some(LeftOut(0)));
    }
}
