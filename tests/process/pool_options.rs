//! The number of a pool's workers, and of the tasks of each.

use std::sync::LazyLock;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::future::join;
use support::{Tree, tree};
use tokio::sync::Barrier;
use tractor::{ActorOptions, Error, Pool, PoolOptions, Result, open_pool};

#[tractor::actor_fn]
async fn takes(ms: u64) -> u32 {
    tokio::time::sleep(Duration::from_millis(ms)).await;
    std::process::id()
}

/// Waits until three tasks of this process are here.
#[tractor::actor_fn]
async fn meets_two_others() {
    static MEETING: LazyLock<Barrier> = LazyLock::new(|| Barrier::new(3));
    MEETING.wait().await;
}

#[tractor::actor_fn]
async fn dies() {
    std::process::exit(7);
}

fn options() -> PoolOptions {
    PoolOptions::new().workers(1)
}

async fn pool_of<T, F>(tree: &Tree, options: PoolOptions, body: F) -> Result<T>
where
    F: AsyncFnOnce(&Pool) -> Result<T>,
{
    let root = ActorOptions::new().name(tree.name("p"));
    open_pool(options.root(root), |worker| worker.enable_module(module_path!()), body).await
}

#[tractor::test]
async fn a_process_gets_no_more_tasks_than_it_may() -> Result<()> {
    tree(async |tree| {
        pool_of(tree, options().tasks_per_process(3), async |pool| {
            let mut pids = Vec::new();
            for _ in 0..9 {
                pids.push(pool.run(takes(0)).await?);
            }
            assert!(pids.chunks(3).all(|three| three.iter().all(|pid| *pid == three[0])), "{pids:?}");
            pids.dedup();
            assert_eq!(pids.len(), 3);
            Ok(())
        })
        .await
    })
    .await
}

#[tractor::test]
async fn one_worker_may_have_several_tasks_at_a_time() -> Result<()> {
    tree(async |tree| {
        pool_of(tree, options().in_flight(3), async |pool| {
            let met: Vec<_> = pool.map((0..3).map(|_| meets_two_others())).collect().await;
            assert!(met.len() == 3 && met.iter().all(|(_, met)| met.is_ok()), "{met:?}");
            // One death fails all three tasks of the worker.
            let (dead, other) = join(pool.run(dies()), pool.run(takes(5000))).await;
            assert!(matches!((dead, other), (Err(Error::Died(_)), Err(Error::Died(_)))));
            Ok(())
        })
        .await
    })
    .await
}

#[tractor::test]
async fn a_pool_of_nobody_is_refused() -> Result<()> {
    tree(async |tree| {
        for options in [options().workers(0), options().in_flight(0), options().tasks_per_process(0)] {
            let refused = pool_of(tree, options, async |_| Ok(())).await.expect_err("it would wait for ever");
            assert!(matches!(refused, Error::Runtime(_)), "{refused:?}");
        }
        Ok(())
    })
    .await
}
