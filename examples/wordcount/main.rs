//! Counts words with one worker process per core, even if a worker is killed.
//!
//! The root reads the files and cuts them into chunks; a pool of workers counts each chunk, and the root adds up the
//! counts. A chunk whose worker dies is counted again, so a death costs only time. The result always equals that of a
//! single process; `--verify` compares the two.
//!
//! ```sh
//! cargo run --release --example wordcount                         # this folder
//! cargo run --release --example wordcount -- --kill-one --verify ~/texts
//! ```

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "this is a program for a terminal")]

mod chunks;
mod count;
mod files;
mod pool;

use std::path::PathBuf;
use std::thread::available_parallelism;
use std::time::{Duration, Instant};

use chunks::Chunks;
use clap::Parser;
use count::Totals;
use files::TextFiles;
use indicatif::ProgressBar;

/// In smaller chunks, the counts would take too much of the time: they grow slower than the text.
const CHUNK_KIB_MIN: u64 = 1024;
/// A chunk must fit into a message.
const CHUNK_KIB_MAX: u64 = 8 * 1024;
/// Chunks are so small that every worker gets about this many.
const CHUNKS_PER_WORKER: u64 = 16;

/// Counts words: letters and digits in a row, in any script, without regard to case.
#[derive(Debug, Parser)]
struct Args {
    /// Files, and folders to search for text files.
    #[arg(default_value = ".")]
    paths: Vec<PathBuf>,
    /// Worker processes; one per core when not set.
    #[arg(long)]
    workers: Option<usize>,
    /// Count in this process instead, one chunk after the other.
    #[arg(long)]
    single_process: bool,
    /// Kill a worker half-way through.
    #[arg(long, conflicts_with = "single_process")]
    kill_one: bool,
    /// Count again in this process, and fail unless the results are equal.
    #[arg(long, conflicts_with = "single_process")]
    verify: bool,
    /// How many of the most frequent words to show.
    #[arg(long, default_value_t = 10)]
    top: usize,
    /// Size of the chunks; when not set, a small part of a worker's share.
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..=CHUNK_KIB_MAX))]
    chunk_kib: Option<u64>,
}

#[tractor::main]
async fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    let files = TextFiles::find(&args.paths)?;
    let workers = args.workers.unwrap_or(available_parallelism()?.get()).max(1);
    let share_kib = files.bytes / 1024 / (workers as u64 * CHUNKS_PER_WORKER);
    let chunk_kib = args.chunk_kib.unwrap_or(share_kib.clamp(CHUNK_KIB_MIN, CHUNK_KIB_MAX));
    let chunks = || Chunks::new(files.paths.clone(), chunk_kib as usize * 1024);

    let start = Instant::now();
    let totals = if args.single_process {
        count_here(chunks())?
    } else {
        let bar = ProgressBar::new(files.bytes); // hidden unless standard error is a terminal
        let kill_at = args.kill_one.then_some(files.bytes / 2);
        let totals = pool::count_all(chunks(), workers, kill_at, &bar).await?;
        bar.finish_and_clear();
        totals
    };
    report(&totals, start.elapsed(), args.top);
    println!("{:>14} files skipped: binary, or not readable", files.skipped);

    if args.verify {
        let start = Instant::now();
        let expected = count_here(chunks())?;
        anyhow::ensure!(totals == expected, "the workers' totals differ from those of a single process");
        println!("verified: a single process gets the same totals, in {:.2?}", start.elapsed());
    }
    Ok(())
}

fn count_here(chunks: Chunks) -> std::io::Result<Totals> {
    let mut totals = Totals::default();
    for chunk in chunks {
        totals.add(count::count(chunk?));
    }
    Ok(totals)
}

fn report(totals: &Totals, took: Duration, top: usize) {
    let rate = totals.bytes as f64 / 1e6 / took.as_secs_f64();
    for (word, count) in totals.top(top) {
        println!("{count:>14} {word}");
    }
    println!("{:>14} words", totals.words());
    println!("{:>14} distinct words", totals.distinct());
    println!("{:>14} bytes", totals.bytes);
    println!("{:>14} files", totals.files);
    println!("{:>14} seconds, {rate:.0} MB/s", format!("{:.3}", took.as_secs_f64()));
}
