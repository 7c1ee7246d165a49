//! Warnings that reach the user of a program in which nobody has set up a log.
//!
//! They are few: a child is restarted, or signalled by the ladder; a peer is refused; a scope waits; a thread is left
//! behind; a second tree begins by mistake; `TRACTOR_LOGLEVEL` cannot be read. Everything else is for subscribers
//! alone.

use std::fmt;
use std::io::Write;

use super::try_current_actor;
use crate::proto::id::Escaped;

/// Logs an event, or writes it to standard error where no subscriber was ever set.
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

/// Writes a line that says who writes it. Control characters are escaped: the line stays one.
pub(crate) fn write_line(text: fmt::Arguments<'_>) {
    let pid = std::process::id();
    let who =
        try_current_actor().map_or_else(|_| format!("{pid}"), |actor| format!("{}, {pid}", actor.uid()));
    let line = format!("tractor ({who}): {}\n", Escaped(&text.to_string()));
    // In one piece, as other processes write there, too. Nobody is left to be told of a failure.
    _ = std::io::stderr().write_all(line.as_bytes());
}
