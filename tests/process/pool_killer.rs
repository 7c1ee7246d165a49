//! A pool whose workers are killed at random: no task is lost, no task runs twice unless asked, and no dead worker gets
//! a task.
//!
//! A longer run: `TRACTOR_KILLER_SECS=30 cargo test --test process pool_killer -- --nocapture`.
//! `TRACTOR_KILLER_SEED=random` makes other choices, and a number instead of `random` repeats them.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use support::dice::{Dice, number, seed};
use support::processes::descendants;
use support::{Tree, tree_within};
use tokio::task::spawn_blocking;
use tractor::{ActorOptions, Error, Pool, PoolOptions, Result, open_pool};

const SEED: u64 = 0x6b69_6c6c;
/// The default duration of the test.
const SECS: u64 = 2;
const EVERY: Duration = Duration::from_millis(50);
const WORKERS: usize = 3;
/// The duration of a task: about the time between some kills.
const TASK_MS: u64 = 15;
const REPEATS: u32 = 2;

/// Writes its start and its process to a file, and takes a while.
#[tractor::actor_fn]
async fn works(path: PathBuf, task: u64) -> u64 {
    let mut file = OpenOptions::new().append(true).open(path).expect("the test has made it");
    let line = u128::from(task) << 64 | u128::from(std::process::id());
    file.write_all(&line.to_le_bytes()).expect("sixteen bytes at once");
    tokio::time::sleep(Duration::from_millis(TASK_MS)).await;
    task
}

/// The tasks that have begun, in their order, each with its process.
fn begun(path: &Path) -> Vec<(u64, i32)> {
    let lines = std::fs::read(path).expect("the test has made it");
    let lines = lines.chunks(16).map(|line| u128::from_le_bytes(line.try_into().expect("sixteen bytes")));
    lines.map(|line| ((line >> 64) as u64, line as i32)).collect()
}

/// A thread that kills workers that have begun a task, one after the other. Returns how many it has killed.
fn kills(tag: &str, path: &Path, dice: &mut Dice, until: Instant) -> u64 {
    let mut killed = 0;
    while Instant::now() < until {
        std::thread::sleep(EVERY);
        let alive = descendants(tag).into_iter().filter(|process| !process.is_zombie());
        let alive: BTreeSet<i32> = alive.map(|process| process.pid).collect();
        let at_work: BTreeSet<i32> = begun(path).into_iter().map(|(_, pid)| pid).collect();
        let pids: Vec<i32> = at_work.intersection(&alive).copied().collect();
        if !pids.is_empty() {
            let pid = Pid::from_raw(dice.one_of(&pids)).expect("a pid");
            killed += u64::from(kill_process(pid, Signal::KILL).is_ok());
        }
    }
    killed
}

/// Runs tasks until the time is over, and checks that each gets its own outcome. Returns the outcomes.
async fn outcomes(pool: &Pool, path: &Path, until: Instant) -> BTreeMap<u64, Result<()>> {
    let calls = (0..).take_while(|_| Instant::now() < until).map(|task| works(path.to_owned(), task));
    let mut results = pool.map(calls);
    let mut outcomes = BTreeMap::new();
    while let Some((number, outcome)) = results.next().await {
        let task = number as u64;
        let outcome = outcome.map(|answer| assert_eq!(answer, task, "the outcome of another task"));
        assert!(outcomes.insert(task, outcome).is_none(), "task {task} has two outcomes");
    }
    outcomes
}

async fn round(tree: &Tree, seed: u64, repeats: u32, time: Duration) -> Result<()> {
    let path = std::env::temp_dir().join(format!("tractor-killer-{}-{repeats}", std::process::id()));
    File::create(&path).expect("the temporary directory is writable");
    let root = ActorOptions::new().name(tree.name("k"));
    let (outcomes, killed) = open_pool(
        PoolOptions::new().workers(WORKERS).root(root),
        |worker| worker.enable_module(module_path!()),
        async |pool| -> Result<_> {
            let until = Instant::now() + time;
            // Without any retry each task that a dead worker gets is a failure.
            let pool = if repeats == 0 { pool.retry(0) } else { pool.repeat_interrupted(repeats) };
            let (tag, own_path, mut dice) = (tree.name("k"), path.clone(), Dice::new(seed));
            let killer = spawn_blocking(move || kills(&tag, &own_path, &mut dice, until));
            let outcomes = outcomes(&pool, &path, until).await;
            Ok((outcomes, killer.await.expect("it does not panic")))
        },
    )
    .await?;
    let mut times_of = BTreeMap::new();
    begun(&path).into_iter().for_each(|(task, _)| *times_of.entry(task).or_insert(0) += 1);
    std::fs::remove_file(&path).expect("the test owns it");

    let (mut done, mut died) = (0, 0);
    for (task, outcome) in &outcomes {
        let times = times_of.get(task).copied().unwrap_or(0);
        assert!(times <= 1 + repeats, "task {task} ran {times} times");
        match outcome {
            Ok(()) => {
                assert!(times >= 1, "task {task} has a value and has not run");
                done += 1;
            }
            Err(Error::Died(_)) => died += 1,
            Err(other) => panic!("task {task}: {other:?}"),
        }
    }
    assert!(outcomes.keys().copied().eq(0..outcomes.len() as u64), "a task was lost");
    assert!(times_of.keys().all(|task| outcomes.contains_key(task)), "an unknown task has run");
    let twice = times_of.values().filter(|times| **times > 1).count();
    let tasks = outcomes.len();
    say(&format!(
        "repeated {repeats} times: {tasks} tasks, {done} done, {died} interrupted, {twice} begun again; {killed} \
         kills in {time:?}"
    ));
    // If a dead worker got tasks, it would lose more than one.
    assert!(died + twice as u64 <= killed, "a dead worker got a task");
    assert!(done > 0 && killed > 0);
    Ok(())
}

#[tractor::test]
async fn with_killed_workers_each_task_has_one_outcome_and_runs_once() -> Result<()> {
    let secs = number("TRACTOR_KILLER_SECS").unwrap_or(SECS);
    let seed = seed("TRACTOR_KILLER_SEED", SEED);
    say(&format!("TRACTOR_KILLER_SEED={seed}"));
    tree_within(secs + 60, async |tree| {
        for repeats in [0, REPEATS] {
            round(tree, seed, repeats, Duration::from_secs(secs) / 2).await?;
        }
        Ok(())
    })
    .await
}

#[expect(clippy::print_stdout, reason = "the numbers of the long run, shown with --nocapture")]
fn say(text: &str) {
    println!("{text}");
}
