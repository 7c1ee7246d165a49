//! Warnings that reach the user of a program without a log subscriber.
//!
//! There is one for each of these events: a child is restarted, or signalled by the ladder; a peer is refused; a scope
//! waits; a thread is left behind; a second tree begins by mistake; `TRACTOR_LOGLEVEL` cannot be read. All other events
//! go to subscribers only.

use std::fmt;
use std::io::Write;

use super::try_current_actor;
use crate::proto::id::Escaped;

/// Logs an event, or writes it to standard error if no subscriber was ever set.
macro_rules! notice {
    ($level:ident, $($text:tt)+) => {{
        if tracing::dispatcher::has_been_set() {
            tracing::event!(tracing::Level::$level, $($text)+);
        } else {
            $crate::actor::write_line(format_args!($($text)+));
        }
    }};
}
pub(crate) use notice;

/// Writes a line that names its actor. Control characters are escaped, so that it stays one line.
pub(crate) fn write_line(text: fmt::Arguments<'_>) {
    let pid = std::process::id();
    let who =
        try_current_actor().map_or_else(|_| format!("{pid}"), |actor| format!("{}, {pid}", actor.uid()));
    let line = format!("tractor ({who}): {}\n", Escaped(&text.to_string()));
    // In one write, because other processes write there, too. A failure cannot be reported anywhere.
    _ = std::io::stderr().write_all(line.as_bytes());
}
