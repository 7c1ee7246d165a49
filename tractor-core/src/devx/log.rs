//! A ready-made subscriber for the runtime's `tracing` events.
//!
//! Every line has the same header: time, `(actor name[first of its uuid], process, task[dialog])`, level, target, and
//! then the message with its fields, control characters escaped:
//!
//! ```text
//! 12:01:07.123 (worker[3fd3a0], 4711, jobs:square[d7]) [WARN ] jobs: n is large
//! ```
//!
//! It writes to standard error.

use std::fmt;
use std::io::IsTerminal;
use std::str::FromStr;
use std::sync::OnceLock;
use std::time::{SystemTime, UNIX_EPOCH};

use tracing::{Event, Level, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::LookupSpan;

use crate::actor::{notice, task_label};
use crate::net::env;
use crate::proto::id::Escaped;

/// Environment variable with a filter that overrides the program's.
pub const LEVEL_ENV: &str = "TRACTOR_LOGLEVEL";

static FILTER: OnceLock<String> = OnceLock::new();

/// A log filter that cannot be read.
#[derive(Debug, thiserror::Error)]
#[error(
    "log filter `{filter}`: write a level (`error`, `warn`, `info`, `debug`, `trace`, `off`) or `target=level,..`"
)]
pub struct FilterError {
    filter: String,
    #[source]
    source: tracing_subscriber::filter::ParseError,
}

/// Prints the events of this program and of the actors it starts to standard error.
///
/// The filter is a level (`info`) or a list (`my_crate=debug,warn`). The environment variable `TRACTOR_LOGLEVEL`
/// overrides it. If another subscriber is installed already, this changes nothing.
///
/// # Errors
/// The filter cannot be read.
pub fn init(filter: &str) -> Result<(), FilterError> {
    let filter = filter_of_user().unwrap_or_else(|| filter.to_owned());
    let targets =
        Targets::from_str(&filter).map_err(|source| FilterError { filter: filter.clone(), source })?;
    let colours = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    let lines = tracing_subscriber::fmt::layer()
        .event_format(Lines)
        .with_ansi(colours)
        .with_writer(std::io::stderr)
        .with_filter(targets);
    let installed = tracing::subscriber::set_global_default(tracing_subscriber::registry().with(lines));
    if installed.is_ok() {
        FILTER.get_or_init(|| filter);
    }
    Ok(())
}

pub(super) fn current_filter() -> String {
    FILTER.get().cloned().unwrap_or_else(|| filter_of_user().unwrap_or_default())
}

fn filter_of_user() -> Option<String> {
    env(LEVEL_ENV)?.into_string().ok()
}

pub(super) fn init_child(filter: &str) {
    if filter.is_empty() {
        return;
    }
    if let Err(error) = init(filter) {
        notice!(ERROR, "{error}");
    }
}

pub(super) fn init_root() {
    if !tracing::dispatcher::has_been_set() {
        init_child(&filter_of_user().unwrap_or_default());
    }
}

/// The line format: the header first.
struct Lines;

impl<S, N> FormatEvent<S, N> for Lines
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        ctx: &FmtContext<'_, S, N>,
        mut out: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let (day, millis) = (since.as_secs() % 86_400, since.subsec_millis());
        write!(out, "{:02}:{:02}:{:02}.{millis:03} ", day / 3600, day / 60 % 60, day % 60)?;
        let pid = std::process::id();
        let header = task_label(|actor, task| {
            let name = format!("{}, {pid}", actor.uid());
            match task {
                Some((endpoint, cid)) => format!("({name}, {endpoint}[{cid}])"),
                None => format!("({name}, main)"),
            }
        });
        out.write_str(&header.unwrap_or_else(|| format!("(no actor, {pid})")))?;
        let meta = event.metadata();
        let (open, close) =
            if out.has_ansi_escapes() { (colour(*meta.level()), "\x1b[0m") } else { ("", "") };
        write!(out, " {open}[{:<5}]{close} {}: ", meta.level(), meta.target())?;
        let mut one_line = OneLine(out.by_ref());
        ctx.field_format().format_fields(Writer::new(&mut one_line), event)?;
        writeln!(out)
    }
}

/// Escapes control characters, so that every event is one line.
struct OneLine<'a>(Writer<'a>);

impl fmt::Write for OneLine<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        write!(self.0, "{}", Escaped(text))
    }
}

fn colour(level: Level) -> &'static str {
    match level {
        Level::ERROR => "\x1b[31m",
        Level::WARN => "\x1b[33m",
        Level::INFO => "\x1b[32m",
        _ => "\x1b[2m",
    }
}
