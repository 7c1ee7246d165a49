//! Endpoints that defer their cancellation.

use std::time::{Duration, Instant};

use support::journal::{NoteOnDrop, entries, note, seen};
use support::{
    Spoiled, forever, in_nursery, in_nursery_with, in_root, spoiled, start, tree, until, with_local,
    with_process,
};
use tokio::task::yield_now;
use tractor::prelude::*;
use tractor::{ActorOptions, ContextState, Error, Result, Timeouts, shield};

#[tractor::actor_fn]
async fn go(line: String) {
    note(line);
}

/// Records the canceller, and the state.
fn note_end<S, Tx, Rx, State>(ctx: &Context<S, Tx, Rx, State>) {
    let canceller = ctx.canceller().expect("it was cancelled");
    note(format!("{} by {}", ctx.state(), canceller.name()));
}

/// Waits in a shield until `go` is recorded. Then it returns 1, fails, or waits for ever.
#[tractor::context(started = ())]
async fn puts_off(ctx: Context<(), (), ()>, then: String) -> std::result::Result<u64, Spoiled> {
    let _note = NoteOnDrop("dropped");
    let ctx = ctx.started(()).await.or_else(|_| spoiled("not started"))?;
    shield(async {
        note("shielded");
        seen("go".to_owned()).await;
        yield_now().await;
        note_end(&ctx);
    })
    .await;
    match &*then {
        "return" => Ok(1),
        "fail" => spoiled("failed after its shield"),
        _ => {
            note("on its way");
            yield_now().await;
            note("too far");
            Ok(1)
        }
    }
}

#[tractor::context(started = ())]
async fn puts_off_twice(ctx: Context<(), (), ()>) -> tractor::Result<()> {
    let _note = NoteOnDrop("dropped");
    let _ctx = ctx.started(()).await?;
    let shielded = async |line: &str| {
        shield(shield(seen(line.to_owned()).into_future())).await;
        note(format!("after {line}"));
    };
    let inside = async {
        shield(yield_now()).await;
        note("shielded");
        tractor::current_actor().enter(shield(seen("three".to_owned()).into_future())).await;
        note("after three");
    };
    tokio::join!(shielded("one"), shielded("two"), inside);
    forever().await;
    Ok(())
}

/// Gives up its shield half-way.
#[tractor::context(started = ())]
async fn loses_patience(ctx: Context<(), (), ()>) -> tractor::Result<()> {
    let _note = NoteOnDrop("dropped");
    let _ctx = ctx.started(()).await?;
    note("shielded");
    tokio::select! {
        () = shield(forever()) => {}
        () = seen("go".to_owned()) => note("gave up"),
    }
    forever().await;
    Ok(())
}

/// Cleans up when it must end, and fails with its state and canceller.
#[tractor::context(started = ())]
async fn cleans_up(ctx: Context<(), (), ()>) -> std::result::Result<(), Spoiled> {
    let ctx = ctx.started(()).await.or_else(|_| spoiled("not started"))?;
    ctx.cancelled().await;
    shield(yield_now()).await;
    spoiled(&format!("{} by {}", ctx.state(), ctx.canceller().expect("it was cancelled").name()))
}

#[tractor::actor_fn]
async fn rewrites() -> u64 {
    shield(async {
        note("shielded");
        seen("go".to_owned()).await;
        note("rewritten");
    })
    .await;
    7
}

#[tractor::context(started = ())]
async fn reads_in_a_shield(ctx: Context<(), (), ()>) -> tractor::Result<()> {
    let ctx = ctx.started(()).await?;
    let handle = ctx.handle();
    let mut stream = ctx.open_stream();
    shield(async {
        note("reading");
        // The peer's `Stop` may be read before the end of the connection.
        let received = stream.receive().await;
        note(format!("received: {}", matches!(received, Ok(None) | Err(Error::Closed(_)))));
        let refused = loop {
            match stream.send(()).await {
                Ok(()) => yield_now().await,
                Err(error) => break error,
            }
        };
        note(format!("sent: {}", matches!(refused, Error::Closed(_))));
        note(handle.state().to_string());
    })
    .await;
    Ok(())
}

#[tractor::actor_fn]
async fn address() -> String {
    tractor::current_actor().addrs()[0].to_string()
}

#[tractor::context(started = ())]
async fn shields_for_ever(ctx: Context<(), (), ()>) -> tractor::Result<()> {
    let _ctx = ctx.started(()).await?;
    shield(forever()).await;
    Ok(())
}

#[tractor::test]
async fn a_shield_puts_the_drop_off_until_it_is_done() -> Result<()> {
    with_process(module_path!(), async |worker| {
        worker
            .open_context(puts_off("wait".to_owned()), async |ctx, ()| -> Result<()> {
                worker.run(seen("shielded".to_owned())).await?;
                let (acknowledged, went) = tokio::join!(ctx.cancel(), worker.run(go("go".to_owned())));
                went?;
                assert!(acknowledged?);
                assert!(ctx.cancel_acked());
                Ok(())
            })
            .await?;
        let by_root = format!("peer-cancelled by {}", tractor::current_actor().name());
        let noted = worker.run(entries()).await?;
        assert_eq!(noted, ["shielded", "go", &by_root, "on its way", "dropped"]);
        Ok(())
    })
    .await
}

#[tractor::test]
async fn a_value_returned_after_the_shield_is_still_a_cancellation_and_an_error_is_not() -> Result<()> {
    tree(async |_| {
        for then in ["return", "fail"] {
            with_local(module_path!(), async |worker| {
                let opened: Result<Error> = worker
                    .open_context(puts_off(then.to_owned()), async |ctx, ()| {
                        worker.run(seen("shielded".to_owned())).await?;
                        let (told, went) = tokio::join!(ctx.cancel(), worker.run(go("go".to_owned())));
                        assert!(told? && went.is_ok());
                        let error = ctx.handle().wait_for_result().await.unwrap_err();
                        let ends = (ctx.state(), ctx.cancel_called(), ctx.cancel_acked());
                        let expected =
                            if then == "fail" { ContextState::Errored } else { ContextState::SelfCancelled };
                        assert_eq!(ends, (expected, true, then != "fail"));
                        Ok(error)
                    })
                    .await;
                if then == "fail" {
                    let error = opened.unwrap_err();
                    let remote = error.as_remote().expect("it failed");
                    assert_eq!(remote.message(), "failed after its shield");
                } else {
                    assert!(opened?.is_cancelled());
                }
                Ok(())
            })
            .await?;
        }
        Ok(())
    })
    .await
}

#[tractor::test]
async fn shields_nest_and_the_last_one_counts() -> Result<()> {
    with_local(module_path!(), async |worker| {
        worker
            .open_context(puts_off_twice(), async |ctx, ()| -> Result<()> {
                worker.run(seen("shielded".to_owned())).await?;
                let finish = async {
                    for line in ["two", "one"] {
                        worker.run(go(line.to_owned())).await?;
                        worker.run(seen(format!("after {line}"))).await?;
                    }
                    worker.run(go("three".to_owned())).await
                };
                let (acknowledged, finished) = tokio::join!(ctx.cancel(), finish);
                assert!(acknowledged? && finished.is_ok());
                Ok(())
            })
            .await?;
        let expected =
            ["shielded", "two", "after two", "one", "after one", "three", "after three", "dropped"];
        assert_eq!(worker.run(entries()).await?, expected);
        Ok(())
    })
    .await
}

#[tractor::test]
async fn a_shield_that_is_dropped_protects_no_longer() -> Result<()> {
    with_local(module_path!(), async |worker| {
        worker
            .open_context(loses_patience(), async |ctx, ()| -> Result<()> {
                worker.run(seen("shielded".to_owned())).await?;
                let (told, went) = tokio::join!(ctx.cancel(), worker.run(go("go".to_owned())));
                assert!(told? && went.is_ok());
                Ok(())
            })
            .await?;
        assert_eq!(worker.run(entries()).await?, ["shielded", "go", "gave up", "dropped"]);
        Ok(())
    })
    .await
}

#[tractor::test]
async fn the_end_of_an_actor_waits_for_its_shields() -> Result<()> {
    in_nursery(async |tree, an| {
        let worker = start(an, tree.name("worker"), module_path!()).await?;
        let opened: Result<()> = worker
            .open_context(cleans_up(), async |ctx, ()| {
                let handle = ctx.handle();
                let (ended, result) = tokio::join!(worker.cancel_actor(), handle.wait_for_result());
                assert!(ended?.is_in_order());
                assert_eq!((ctx.state(), ctx.cancel_called()), (ContextState::Errored, false));
                result
            })
            .await;
        let error = opened.unwrap_err();
        let remote = error.as_remote().expect("it failed");
        let expected = format!("actor-cancelled by {}", tractor::current_actor().name());
        assert_eq!(remote.message(), expected);
        Ok(())
    })
    .await
}

#[tractor::test]
async fn a_call_that_is_dropped_finishes_its_shield() -> Result<()> {
    with_local(module_path!(), async |worker| {
        let mut call = worker.run(rewrites());
        assert!(support::poll_once(&mut call).await.is_pending());
        worker.run(seen("shielded".to_owned())).await?;
        drop(call);
        worker.run(go("go".to_owned())).await?;
        worker.run(seen("rewritten".to_owned())).await?;
        Ok(())
    })
    .await
}

#[tractor::test]
async fn nothing_waits_in_a_shield_for_a_connection_that_is_gone() -> Result<()> {
    in_nursery(async |tree, an| {
        let worker = an.start_actor(tree.name("worker")).enable_module(module_path!());
        let worker = worker.enable_module(support::journal::MODULE).listen().await?;
        let addr = worker.run(address()).await?.parse().expect("`address` made it");
        tractor::connect(&addr, async |guest| {
            let reads =
                guest.open_context(reads_in_a_shield(), async |ctx, ()| ctx.handle().wait_for_result().await);
            tokio::select! {
                ended = reads => panic!("the scope has ended too early: {ended:?}"),
                reading = worker.run(seen("reading".to_owned())) => reading,
            }
        })
        .await?;
        worker.run(seen("peer-cancelled".to_owned())).await?;
        let noted = worker.run(entries()).await?;
        assert_eq!(noted[..3], ["reading", "received: true", "sent: true"]);
        worker.cancel_actor().await?;
        Ok(())
    })
    .await
}

#[tractor::test]
async fn an_actor_that_shields_for_ever_is_ended_by_the_ladder() -> Result<()> {
    let short = Duration::from_millis(100);
    let timeouts = Timeouts::default().actor_cancel(short).terminate(short).nursery_cancel(short);
    in_nursery_with(ActorOptions::new().timeouts(timeouts), async |tree, an| {
        let worker = start(an, tree.name("worker"), module_path!()).await?;
        let mut begun = None;
        let left: Result<()> = worker
            .open_context(shields_for_ever(), async |_, ()| {
                begun = Some(Instant::now());
                an.cancel().await;
                Ok(())
            })
            .await;
        assert!(left.is_err(), "it never answered, and its end has dropped the body");
        an.cancel().await;
        until(|| tree.processes().is_empty()).await;
        let took = begun.expect("the context was opened").elapsed();
        assert!(took < Duration::from_secs(5), "{took:?}");
        Ok(())
    })
    .await
}

#[tractor::test]
async fn outside_of_an_endpoint_a_shield_just_runs() -> Result<()> {
    assert_eq!(shield(async { 1 }).await, 1);
    in_root(async |_| {
        assert_eq!(shield(async { 2 }).await, 2);
        let spawned = tokio::spawn(shield(async { 3 }));
        assert_eq!(spawned.await.expect("it does not panic"), 3);
        Ok(())
    })
    .await
}
