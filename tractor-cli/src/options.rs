//! The command line, and the code shared by all commands.

use std::fmt::Write as _;
use std::io::Write as _;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Parser, Subcommand};
use serde_json::Value as Json;
use tokio::runtime::Builder;
use tractor_core::proto::addr::Addr;
use tractor_core::proto::limits::Timeouts;
use tractor_core::{ActorOptions, DynCall, default_registry, open_root_actor, shutdown_signal};

use crate::exit::{Failure, Kind};
use crate::reach::ANSWER;
use crate::{call, cancel, ps, tree};

/// Looks at running trees of tractor actors, calls their endpoints, and ends actors.
#[derive(Debug, Parser)]
#[command(name = "tractor", version, after_help = concat!("Exit codes:\n", include_str!("exit_codes.txt")))]
struct Options {
    /// Address of the registry, such as /unix/run/user/1000/tractor/registry@1616.sock or /ip4/127.0.0.1/tcp/1616.
    /// By default the registry of this user.
    #[arg(long, global = true, value_name = "ADDR")]
    registry: Option<Addr>,
    /// Prints JSON.
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Lists the registered actors: name, uuid, process, addresses, uptime and memory.
    Ps,
    /// Shows the tree of actors, and the open dialogs.
    Tree,
    /// Runs an endpoint and prints its result.
    Call(call::Options),
    /// Asks an actor to end, and waits until its tasks have ended.
    Cancel(cancel::Options),
}

/// The registry that a command asks, and the format of its output.
#[derive(Debug)]
pub(crate) struct Asking {
    pub(crate) registry: Addr,
    pub(crate) json: bool,
}

/// Runs the command line of this process.
pub fn run() -> ExitCode {
    let Options { registry, json, command } = Options::parse();
    let runtime = Builder::new_current_thread().enable_all().build();
    let outcome = match (runtime, registry.map_or_else(default_registry, Ok)) {
        (Ok(runtime), Ok(registry)) => runtime.block_on(ask(Asking { registry, json }, command)),
        (Err(error), _) => Err(Failure::new(Kind::Failed, error.to_string())),
        (_, Err(error)) => Err(Failure::new(Kind::Usage, error.to_string())),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            if json {
                print(&failure.to_json().to_string());
            } else {
                // An error here means that standard error is closed.
                _ = writeln!(std::io::stderr(), "tractor: {}", failure.text);
            }
            ExitCode::from(failure.kind as u8)
        }
    }
}

/// Runs a command in a root actor that listens nowhere and has no registry.
async fn ask(asking: Asking, command: Command) -> Result<(), Failure> {
    let timeouts = Timeouts::default().handshake(ANSWER);
    let root = ActorOptions::new().name("tractor-cli").unproved().timeouts(timeouts);
    // This must come before the actor starts: a root removes dead sockets.
    crate::reach::knock_at_registry(&asking.registry).await?;
    open_root_actor(root, async |_| {
        let command = async {
            match command {
                Command::Ps => ps::run(&asking).await,
                Command::Tree => tree::run(&asking).await,
                Command::Call(options) => call::run(&asking, options).await,
                Command::Cancel(options) => cancel::run(&asking, options).await,
            }
        };
        tokio::select! {
            biased;
            done = command => done,
            signal = shutdown_signal() => {
                Err(Failure::new(Kind::Interrupted, format!("interrupted by signal {signal}")))
            }
        }
    })
    .await
}

/// Prints a line on standard output. An error is ignored: the reader has stopped reading.
pub(crate) fn print(line: &str) {
    _ = writeln!(std::io::stdout(), "{line}");
}

/// The arguments of a call: an object.
pub(crate) fn object(text: &str) -> Result<Json, String> {
    match serde_json::from_str(text) {
        Ok(object @ Json::Object(_)) => Ok(object),
        Ok(other) => {
            Err(format!("`{other}` is not a JSON object: write arguments by name, as in '{{\"a\": 1}}'"))
        }
        Err(error) => Err(format!("not JSON: {error}")),
    }
}

pub(crate) fn any_json(text: &str) -> Result<Json, String> {
    serde_json::from_str(text).map_err(|error| format!("not JSON: {error}"))
}

pub(crate) fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text.parse().map_err(|_| format!("`{text}` is not a number of seconds"))?;
    Duration::try_from_secs_f64(seconds).map_err(|error| error.to_string())
}

pub(crate) fn endpoint(text: &str) -> Result<DynCall, String> {
    text.parse().map_err(|error: tractor_core::Error| error.to_string())
}

/// Lines with aligned columns; the last column is not padded.
pub(crate) fn table(rows: &[Vec<String>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |at: usize| rows.iter().filter_map(|row| row.get(at)).map(|cell| cell.chars().count()).max();
    let widths: Vec<_> = (0..columns).map(|at| width(at).unwrap_or(0)).collect();
    let mut text = String::new();
    for row in rows {
        let mut line = String::new();
        for (cell, width) in row.iter().zip(&widths) {
            _ = write!(line, "{cell:width$}  ");
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text.truncate(text.trim_end().len());
    text
}
