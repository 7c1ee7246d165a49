//! A batch with many failures: some tasks hang, panic, exit, abort or use up all memory; most succeed.
//!
//! Each task has one named outcome: a result, a panic with its place, an exit code, a signal, a deadline. At worst a
//! task ends its worker, which is replaced; no other task is affected.
//!
//! Run it with `cargo run --release --example batch`.

#![allow(clippy::print_stdout, reason = "printing is what an example is for")]

mod tasks;

use std::collections::BTreeMap;
use std::thread::available_parallelism;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use tasks::{Kind, task};
use tractor::error::RemoteKind;
use tractor::{Error, PoolOptions, StartActor, Stdio};

const TASKS: u32 = 500;
/// Much longer than a working task needs.
const DEADLINE: Duration = Duration::from_millis(500);
const MEMORY_BYTES: u64 = 512 << 20;
/// The most time that starting and replacing workers, and this program itself, may take.
const TIME_MAX: f64 = 1.3;

/// The outcome of a task in a few words, and the time that it took if it succeeded.
fn name(outcome: tractor::Result<Duration>) -> (String, Duration) {
    let error = match outcome {
        Ok(took) => return ("a result".to_owned(), took),
        Err(error) => error,
    };
    let name = match &error {
        Error::DeadlineExceeded(late) => format!("a deadline of {:?}", late.budget()),
        Error::Remote(remote) if remote.kind() == RemoteKind::Panic => {
            format!("a panic at {}", remote.trace())
        }
        Error::Died(died) => match died.code() {
            Some(code) => format!("exit code {code}"),
            // The text names the signal and the limits; a process that is out of memory has reported that before.
            None => {
                let text = error.to_string();
                let how = text.split_once("died: ").map_or("", |(_, how)| how);
                let how = how.split("; its last lines").next().unwrap_or_default();
                let why = died.last_lines().iter().find(|line| line.starts_with("memory allocation"));
                why.map_or(how.to_owned(), |why| format!("{how}: {why}"))
            }
        },
        other => other.to_string(),
    };
    (name, Duration::ZERO)
}

#[tractor::main]
async fn main() -> tractor::Result<()> {
    let workers = available_parallelism().map_or(1, usize::from);
    let style = ProgressStyle::with_template("{bar:40} {pos}/{len}, {msg}").expect("it is well formed");
    let bar = ProgressBar::new(TASKS.into()).with_style(style); // hidden unless standard error is a terminal
    let begun = Instant::now();
    let mut names: BTreeMap<(Kind, String), u32> = BTreeMap::new();
    let mut work = Duration::ZERO;
    let set_up = |worker: StartActor| {
        // The place of a panic is enough: resolving the names of its stack takes longer than the task's deadline.
        worker.expose(task).memory_max(MEMORY_BYTES).stderr(Stdio::Captured).env("RUST_BACKTRACE", "0")
    };
    tractor::open_pool(PoolOptions::new().workers(workers), set_up, async |pool| -> tractor::Result<()> {
        let kinds = (0..TASKS).map(Kind::of);
        let mut outcomes = pool.deadline(DEADLINE).map(kinds.map(task));
        while let Some((number, outcome)) = outcomes.next().await {
            let (name, took) = name(outcome);
            *names.entry((Kind::of(number as u32), name)).or_default() += 1;
            work += took;
            let progress = *pool.progress().borrow();
            bar.set_position(progress.done + progress.failed);
            bar.set_message(format!("{} failed, {} in flight", progress.failed, progress.in_flight));
        }
        Ok(())
    })
    .await?;
    bar.finish_and_clear();
    report(&names, work, begun.elapsed(), workers);
    Ok(())
}

/// Prints all outcomes, and fails unless each task has the outcome of its kind.
fn report(names: &BTreeMap<(Kind, String), u32>, work: Duration, took: Duration, workers: usize) {
    for ((kind, name), count) in names {
        println!("{count:>4} that {kind:<6} ended with {name}");
        assert!(
            name.contains(kind.outcome()),
            "a task that {kind} should have ended with {}",
            kind.outcome()
        );
    }
    for kind in Kind::ALL {
        let count: u32 = names.iter().filter(|((of, _), _)| *of == kind).map(|(_, count)| count).sum();
        assert_eq!(count as usize, (0..TASKS).filter(|number| Kind::of(*number) == kind).count(), "{kind}");
    }
    let hung = (0..TASKS).filter(|number| Kind::of(*number) == Kind::Hangs).count() as u32;
    let least = (work + hung * DEADLINE) / workers as u32;
    let times = took.as_secs_f64() / least.as_secs_f64();
    println!(
        "{took:.2?} for {work:.2?} of work and {hung} deadlines, by {workers} workers: {least:.2?} x {times:.2}"
    );
    assert!(times <= TIME_MAX, "it should have taken at most {TIME_MAX} times as long");
}
