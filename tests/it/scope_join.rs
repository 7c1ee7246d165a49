//! Concurrent scopes, calls and starts of actors in one task, without spawning.

use futures_util::future::try_join_all;
use support::journal::{NoteOnDrop, note, seen};
use support::{Spoiled, forever, in_nursery, in_root, spoiled, start, with_local};
use tractor::Result;
use tractor::prelude::*;

#[tractor::actor_fn]
async fn double(n: u64) -> u64 {
    n * 2
}

#[tractor::actor_fn]
async fn waits() {
    let _note = NoteOnDrop("dropped");
    note("waits");
    forever().await;
}

#[tractor::actor_fn]
async fn fails_after_the_other_waits() -> Result<(), Spoiled> {
    seen("waits".to_owned()).await;
    spoiled("fell over")
}

#[tractor::context(pld_spec = u64)]
async fn adds(ctx: Context<u64>) -> tractor::Result<u64> {
    let ctx = ctx.started(0).await?;
    let mut stream = ctx.open_stream();
    let mut sum = 0;
    while let Some(value) = stream.receive().await? {
        sum += value;
    }
    Ok(sum)
}

#[tractor::test]
async fn calls_and_contexts_run_side_by_side() -> Result<()> {
    with_local(module_path!(), async |portal| {
        assert_eq!(try_join_all((0..50).map(|n| portal.run(double(n)))).await?[49], 98);
        let sums = (0..10).map(|number| {
            portal.open_context(adds(), async move |ctx, _| -> Result<u64> {
                let handle = ctx.handle();
                let stream = ctx.open_stream();
                for value in 0..=number {
                    stream.send(value).await?;
                }
                stream.finish();
                handle.wait_for_result().await
            })
        });
        assert_eq!(try_join_all(sums).await?, [0, 1, 3, 6, 10, 15, 21, 28, 36, 45]);
        Ok(())
    })
    .await
}

#[tractor::test]
async fn a_failed_call_cancels_its_neighbours_remote_task() -> Result<()> {
    with_local(module_path!(), async |portal| {
        let calls: [std::pin::Pin<Box<dyn Future<Output = Result<()>>>>; 2] =
            [Box::pin(portal.run(waits())), Box::pin(portal.run(fails_after_the_other_waits()))];
        let error = try_join_all(calls).await.expect_err("one fails");
        assert_eq!(error.as_remote().map(|remote| remote.message()), Some("fell over"), "{error:?}");
        portal.run(seen("dropped".to_owned())).await // cancelled by this actor's drop
    })
    .await
}

#[tractor::test]
async fn nurseries_side_by_side_have_children_of_their_own() -> Result<()> {
    in_root(async |tree| {
        let pids = try_join_all((0..3).map(|number| {
            tractor::open_nursery(async move |an| -> Result<_> {
                let worker = start(an, tree.name(&number.to_string()), module_path!()).await?;
                assert_eq!(an.children().len(), 1);
                worker.cancel_actor().await?;
                Ok(worker.pid())
            })
        }))
        .await?;
        assert!(pids[0] != pids[1] && pids[1] != pids[2] && pids.iter().all(Option::is_some), "{pids:?}");
        Ok(())
    })
    .await
}

#[tractor::test]
async fn children_of_one_nursery_are_born_at_once() -> Result<()> {
    in_nursery(async |tree, an| {
        let names = ["a", "b", "c"].map(|name| tree.name(name));
        let births = names.iter().map(|name| an.start_actor(name.as_str()).expose(double).into_future());
        let portals = try_join_all(births).await?;
        assert!(portals.iter().map(|portal| portal.uid().name()).eq(&names));
        an.cancel().await;
        Ok(())
    })
    .await
}
