//! The cost of names: a lookup compared with a call, and a registrar with few rows compared with one with many. The
//! test prints figures, and asserts nothing about time.
//!
//! ```text
//! cargo test --release --test wire -- --ignored --nocapture registry_cost
//! ```

use std::fs;
use std::time::{Duration, Instant};

use tractor::{ActorOptions, Limits, Result};

use crate::registry_hostile::shown::runs;
use crate::registry_hostile::{Program, add_rows, free_port};
use crate::wire_support::registry::Scratch;

/// Repetitions of each operation.
const LAPS: usize = 2_000;

/// CPU time of all threads of a process.
pub(crate) fn cpu(pid: u32) -> Duration {
    let tasks = fs::read_dir(format!("/proc/{pid}/task")).expect("it runs");
    let nanos = tasks.filter_map(|task| {
        let stat = fs::read_to_string(task.ok()?.path().join("schedstat")).ok()?;
        stat.split(' ').next()?.parse::<u64>().ok()
    });
    Duration::from_nanos(nanos.sum())
}

/// Median time by the clock, and CPU time of both processes together, of one lap; in microseconds.
async fn measure(registrar: u32, lap: impl AsyncFn() -> Result<()>) -> Result<(f64, f64)> {
    for _ in 0..LAPS / 10 {
        lap().await?;
    }
    let both = || cpu(registrar) + cpu(std::process::id());
    let (before, mut all) = (both(), Vec::with_capacity(LAPS));
    for _ in 0..LAPS {
        let begun = Instant::now();
        lap().await?;
        all.push(begun.elapsed());
    }
    let used = both() - before;
    all.sort();
    let micros = |time: Duration| time.as_secs_f64() * 1e6;
    Ok((micros(all[LAPS / 2]), micros(used) / LAPS as f64))
}

#[expect(clippy::print_stdout, reason = "the figures of a test")]
async fn with_rows(rows: usize) {
    let scratch = Scratch::new(&format!("cost-{rows}"));
    let (uds, tcp) = (scratch.addr("r"), free_port().await);
    let program = Program::start(&uds, &tcp, rows + Limits::default().registry_rows_max, false).await;
    add_rows(&uds, "row", rows).await;
    let options = ActorOptions::new().name("asks").registry(uds.clone());
    let scope = tractor::open_root_actor(options, async |_| -> Result<()> {
        let pid = program.pid();
        let mut figures = Vec::new();
        let call = async |portal: &tractor::Portal| portal.run(runs()).await.map(drop);
        let found = async || tractor::find_actor("registrar", call).await;
        let anew = async || -> Result<()> {
            let addr = tractor::query_actor("registrar").await?.expect("it is registered");
            tractor::connect(&addr, call).await
        };
        tractor::connect(&uds, async |portal| -> Result<()> {
            figures.push(("a call", measure(pid, async || call(portal).await).await?));
            Ok(())
        })
        .await?;
        figures.push(("a lookup over an open connection, and a call", measure(pid, found).await?));
        figures.push((
            "asked for",
            measure(pid, async || tractor::query_actor("registrar").await.map(drop)).await?,
        ));
        figures.push(("a query, a new connection, and a call", measure(pid, anew).await?));
        let missing = async || tractor::query_actor("nobody").await.map(drop);
        figures.push(("a lookup of an unknown name", measure(pid, missing).await?));
        let (_, (call, call_cpu)) = figures[0];
        for (what, (clock, cpu)) in figures {
            println!(
                "{rows:>7} rows: {what:<48} {clock:>7.1} us, {cpu:>7.1} us of CPU: {:.2} and {:.2} of a call",
                clock / call,
                cpu / call_cpu
            );
        }
        Ok(())
    });
    scope.await.expect("it ends well");
}

#[tokio::test]
#[ignore = "prints figures; run it by its name, in a release build"]
async fn names_cost_little_beside_calls_however_many_there_are() {
    for rows in [10, 1_000, 100_000] {
        with_rows(rows).await;
    }
}
