//! Ends that come from an unexpected side: every scope still returns, and nobody dies in silence.

use support::{Tree, forever, in_nursery, in_root, start, tree, with_deadline, with_process};
use tokio::sync::oneshot;
use tractor::prelude::*;
use tractor::{ActorOptions, DynCall, Error, Portal};

#[tractor::actor_fn]
async fn opens_a_tree_outside_of_its_actor() -> bool {
    let outside = tokio::spawn(async { tractor::open_nursery(async |_| tractor::Result::Ok(())).await });
    matches!(outside.await, Ok(Err(Error::NoRuntime)))
}

#[tractor::actor_fn]
async fn leaves_a_blocking_call_behind() {
    tokio::task::spawn_blocking(|| {
        loop {
            std::thread::park();
        }
    });
}

#[tractor::context(pld_spec = u8, returns = ())]
async fn stays(ctx: Context<u8>) -> tractor::Result<()> {
    let _ctx = ctx.started(0).await?;
    forever().await;
    Ok(())
}

/// Starts an actor in a nursery that lives in a task of its own, and returns when it runs.
async fn nursery_in_a_task(tree: &Tree) {
    let actor = tractor::current_actor();
    let name = tree.name("kid");
    let (started, is_started) = oneshot::channel();
    tokio::spawn(async move {
        let nursery = tractor::open_nursery(async |an| -> tractor::Result<()> {
            let _kid = an.start_actor(name).enable_module(module_path!()).await?;
            started.send(()).expect("somebody waits for it");
            forever().await;
            Ok(())
        });
        actor.enter(nursery).await
    });
    is_started.await.expect("the actor starts");
}

#[tractor::test]
async fn an_actor_does_not_wait_for_ever_for_a_nursery_in_a_task_of_its_own() -> tractor::Result<()> {
    tree(async |tree| {
        with_deadline(
            20,
            in_root(async |_| {
                nursery_in_a_task(tree).await;
                Ok(())
            }),
        )
        .await
    })
    .await
}

#[tractor::test]
async fn a_task_of_a_child_that_has_left_its_actor_starts_no_tree_of_its_own() -> tractor::Result<()> {
    with_process(module_path!(), async |worker| {
        assert!(worker.run(opens_a_tree_outside_of_its_actor()).await?);
        Ok(())
    })
    .await
}

#[tractor::test]
async fn a_blocking_call_that_was_left_behind_does_not_keep_its_process() -> tractor::Result<()> {
    tree(async |_| {
        let mut timeouts = tractor::Timeouts::default();
        // Were it not for the child itself, the test would end at its deadline.
        timeouts.nursery_cancel = std::time::Duration::from_secs(3600);
        timeouts.terminate = std::time::Duration::from_secs(3600);
        tractor::open_root_actor(ActorOptions::new().timeouts(timeouts), async |_| {
            with_deadline(
                20,
                with_process(module_path!(), async |worker: &Portal| {
                    worker.run(leaves_a_blocking_call_behind()).await
                }),
            )
            .await
        })
        .await
    })
    .await
}

#[tractor::test]
async fn an_actor_that_is_cancelled_by_name_has_not_died() -> tractor::Result<()> {
    in_nursery(async |tree, an| {
        let worker = start(an, tree.name("worker"), module_path!()).await?;
        assert!(worker.run_dyn::<bool>(DynCall::new("self", "cancel")).await?);
        Ok(())
    })
    .await
}

#[tractor::test]
async fn callbacks_at_the_end_may_use_the_actors_state() -> tractor::Result<()> {
    tractor::actor_local! {
        static COUNT: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
    }
    let (told, count) = oneshot::channel();
    in_root(async |_| {
        COUNT.get().store(7, std::sync::atomic::Ordering::Relaxed);
        let tell = || _ = told.send(COUNT.get().load(std::sync::atomic::Ordering::Relaxed));
        assert!(tractor::current_actor().on_exit(tell).is_ok());
        Ok(())
    })
    .await?;
    assert_eq!(count.await, Ok(7));
    Ok(())
}

#[tractor::test]
async fn an_actor_opens_no_context_to_itself() -> tractor::Result<()> {
    let addr = tractor::socket_addr("review-self")?;
    let options = ActorOptions::new().bind(addr.clone()).enable_module(module_path!());
    tractor::open_root_actor(options, async |_| {
        tractor::connect(&addr, async |portal| {
            let opened: tractor::Result<()> = portal.open_context(stays(), async |_, _| Ok(())).await;
            let text = opened.expect_err("refused").to_string();
            assert!(text.contains("Invalid Operation"), "{text}");
            Ok(())
        })
        .await
    })
    .await
}
