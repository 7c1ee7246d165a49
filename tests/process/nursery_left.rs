//! Nurseries whose scope is dropped: the scopes around them end after their children.

use std::cell::Cell;
use std::time::Duration;

use rustix::process::Signal;
use support::processes::{pid_of, process, signal};
use support::{Spoiled, forever, in_nursery, in_root, in_root_with, spoiled, start};
use tokio::sync::oneshot;
use tractor::prelude::*;
use tractor::{ActorOptions, Error, Result, Timeouts};

/// Much longer than any step that does not wait for it.
const LINGER: Duration = Duration::from_millis(300);

/// Makes this actor end slowly.
#[tractor::actor_fn]
async fn end_slowly(linger: Duration) {
    let end = move || std::thread::sleep(linger);
    assert!(tractor::current_actor().on_exit(end).is_ok(), "it has not ended");
}

/// A nursery with one child that is slow to end. Reports the child's pid, and goes on.
async fn one_slow_child(name: &str, linger: Duration, told: impl FnOnce(i32)) -> Result<()> {
    tractor::open_nursery(async |an| {
        let child = start(an, name, module_path!()).await?;
        child.run(end_slowly(linger)).await?;
        told(pid_of(&child));
        forever().await;
        Ok(())
    })
    .await
}

/// Runs the nursery concurrently, for ever.
#[tractor::context(started = i32)]
async fn keeps(ctx: Context<i32, (), ()>, name: String, linger: Duration) -> tractor::Result<()> {
    let (tell, told) = oneshot::channel();
    let goes_on = async {
        ctx.started(told.await.expect("the child starts")).await?;
        forever().await;
        Ok(())
    };
    let kept = one_slow_child(&name, linger, |pid| tell.send(pid).expect("the receiver waits"));
    tokio::try_join!(kept, goes_on)?;
    Ok(())
}

/// Drops the nursery, and ends.
#[tractor::actor_fn]
async fn drops(name: String, fails: bool) -> std::result::Result<i32, Spoiled> {
    let (tell, told) = oneshot::channel();
    let pid = tokio::select! {
        _ = one_slow_child(&name, LINGER, |pid| tell.send(pid).expect("the receiver waits")) => {
            unreachable!("it goes on")
        }
        pid = told => pid.expect("the child starts"),
    };
    if fails { spoiled(&pid.to_string()) } else { Ok(pid) }
}

/// Fails on request.
#[tractor::context(started = (), recv = ())]
async fn fails(ctx: Context<(), (), ()>) -> anyhow::Result<()> {
    ctx.started(()).await?.open_stream().receive().await?;
    Ok(spoiled("on purpose")?)
}

#[track_caller]
fn assert_gone(pid: i32) {
    let left = process(pid);
    assert!(left.is_none(), "a child outlives its scope: {left:?}");
}

#[tractor::test]
async fn a_context_ends_after_the_nursery_of_its_dropped_endpoint() -> Result<()> {
    in_nursery(async |tree, an| {
        let worker = start(an, tree.name("worker"), module_path!()).await?;
        let pid = worker
            .open_context(keeps(tree.name("below"), LINGER), async |ctx, pid| {
                if ctx.cancel().await? {
                    assert_gone(pid);
                }
                Ok::<_, Error>(pid)
            })
            .await?;
        assert_gone(pid);
        worker.cancel_actor().await?;
        Ok(())
    })
    .await
}

#[tractor::test]
async fn a_call_ends_after_a_nursery_that_its_endpoint_has_dropped() -> Result<()> {
    in_nursery(async |tree, an| {
        let worker = start(an, tree.name("worker"), module_path!()).await?;
        assert_gone(worker.run(drops(tree.name("one"), false)).await?);
        let failed =
            worker.run(drops(tree.name("two"), true)).await.expect_err("the endpoint fails on purpose");
        let text = failed.as_remote().map(|failed| failed.message().to_owned());
        assert_gone(text.and_then(|pid| pid.parse().ok()).expect("the text is the pid"));
        worker.cancel_actor().await?;
        Ok(())
    })
    .await
}

#[tractor::test]
async fn a_nursery_ends_after_one_in_its_dropped_body() -> Result<()> {
    in_root(async |tree| {
        let below = Cell::new(0);
        let failed = tractor::open_nursery(async |an| {
            let victim = pid_of(&start(an, tree.name("victim"), module_path!()).await?);
            one_slow_child(&tree.name("below"), LINGER, |pid| {
                below.set(pid);
                signal(victim, Signal::KILL);
            })
            .await
        })
        .await;
        assert_gone(below.get());
        assert!(matches!(failed, Err(Error::Died(_))), "{failed:?}");
        Ok(())
    })
    .await
}

#[tractor::test]
async fn a_context_ends_after_a_nursery_in_its_dropped_body() -> Result<()> {
    in_nursery(async |tree, an| {
        let worker = start(an, tree.name("worker"), module_path!()).await?;
        let below = Cell::new(0);
        let failed = worker
            .open_context(fails(), async |ctx, ()| {
                let stream = ctx.open_stream();
                let (tell, told) = oneshot::channel();
                let name = tree.name("below");
                let nursery = one_slow_child(&name, LINGER, |pid| {
                    below.set(pid);
                    tell.send(()).expect("the receiver waits");
                });
                let fail = async {
                    told.await.expect("the child starts");
                    stream.send(()).await
                };
                tokio::try_join!(nursery, fail).map(|_| ())
            })
            .await;
        assert_gone(below.get());
        assert!(matches!(failed, Err(Error::Remote(_))), "{failed:?}");
        worker.cancel_actor().await?;
        Ok(())
    })
    .await
}

#[tractor::test]
async fn a_deadline_scope_ends_after_a_nursery_in_its_dropped_body() -> Result<()> {
    let patient = Timeouts::default().context_cancel(Duration::from_secs(30));
    in_root_with(ActorOptions::new().timeouts(patient), async |tree| {
        let below = Cell::new(0);
        let name = tree.name("below");
        let nursery = one_slow_child(&name, LINGER, |pid| below.set(pid));
        let late = tractor::with_deadline(Duration::from_secs(4), nursery).await;
        assert!(matches!(late, Err(Error::DeadlineExceeded(_))), "{late:?}");
        assert_gone(below.get());
        Ok(())
    })
    .await
}

/// A request to end an actor waits for its endpoints. Their children have more time than that, and the ladder ends
/// them.
#[tractor::test]
async fn an_actor_acknowledges_its_end_before_that_of_its_children() -> Result<()> {
    in_nursery(async |tree, an| {
        let worker = start(an, tree.name("worker"), module_path!()).await?;
        let linger = Timeouts::default().actor_cancel * 2;
        let (tell, told) = oneshot::channel();
        let context = worker.open_context(keeps(tree.name("below"), linger), async |_, pid| {
            tell.send(pid).expect("the receiver waits");
            forever().await;
            Ok::<_, Error>(())
        });
        let end = async {
            let pid = told.await.expect("the child starts");
            (pid, worker.cancel_actor().await)
        };
        let (ended, (pid, end)) = tokio::join!(context, end);
        assert_gone(pid);
        assert!(end.as_ref().is_ok_and(|end| end.is_in_order()), "{end:?}");
        assert!(matches!(ended, Err(Error::Cancelled(_))), "{ended:?}");
        Ok(())
    })
    .await
}
