//! Counts the instructions and allocations of a value, a call and 64 KiB at both ends together. Fails if they are more
//! than the recorded ones.
//!
//! ```text
//! cargo bench --bench counts                  # compares with what was recorded
//! cargo bench --bench counts -- --record      # writes it
//! ```
//!
//! Both actors are in this process, on one thread, with a Unix socket between them, so the counts do not depend on the
//! load of the machine. The allocator counts allocations. valgrind counts instructions, without those of the kernel, if
//! it is installed. The work is done in two amounts, and the difference is divided, so that fixed costs cancel out.
//!
//! # Not here
//! Times, and comparisons with other libraries: see the package in this folder.

#![expect(clippy::print_stdout, reason = "a program that reports")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::fmt::Write as _;
use std::pin::Pin;
use std::process::{Command, ExitCode, Stdio};
use std::{env, fs};

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use tokio::task::JoinSet;
use tractor::prelude::*;
use tractor::{ActorOptions, Result};

/// The recorded counts, which the guide includes.
const RECORD: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src/guide/performance/counts.md");
const VALGRIND: &str = "valgrind";
/// The allowed increase of instructions: three times the difference between two runs.
const TOLERANCE: f64 = 0.01;
/// The allowed increase for large payloads, which the kernel splits differently in each run. Two runs differ by up to a
/// tenth; one more copy of each payload adds a quarter.
const TOLERANCE_LARGE: f64 = 0.15;
/// The rounding error of recorded allocations, which have one decimal digit.
const ROUNDED: f64 = 0.06;
/// The two amounts, in units of the work.
const AMOUNTS: [u64; 2] = [20, 60];
/// Concurrent calls.
const IN_FLIGHT: u64 = 64;
const LARGE_BYTES: usize = 64 * 1024;
/// First argument of a process that does some work and prints its allocations.
const DO: &str = "--do";

/// Work whose cost is counted.
struct Work {
    name: &'static str,
    /// Operations per unit.
    unit: u64,
    tolerance: f64,
    run: fn(Portal, u64) -> Running,
}

type Running = Pin<Box<dyn Future<Output = Result<()>>>>;

const WORKS: &[Work] = &[
    Work {
        name: "a value of a stream",
        unit: 640,
        tolerance: TOLERANCE,
        run: |portal, count| Box::pin(take_ticks(portal, count)),
    },
    Work {
        name: "a call",
        unit: 32,
        tolerance: TOLERANCE,
        run: |portal, count| Box::pin(call(portal, count)),
    },
    Work {
        name: "one of 64 calls at once",
        unit: 320,
        tolerance: TOLERANCE,
        run: |portal, count| Box::pin(call_at_once(portal, count)),
    },
    Work {
        name: "64 KiB streamed, made afresh",
        unit: 16,
        tolerance: TOLERANCE_LARGE,
        run: |portal, count| Box::pin(take_blobs(portal, count)),
    },
    Work {
        name: "64 KiB as an argument",
        unit: 16,
        tolerance: TOLERANCE_LARGE,
        run: |portal, count| Box::pin(pass_blobs(portal, count)),
    },
];

// ---- The work ----

#[derive(Debug, Serialize, Deserialize)]
struct Tick {
    seq: u64,
    px: f64,
    sym: String,
}

#[tractor::actor_fn]
async fn add_one(value: u64) -> u64 {
    value + 1
}

#[tractor::actor_fn]
async fn size(data: Bytes) -> usize {
    data.len()
}

#[tractor::stream]
async fn ticks(out: StreamSender<Tick>, count: u64) -> Result<()> {
    for seq in 0..count {
        out.send(Tick { seq, px: 101.25, sym: "TRACTOR1".to_owned() }).await?;
    }
    Ok(())
}

#[tractor::stream]
async fn blobs(out: StreamSender<Bytes>, count: u64) -> Result<()> {
    for _ in 0..count {
        out.send(Bytes::from(vec![7; LARGE_BYTES])).await?;
    }
    Ok(())
}

async fn take_ticks(portal: Portal, count: u64) -> Result<()> {
    portal
        .open_stream_from(ticks(count), async |mut stream| {
            for seq in 0..count {
                assert!(stream.receive().await?.is_some_and(|tick| tick.seq == seq && tick.px > 1.0));
            }
            Ok(())
        })
        .await
}

async fn call(portal: Portal, count: u64) -> Result<()> {
    for value in 0..count {
        assert_eq!(portal.run(add_one(value)).await?, value + 1);
    }
    Ok(())
}

async fn call_at_once(portal: Portal, count: u64) -> Result<()> {
    let mut callers = JoinSet::new();
    for _ in 0..IN_FLIGHT {
        callers.spawn(call(portal.clone(), count / IN_FLIGHT));
    }
    while let Some(ended) = callers.join_next().await {
        ended.expect("callers do not panic")?;
    }
    Ok(())
}

async fn take_blobs(portal: Portal, count: u64) -> Result<()> {
    portal
        .open_stream_from(blobs(count), async |mut stream| {
            for _ in 0..count {
                assert!(stream.receive().await?.is_some_and(|blob| blob.len() == LARGE_BYTES));
            }
            Ok(())
        })
        .await
}

async fn pass_blobs(portal: Portal, count: u64) -> Result<()> {
    let blob = Bytes::from(vec![7; LARGE_BYTES]);
    for _ in 0..count {
        assert_eq!(portal.run(size(blob.clone())).await?, LARGE_BYTES);
    }
    Ok(())
}

/// Does this amount of the work over a Unix socket between two actors of this process. Returns the allocations.
fn work(work: &Work, units: u64) -> Result<u64> {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime can be built");
    let addr = tractor::socket_addr("counts")?;
    let server = ActorOptions::new().name("counts").bind(addr.clone()).enable_module(module_path!());
    runtime.block_on(async {
        let (over, is_over) = tokio::sync::oneshot::channel::<()>();
        let (up, is_up) = tokio::sync::oneshot::channel::<()>();
        let served = tractor::open_root_actor(server, async |_| {
            _ = up.send(());
            _ = is_over.await;
            Ok::<(), tractor::Error>(())
        });
        let asked = async {
            is_up.await.expect("the server is up");
            let before = ALLOCATIONS.get();
            tractor::open_root_actor(ActorOptions::new().name("asks"), async |_| {
                tractor::connect(&addr, async |portal| (work.run)(portal.clone(), work.unit * units).await)
                    .await
            })
            .await?;
            _ = over.send(());
            Ok::<u64, tractor::Error>(ALLOCATIONS.get() - before)
        };
        let (served, asked) = tokio::join!(served, asked);
        served?;
        asked
    })
}

// ---- Counting ----

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

struct Counting;

#[global_allocator]
static COUNTING: Counting = Counting;

// SAFETY: every method calls that of the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.set(ALLOCATIONS.get() + 1);
        // SAFETY: the caller keeps to the contract of this function.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, bytes: usize) -> *mut u8 {
        ALLOCATIONS.set(ALLOCATIONS.get() + 1);
        // SAFETY: as above.
        unsafe { System.realloc(pointer, layout, bytes) }
    }
}

// ---- Comparing ----

/// The cost of one operation. Without valgrind there are no instructions.
struct Cost {
    instructions: Option<f64>,
    allocations: f64,
}

fn measure(work: &Work, has_valgrind: bool) -> Cost {
    let [few, many] = AMOUNTS.map(|units| {
        let allocations = output(Command::new(this()).args([DO, work.name, &units.to_string()])).0;
        (
            allocations.trim().parse::<f64>().expect("a number"),
            has_valgrind.then(|| instructions(work, units)),
        )
    });
    let operations = (work.unit * (AMOUNTS[1] - AMOUNTS[0])) as f64;
    let instructions = many.1.zip(few.1).map(|(many, few)| (many - few) / operations);
    Cost { instructions, allocations: (many.0 - few.0) / operations }
}

fn instructions(work: &Work, units: u64) -> f64 {
    let mut valgrind = Command::new(VALGRIND);
    valgrind.args(["--tool=cachegrind", "--cache-sim=no", "--cachegrind-out-file=/dev/null"]);
    let report = output(valgrind.arg(this()).args([DO, work.name, &units.to_string()])).1;
    let total =
        report.lines().find_map(|line| line.split_once("refs:")).expect("valgrind prints the total").1;
    total.trim().replace(',', "").parse().expect("a number")
}

fn this() -> std::path::PathBuf {
    env::current_exe().expect("the path is known")
}

/// The output of a command on both of its streams.
fn output(command: &mut Command) -> (String, String) {
    let output = command.stdin(Stdio::null()).output().expect("the program can be started");
    let (out, err) = (output.stdout, output.stderr);
    let (out, err) = (String::from_utf8_lossy(&out).into_owned(), String::from_utf8_lossy(&err).into_owned());
    assert!(output.status.success(), "{command:?} failed: {err}");
    (out, err)
}

fn compiler() -> String {
    let rustc = env::var("RUSTC").unwrap_or_else(|_| "rustc".into());
    output(Command::new(rustc).arg("--version")).0.trim().to_owned()
}

fn head(compiler: &str) -> String {
    format!(
        "At both ends together, without the kernel's part; `{compiler}`, {}.\n\n| cost of | instructions | allocations \
         |\n| --- | --- | --- |\n",
        env::consts::ARCH
    )
}

/// The recorded instructions and allocations.
fn recorded(record: &str, name: &str) -> Option<(f64, f64)> {
    let row = record.lines().find_map(|line| line.strip_prefix(&format!("| {name} | ")))?;
    let (instructions, allocations) = row.strip_suffix(" |")?.split_once(" | ")?;
    Some((instructions.parse().ok()?, allocations.parse().ok()?))
}

fn main() -> ExitCode {
    tractor::init();
    let args: Vec<String> = env::args().skip(1).collect();
    if let [flag, name, units] = &args[..]
        && flag == DO
    {
        let found = WORKS.iter().find(|work| work.name == name).expect("the name is one of `WORKS`");
        let allocations = work(found, units.parse().expect("a number")).expect("the work succeeds");
        println!("{allocations}");
        return ExitCode::SUCCESS;
    }
    let compiler = compiler();
    let has_valgrind =
        Command::new(VALGRIND).arg("--version").output().is_ok_and(|output| output.status.success());
    if args.iter().any(|arg| arg == "--record") {
        record(&compiler, has_valgrind)
    } else {
        compare(&compiler, has_valgrind)
    }
}

fn record(compiler: &str, has_valgrind: bool) -> ExitCode {
    if !has_valgrind {
        println!("valgrind is not installed, so instructions cannot be counted");
        return ExitCode::FAILURE;
    }
    let mut text = head(compiler);
    for work in WORKS {
        let Cost { instructions, allocations } = measure(work, true);
        let instructions = instructions.expect("valgrind counts them");
        _ = writeln!(text, "| {} | {instructions:.0} | {allocations:.1} |", work.name);
    }
    fs::write(RECORD, &text).expect("the record can be written");
    print!("{text}");
    ExitCode::SUCCESS
}

fn compare(compiler: &str, has_valgrind: bool) -> ExitCode {
    let record = fs::read_to_string(RECORD).expect("there is a record");
    let is_same = record.starts_with(&head(compiler));
    if !has_valgrind {
        println!("skipped: valgrind is not installed, so instructions are not counted");
    } else if !is_same {
        println!("skipped: the record is of another compiler or machine, so instructions are not compared");
    }
    let mut is_good = true;
    for work in WORKS {
        let Some(before) = recorded(&record, work.name) else {
            println!("{}: not recorded", work.name);
            is_good = false;
            continue;
        };
        let now = measure(work, has_valgrind && is_same);
        let mut verdict = |what: &str, before: f64, now: f64, most: f64, least: f64| {
            let verdict = match now {
                _ if now > most => "MORE",
                _ if now < least => "less, to be recorded",
                _ => "ok",
            };
            is_good &= now <= most;
            println!("{}: {before} {what} recorded, {now:.1} now: {verdict}", work.name);
        };
        let spread = ROUNDED.max(before.1 * work.tolerance);
        verdict("allocations", before.1, now.allocations, before.1 + spread, before.1 - spread);
        if let Some(instructions) = now.instructions {
            let (most, least) = (before.0 * (1.0 + work.tolerance), before.0 * (1.0 - work.tolerance));
            verdict("instructions", before.0, instructions, most, least);
        }
    }
    if is_good {
        return ExitCode::SUCCESS;
    }
    println!("if the higher costs are worth it, record them: `cargo bench --bench counts -- --record`");
    ExitCode::FAILURE
}
