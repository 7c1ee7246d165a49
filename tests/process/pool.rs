//! Pools: tasks and their outcomes, and workers that die, hang or do not start.

use std::cell::Cell;
use std::panic::AssertUnwindSafe;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use futures_util::future::{join, join_all};
use futures_util::{FutureExt, StreamExt};
use serde::{Deserialize, Serialize};
use support::{Spoiled, Tree, forever, poll_once, spoiled, tree, until};
use tractor::error::RemoteKind;
use tractor::{
    ActorOptions, Addr, Error, Pool, PoolOptions, PoolProgress, Result, StartActor, Timeouts, open_pool,
};

#[tractor::actor_fn]
async fn square(n: u64) -> u64 {
    n * n
}

#[tractor::actor_fn]
async fn takes(ms: u64) -> u32 {
    tokio::time::sleep(Duration::from_millis(ms)).await;
    std::process::id()
}

/// Runs until a signal ends it.
#[tractor::actor_fn]
async fn hogs() {
    loop {
        std::thread::park();
    }
}

#[tractor::actor_fn]
async fn dies() {
    std::process::exit(7);
}

#[tractor::actor_fn]
async fn panics() {
    panic!("on purpose");
}

#[tractor::actor_fn]
async fn fails() -> std::result::Result<(), Spoiled> {
    spoiled("its own")
}

/// Waits for ever, and writes to a file when it is dropped.
#[tractor::actor_fn]
async fn is_dropped(path: PathBuf) {
    struct Mark(PathBuf);
    impl Drop for Mark {
        fn drop(&mut self) {
            std::fs::write(&self.0, "").expect("the temporary directory is writable");
        }
    }
    std::fs::write(path.with_extension("begun"), "").expect("the temporary directory is writable");
    let _mark = Mark(path);
    forever().await;
}

/// Dies the first few times. A file counts them.
#[tractor::actor_fn]
async fn dies_at_first(path: PathBuf, times: usize) -> usize {
    let before = std::fs::read(&path).unwrap_or_default();
    std::fs::write(&path, [&before[..], b"."].concat()).expect("the temporary directory is writable");
    if before.len() < times {
        std::process::abort();
    }
    before.len()
}

/// A path for this test in the temporary directory.
fn own_path(tree: &Tree, name: &str) -> PathBuf {
    std::env::temp_dir().join(format!("tractor-pool-{}-{}", std::process::id(), tree.name(name)))
}

fn set_up(worker: StartActor) -> StartActor {
    worker.enable_module(module_path!())
}

/// Runs a pool in a root actor whose name marks the test's processes.
async fn pool_of<T, F>(tree: &Tree, options: PoolOptions, body: F) -> Result<T>
where
    F: AsyncFnOnce(&Pool) -> Result<T>,
{
    let result = open_pool(options.root(ActorOptions::new().name(tree.name("p"))), set_up, body).await;
    assert!(tree.processes().is_empty(), "the scope has ended: {:?}", tree.processes());
    result
}

fn options() -> PoolOptions {
    PoolOptions::new().workers(2)
}

#[tractor::test]
async fn each_call_has_one_outcome_with_its_position() -> Result<()> {
    tree(async |tree| {
        pool_of(tree, options(), async |pool| {
            let mut seen: Vec<_> = pool.map((0..50).map(square)).collect().await;
            seen.sort_by_key(|(number, _)| *number);
            for (number, (position, outcome)) in seen.into_iter().enumerate() {
                assert_eq!((position, outcome?), (number, (number * number) as u64));
            }
            let progress = *pool.progress().borrow();
            assert_eq!((progress.done, progress.failed, progress.in_flight), (50, 0, 0));
            assert_eq!(pool.run(square(3)).await?, 9);
            Ok(())
        })
        .await
    })
    .await
}

#[tractor::test]
async fn outcomes_come_as_tasks_end_or_in_order() -> Result<()> {
    tree(async |tree| {
        pool_of(tree, options(), async |pool| {
            let calls = || [300, 0, 0, 0].map(takes);
            let ends: Vec<_> = pool.map(calls()).map(|(number, _)| number).collect().await;
            assert_eq!(ends, [1, 2, 3, 0]);
            let ends: Vec<_> = pool.map(calls()).ordered().map(|(number, _)| number).collect().await;
            assert_eq!(ends, [0, 1, 2, 3]);
            Ok(())
        })
        .await
    })
    .await
}

#[tractor::test]
async fn calls_are_taken_when_a_worker_could_have_them_and_the_stream_is_polled() -> Result<()> {
    tree(async |tree| {
        pool_of(tree, options(), async |pool| {
            let taken = Cell::new(0);
            let mut results = pool.map((0..100).inspect(|_| taken.set(taken.get() + 1)).map(square));
            assert_eq!(taken.get(), 0, "the stream was not polled");
            results.next().await.expect("there are a hundred").1?;
            let after_one = taken.get();
            assert!(after_one <= 3, "two tasks at a time, and one has ended: {after_one}");
            // Tasks that have begun end meanwhile, and no others begin.
            until(|| pool.progress().borrow().in_flight == 0).await;
            for _ in 0..10 {
                pool.run(square(1)).await?;
            }
            assert_eq!(taken.get(), after_one);
            assert_eq!(results.count().await, 99);
            Ok(())
        })
        .await
    })
    .await
}

#[tractor::test]
async fn a_stream_that_nobody_reads_keeps_no_worker() -> Result<()> {
    tree(async |tree| {
        pool_of(tree, options(), async |pool| {
            let mut results = pool.map((0..).map(|_| takes(20)));
            while let Some((number, _)) = results.next().await
                && number < 10
            {
                // Besides two tasks whose outcomes are not read.
                pool.run(square(1)).await?;
            }
            Ok(())
        })
        .await
    })
    .await
}

#[tractor::test]
async fn a_death_is_the_failure_of_its_task_and_of_no_other() -> Result<()> {
    tree(async |tree| {
        pool_of(tree, options(), async |pool| {
            let (death, pids) = join(pool.run(dies()), join_all((0..20).map(|_| pool.run(takes(5))))).await;
            let death = death.expect_err("it has died");
            assert_eq!(death.as_died().and_then(|died| died.code()), Some(7), "{death:?}");
            let mut pids = pids.into_iter().collect::<Result<Vec<_>>>()?;
            pids.sort_unstable();
            pids.dedup();
            assert!(pids.len() >= 2, "the dead one was replaced: {pids:?}");
            let progress = *pool.progress().borrow();
            assert_eq!((progress.done, progress.failed), (20, 1));
            Ok(())
        })
        .await
    })
    .await
}

#[tractor::test]
async fn a_worker_that_is_not_done_in_time_is_killed_and_replaced() -> Result<()> {
    tree(async |tree| {
        pool_of(tree, options().workers(1), async |pool| {
            let before = pool.run(takes(0)).await?;
            let hasty = pool.deadline(Duration::from_millis(100));
            for round in 0..2 {
                let (start, call) = (Instant::now(), hasty.run(hogs()));
                let late = call.await.expect_err("it hangs");
                assert!(matches!(late, Error::DeadlineExceeded(_)), "{late:?}");
                assert!(start.elapsed() < Duration::from_secs(20), "{:?}", start.elapsed());
                assert_ne!(pool.run(takes(0)).await?, before, "round {round}: it is another process");
            }
            Ok(())
        })
        .await
    })
    .await
}

#[tractor::test]
async fn a_task_that_was_interrupted_is_repeated_only_if_asked() -> Result<()> {
    tree(async |tree| {
        let path = own_path(tree, "times");
        pool_of(tree, options(), async |pool| {
            let died = pool.run(dies_at_first(path.clone(), 3)).await.expect_err("it is not repeated");
            assert!(matches!(died, Error::Died(_)) && died.may_have_run(), "{died:?}");
            let stubborn = pool.repeat_interrupted(2);
            let died = pool.repeat_interrupted(1).run(dies_at_first(path.clone(), 4)).await;
            assert!(matches!(died, Err(Error::Died(_))), "one repetition is not enough: {died:?}");
            assert_eq!(stubborn.run(dies_at_first(path.clone(), 5)).await?, 5);
            Ok(())
        })
        .await?;
        assert_eq!(std::fs::read(&path).expect("it has run").len(), 6);
        std::fs::remove_file(path).expect("the test owns it");
        Ok(())
    })
    .await
}

#[tractor::test]
async fn failures_and_panics_of_a_task_are_its_outcome_and_keep_the_worker() -> Result<()> {
    tree(async |tree| {
        pool_of(tree, options().workers(1), async |pool| {
            let before = pool.run(takes(0)).await?;
            let kind = |error: Error| error.as_remote().map(|remote| remote.kind());
            let pool = pool.repeat_interrupted(5);
            assert_eq!(kind(pool.run(fails()).await.expect_err("it fails")), Some(RemoteKind::Error));
            assert_eq!(kind(pool.run(panics()).await.expect_err("it panics")), Some(RemoteKind::Panic));
            assert_eq!(pool.run(takes(0)).await?, before);
            Ok(())
        })
        .await
    })
    .await
}

/// A value that cannot be serialized.
#[derive(Debug, Clone, Deserialize)]
struct Explosive;

impl Serialize for Explosive {
    fn serialize<S: serde::Serializer>(&self, _: S) -> std::result::Result<S::Ok, S::Error> {
        panic!("it cannot be written")
    }
}

#[tractor::actor_fn]
async fn takes_explosives(_it: Explosive) {}

#[tractor::test]
async fn a_panic_of_the_callers_own_code_is_the_callers() -> Result<()> {
    tree(async |tree| {
        pool_of(tree, options().workers(1), async |pool| {
            let panicking = AssertUnwindSafe(pool.run(takes_explosives(Explosive))).catch_unwind();
            let (panic, squared) = join(panicking, pool.run(square(4))).await;
            assert_eq!(
                *panic.expect_err("it panics").downcast_ref::<&str>().expect("a text"),
                "it cannot be written"
            );
            assert_eq!(squared?, 16);
            Ok(())
        })
        .await
    })
    .await
}

#[tractor::test]
async fn workers_that_cannot_start_fail_the_tasks_with_the_cause() -> Result<()> {
    tree(async |tree| {
        let root = || ActorOptions::new().name(tree.name("p"));
        let unknown = |worker: StartActor| worker.enable_module("no::such::module");
        open_pool(options().root(root()), unknown, async |pool| -> Result<()> {
            let outcomes: Vec<_> = pool.map((0..10).map(square)).collect().await;
            assert_eq!(outcomes.len(), 10);
            for (_, outcome) in outcomes {
                let error = outcome.expect_err("no worker can start");
                assert!(error.to_string().contains("no::such::module"), "{error}");
            }
            assert_eq!(pool.progress().borrow().failed, 10);
            Ok(())
        })
        .await?;
        // A start that may succeed later is tried several times, with pauses.
        let tries = Cell::new(0);
        let addr = Addr::Uds { dir: "/proc/no such folder".into(), file: "socket".into() };
        let nowhere = |worker: StartActor| {
            tries.set(tries.get() + 1);
            worker.bind(addr.clone())
        };
        let start = Instant::now();
        open_pool(options().root(root()), nowhere, async |pool| -> Result<()> {
            let error = pool.run(square(1)).await.expect_err("no worker can start");
            assert!(matches!(error, Error::Spawn(_)) && !error.may_have_run(), "{error:?}");
            assert!(pool.run(square(1)).await.is_err(), "later tasks fail too");
            Ok(())
        })
        .await?;
        assert!(start.elapsed() >= Duration::from_millis(1500), "{:?}", start.elapsed());
        assert!((9..=12).contains(&tries.get()), "five tries per worker: {}", tries.get());
        Ok(())
    })
    .await
}

#[tractor::test]
async fn a_task_that_is_dropped_is_cancelled_before_its_worker_gets_another() -> Result<()> {
    tree(async |tree| {
        let path = own_path(tree, "mark");
        pool_of(tree, options().workers(1), async |pool| {
            let pid = pool.run(takes(0)).await?;
            {
                let mut task = Box::pin(pool.run(is_dropped(path.clone())));
                assert!(poll_once(&mut task).await.is_pending());
                until(|| path.with_extension("begun").exists()).await;
                // A task that still waits is dropped, too.
                let mut waiting = Box::pin(pool.run(square(1)));
                assert!(poll_once(&mut waiting).await.is_pending());
            }
            assert_eq!(pool.run(takes(0)).await?, pid, "the same process");
            assert!(path.exists(), "it was dropped before");
            let progress = *pool.progress().borrow();
            assert_eq!((progress.done, progress.failed), (2, 0), "dropped tasks do not count");
            Ok(())
        })
        .await?;
        std::fs::remove_file(path.with_extension("begun")).expect("the test owns it");
        std::fs::remove_file(path).expect("the test owns it");
        Ok(())
    })
    .await
}

#[tractor::test]
async fn a_dropped_task_that_does_not_end_costs_its_worker() -> Result<()> {
    tree(async |tree| {
        pool_of(tree, options().workers(1), async |pool| {
            let pid = pool.run(takes(0)).await?;
            let mut results = pool.map([hogs()]);
            assert!(poll_once(&mut results.next().boxed()).await.is_pending());
            until(|| pool.progress().borrow().in_flight == 1).await;
            drop(results);
            assert_ne!(pool.run(takes(0)).await?, pid, "another process");
            Ok(())
        })
        .await
    })
    .await
}

#[tractor::test]
async fn leaving_or_dropping_the_scope_leaves_nothing() -> Result<()> {
    tree(async |tree| {
        let timeouts =
            Timeouts::default().actor_cancel(Duration::from_millis(50)).terminate(Duration::from_millis(50));
        let root = ActorOptions::new().name(tree.name("p")).timeouts(timeouts);
        let busy = async |pool: &Pool| -> Result<()> {
            let mut results = pool.map((0..10).map(|_| hogs()));
            let mut next = Box::pin(results.next());
            until(|| next.as_mut().now_or_never().is_none() && pool.progress().borrow().in_flight == 2).await;
            Ok(())
        };
        open_pool(options().root(root.clone()), set_up, busy).await?;
        assert!(tree.processes().is_empty(), "the body has ended: {:?}", tree.processes());
        tractor::open_root_actor(root, async |_| {
            tractor::open_nursery(async |_| -> Result<()> {
                let pool = open_pool(options(), set_up, async |pool| -> Result<()> {
                    busy(pool).await?;
                    forever().await;
                    Ok(())
                });
                let dropped = tokio::time::timeout(Duration::from_secs(1), pool).await;
                assert!(dropped.is_err(), "{dropped:?}");
                Ok(())
            })
            .await?;
            assert!(tree.processes().is_empty(), "the scope around it waits: {:?}", tree.processes());
            Ok(())
        })
        .await
    })
    .await
}

#[tractor::test]
async fn other_tasks_use_it_until_it_ends() -> Result<()> {
    tree(async |tree| {
        let root = ActorOptions::new().name(tree.name("p"));
        // The whole pool is a `Send` future.
        let kept =
            tokio::spawn(open_pool(options().root(root), set_up, async |pool: &Pool| -> Result<Pool> {
                let tasks = (0..8).map(|n| {
                    let pool = pool.clone();
                    tokio::spawn(async move { pool.run(square(n)).await })
                });
                for (n, task) in join_all(tasks).await.into_iter().enumerate() {
                    assert_eq!(task.expect("it does not panic")?, (n * n) as u64);
                }
                Ok(pool.clone())
            }));
        let kept = kept.await.expect("it does not panic")?;
        let late = kept.run(square(1)).await.expect_err("there are no workers");
        assert!(late.to_string().contains("has ended"), "{late}");
        assert!(kept.map([square(1)]).next().await.is_some_and(|(_, outcome)| outcome.is_err()));
        Ok(())
    })
    .await
}

#[tractor::test]
async fn a_deadline_of_the_caller_counts_in_the_worker() -> Result<()> {
    tree(async |tree| {
        pool_of(tree, options().workers(1), async |pool| {
            let late = tractor::with_deadline(Duration::from_millis(100), pool.run(takes(10_000))).await;
            assert!(matches!(late, Err(Error::DeadlineExceeded(_))), "{late:?}");
            assert_eq!(pool.run(square(2)).await?, 4);
            Ok(())
        })
        .await
    })
    .await
}

#[tractor::test]
async fn progress_can_be_watched() -> Result<()> {
    tree(async |tree| {
        pool_of(tree, options(), async |pool| {
            let mut progress = pool.progress();
            let work = async {
                let outcomes: Vec<_> = pool.map((0..20).map(|_| takes(1))).collect().await;
                outcomes.len()
            };
            let watch = async {
                let mut seen: Vec<PoolProgress> = Vec::new();
                while seen.last().is_none_or(|last| last.done < 20) {
                    progress.changed().await.expect("the pool is there");
                    seen.push(*progress.borrow_and_update());
                }
                seen
            };
            let (tasks, seen) = join(work, watch).await;
            assert_eq!(tasks, 20);
            assert!(seen.iter().all(|progress| progress.in_flight <= 2 && progress.failed == 0), "{seen:?}");
            assert!(seen.windows(2).all(|pair| pair[0].done <= pair[1].done), "{seen:?}");
            Ok(())
        })
        .await
    })
    .await
}
