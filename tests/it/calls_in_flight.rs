//! Calls in flight: many at once, in both directions, and dropped ones.

use std::collections::HashMap;
use std::sync::Barrier;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;
use std::time::Duration;

use futures_util::future::try_join_all;
use support::journal::{NoteOnDrop, entries, note, seen};
use support::{forever, in_nursery, in_root, in_root_with, poll_once, until, with_local, with_process};
use tokio::sync::watch;
use tractor::prelude::*;
use tractor::{ActorOptions, Uid};

/// Worker threads of an actor that computes.
const THREADS: usize = 4;

tractor::actor_local! {
    static ARRIVED: watch::Sender<usize> = watch::Sender::new(0);
    static SERVED: AtomicUsize = AtomicUsize::new(0);
}

/// Returns when `crowd` calls are running.
#[tractor::actor_fn]
async fn gather(number: usize, crowd: usize) -> usize {
    let arrived = ARRIVED.get();
    let mut changed = arrived.subscribe();
    arrived.send_modify(|count| *count += 1);
    changed.wait_for(|count| *count >= crowd).await.expect("the actor holds the sender");
    number
}

/// Holds its thread until as many calls hold one.
#[tractor::actor_fn]
async fn holds_a_thread() {
    static ALL: Barrier = Barrier::new(THREADS);
    ALL.wait();
}

#[tractor::actor_fn]
async fn sleep_forever() {
    let _note = NoteOnDrop("dropped");
    note("asleep");
    forever().await;
}

#[tractor::actor_fn]
async fn served() -> usize {
    SERVED.get().fetch_add(1, Ordering::Relaxed) + 1
}

#[tractor::actor_fn]
async fn whoami() -> String {
    tractor::current_actor().name().to_owned()
}

/// Calls back into the actor that opened this context.
#[tractor::context(started = String)]
async fn calls_back(ctx: Context<String, (), ()>) -> tractor::Result<String> {
    let parent = ctx.portal();
    let _ctx = ctx.started(tractor::current_actor().name().to_owned()).await?;
    parent.run(whoami()).await
}

#[tractor::test]
async fn calls_over_one_connection_compute_on_all_threads_of_their_actor() -> tractor::Result<()> {
    in_nursery(async |tree, an| {
        let start = an.start_actor(tree.name("worker")).enable_module(module_path!());
        let worker = start.worker_threads(THREADS).await?;
        for _ in 0..100 {
            try_join_all((0..THREADS).map(|_| worker.run(holds_a_thread()))).await?;
        }
        worker.cancel_actor().await?;
        Ok(())
    })
    .await
}

#[tractor::test]
async fn a_thousand_calls_are_in_flight_at_once() -> tractor::Result<()> {
    const CROWD: usize = 1000;
    with_process(module_path!(), async |worker| {
        let mut calls: Vec<_> = (0..CROWD).map(|number| worker.run(gather(number, CROWD))).collect();
        for call in &mut calls {
            assert!(poll_once(call).await.is_pending());
        }
        assert!(worker.dialogs_open() >= CROWD);
        // The calls are awaited in reverse order.
        for (number, call) in calls.into_iter().enumerate().rev() {
            assert_eq!(call.await?, number);
        }
        assert_eq!(worker.dialogs_open(), 0);
        Ok(())
    })
    .await
}

#[tractor::test]
async fn dropping_a_call_cancels_the_remote_task() -> tractor::Result<()> {
    with_process(module_path!(), async |worker| {
        tokio::select! {
            biased;
            slept = worker.run(sleep_forever()) => panic!("it sleeps for ever: {slept:?}"),
            asleep = worker.run(seen("asleep".to_owned())) => asleep?,
        }
        worker.run(seen("dropped".to_owned())).await?;
        assert_eq!(worker.run(entries()).await?, ["asleep", "dropped"]);
        until(|| worker.dialogs_open() == 0).await;
        Ok(())
    })
    .await
}

#[tractor::test]
async fn a_timeout_around_a_call_cancels_the_remote_task() -> tractor::Result<()> {
    with_local(module_path!(), async |worker| {
        tokio::time::pause();
        let slept = tokio::time::timeout(Duration::from_secs(3), worker.run(sleep_forever())).await;
        assert!(slept.is_err());
        worker.run(seen("dropped".to_owned())).await?;
        tokio::time::resume();
        Ok(())
    })
    .await
}

#[tractor::test]
async fn a_call_does_nothing_until_it_is_polled() -> tractor::Result<()> {
    with_local(module_path!(), async |worker| {
        let unpolled = worker.run(served());
        assert_eq!(worker.run(served()).await?, 1);
        drop(unpolled);
        let mut polled = worker.run(served());
        assert!(poll_once(&mut polled).await.is_pending());
        assert_eq!(worker.run(served()).await?, 3);
        let Poll::Ready(second) = poll_once(&mut polled).await else { panic!("answered before") };
        assert_eq!(second?, 2);
        Ok(())
    })
    .await
}

#[tractor::test]
async fn a_child_calls_its_parent_over_the_same_connection() -> tractor::Result<()> {
    let options = ActorOptions::new().name("top").enable_module(module_path!());
    in_root_with(options, async |_| {
        with_process(module_path!(), async |worker| {
            let answer = worker
                .open_context(calls_back(), async |ctx, name| {
                    assert_eq!(name, worker.uid().name());
                    ctx.wait_for_result().await
                })
                .await?;
            assert_eq!(answer, "top");
            Ok(())
        })
        .await
    })
    .await
}

#[tractor::test]
async fn calls_from_many_tasks_share_one_portal() -> tractor::Result<()> {
    const TASKS: usize = 50;
    with_process(module_path!(), async |worker| {
        let actor = tractor::current_actor();
        let mut tasks = tokio::task::JoinSet::new();
        for number in 0..TASKS {
            let (actor, worker) = (actor.clone(), worker.clone());
            tasks.spawn(async move { actor.enter(worker.run(gather(number, TASKS))).await });
        }
        let mut numbers = Vec::new();
        while let Some(number) = tasks.join_next().await {
            numbers.push(number.expect("no task panics")?);
        }
        numbers.sort_unstable();
        assert_eq!(numbers, (0..TASKS).collect::<Vec<_>>());
        Ok(())
    })
    .await
}

#[tractor::test]
async fn calls_reach_the_actor_they_were_handed_to() -> tractor::Result<()> {
    in_nursery(async |tree, an| {
        let mut workers = Vec::new();
        for number in 0..4 {
            workers.push(support::start(an, tree.name(&format!("w{number}")), module_path!()).await?);
        }
        let mut names = HashMap::<Uid, String>::new();
        for worker in &workers {
            names.insert(worker.uid().clone(), worker.run(whoami()).await?);
        }
        for worker in &workers {
            assert_eq!(names[worker.uid()], worker.uid().name());
            worker.cancel_actor().await?;
        }
        Ok(())
    })
    .await
}

#[tractor::test]
async fn a_call_to_an_actor_that_has_ended_fails() -> tractor::Result<()> {
    in_root(async |_| {
        let options = ActorOptions::new().enable_module(module_path!());
        let late = tractor::with_local_actor(options, async |worker| -> tractor::Result<Portal> {
            assert_eq!(worker.run(served()).await?, 1);
            Ok(worker.clone())
        })
        .await?;
        let error = late.run(served()).await.expect_err("its actor has ended");
        assert!(matches!(error, tractor::Error::Closed(_)), "{error:?}");
        Ok(())
    })
    .await
}
