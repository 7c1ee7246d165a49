//! Prints one Markdown report: `tractor` beside the raw sockets it runs on, measured in one run on one machine.
//!
//! ```text
//! cargo run --release --manifest-path benches/Cargo.toml --bin report
//! cargo run --release --manifest-path benches/Cargo.toml --bin report -- --pinned --rounds 2 --filter ticks
//! ```
//!
//! Every sample is taken by a fresh process (this binary, re-executed), which starts the peer process itself. Rounds
//! are interleaved: each round takes every measurement once, so that a slow minute of the machine hurts all alike.
//!
//! | flag | meaning |
//! | --- | --- |
//! | `--pinned` | both processes of a measurement on one CPU, only |
//! | `--free` | the scheduler places them, only |
//! | `--rounds N` | samples per measurement (4) |
//! | `--filter TEXT` | only measurements whose id contains the text |
//! | `--quick` | a twentieth of the work, to see that everything runs |
//!
//! # Not here
//! Micro-benchmarks of single functions, and peers (other RPC libraries).

mod cpu;
mod frame;
mod link;
mod measure;
mod ours;
mod raw;
mod report;

use std::process::ExitCode;

fn main() -> ExitCode {
    tractor::init();
    let args: Vec<String> = std::env::args().skip(1).collect();
    let outcome = match args.first().map(String::as_str) {
        Some(link::PEER_FLAG) => link::peer_main(&args[1..]),
        Some(measure::SAMPLE_FLAG) => measure::sample_main(&args[1..]),
        _ => report::Options::parse(&args).and_then(|options| report::run(&options)),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("report: {error}");
            ExitCode::FAILURE
        }
    }
}
