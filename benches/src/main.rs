//! Prints one Markdown report: `tractor` beside the raw sockets it runs on, tarpc and tonic, measured in one run.
//!
//! ```text
//! cargo run --release --manifest-path benches/Cargo.toml
//! cargo run --release --manifest-path benches/Cargo.toml -- --quick --only call
//! cargo run --release --manifest-path benches/Cargo.toml -- --into src/guide/performance
//! ```
//!
//! Every sample is taken by a fresh process (this binary, re-executed), which starts the other process itself. Rounds
//! are interleaved: each round takes every sample once, so that a slow minute of the machine affects all samples
//! equally.
//!
//! | flag | meaning |
//! | --- | --- |
//! | `--quick` | one round of short samples over Unix sockets: under three minutes |
//! | `--rounds N` | samples of each number (3) |
//! | `--only TEXT` | only samples whose name contains the text |
//! | `--into FOLDER` | writes tables and plots into files there, as the guide includes them |
//!
//! # Not here
//! Counts of instructions and allocations: `benches/counts.rs`.

mod cpu;
mod growth;
mod job;
mod meter;
mod ours;
mod peers;
mod plot;
mod raw;
mod report;
mod socket;
mod table;

use std::process::ExitCode;

fn main() -> ExitCode {
    tractor::init();
    let args: Vec<String> = std::env::args().skip(1).collect();
    let outcome = match args.first().map(String::as_str) {
        Some(socket::SERVE_FLAG) => peers::serve_main(&args[1..]),
        Some(socket::HELLO_FLAG) => raw::hello_main(),
        Some(job::SAMPLE_FLAG) => job::sample_main(&args[1..]),
        _ => report::Options::parse(&args).and_then(|options| report::run(&options)),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("report: {error:#}");
            ExitCode::FAILURE
        }
    }
}
