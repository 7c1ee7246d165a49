//! Cancelled contexts: the canceller, the actors that learn of it, and the side for which it is an error.

use support::journal::{NoteOnDrop, entries, note, seen};
use support::{Spoiled, forever, in_nursery, spoiled, start, until_cancelled, with_local, with_process};
use tractor::error::ContextCancelled;
use tractor::prelude::*;
use tractor::{Error, Result, Uid};

#[tractor::context(started = ())]
async fn sleeps(ctx: Context<(), (), ()>) -> tractor::Result<u64> {
    let _note = NoteOnDrop("dropped");
    let _ctx = ctx.started(()).await?;
    note("asleep");
    forever().await;
    Ok(1)
}

#[tractor::context(started = ())]
async fn naps(ctx: Context<(), (), ()>) -> tractor::Result<u64> {
    let _ctx = ctx.started(()).await?;
    seen("go".to_owned()).await;
    Ok(1)
}

#[tractor::actor_fn]
async fn go() {
    note("go");
}

#[tractor::context(started = ())]
async fn fails_when_cancelled(ctx: Context<(), (), ()>) -> std::result::Result<u64, Spoiled> {
    let _ctx = ctx.started(()).await.or_else(|_| spoiled("not started"))?;
    until_cancelled(async {
        note("asleep");
        forever().await;
    })
    .await;
    spoiled("failed while it was cancelled")
}

#[tractor::context(started = ())]
async fn gives_up(ctx: Context<(), (), ()>, returns: bool) -> tractor::Result<u64> {
    let ctx = ctx.started(()).await?;
    ctx.cancel();
    if !returns {
        forever().await;
    }
    Ok(1)
}

#[tractor::context(started = ())]
async fn ends_its_actor(ctx: Context<(), (), ()>) -> tractor::Result<u64> {
    let _ctx = ctx.started(()).await?;
    tractor::current_actor().cancel_soon();
    forever().await;
    Ok(1)
}

/// A destructor that panics.
#[tractor::context(started = ())]
async fn drops_badly(ctx: Context<(), (), ()>) -> tractor::Result<u64> {
    struct Bad;
    impl Drop for Bad {
        fn drop(&mut self) {
            panic!("a destructor that panics on purpose");
        }
    }
    let _bad = Bad;
    let _ctx = ctx.started(()).await?;
    forever().await;
    Ok(1)
}

#[tractor::actor_fn]
async fn address() -> String {
    tractor::current_actor().addrs()[0].to_string()
}

/// Ends the actor at this address.
#[tractor::actor_fn]
async fn cancels(addr: String) -> tractor::Result<()> {
    let addr = addr.parse().expect("`address` made it");
    tractor::connect(&addr, async |guest| guest.cancel_actor().await.map(drop)).await
}

/// Holds a context in the actor at this address.
#[tractor::context(started = ())]
async fn holds(ctx: Context<(), (), ()>, addr: String) -> tractor::Result<u64> {
    let addr = addr.parse().expect("`address` made it");
    tractor::connect(&addr, async |below| {
        below
            .open_context(sleeps(), async |inner, ()| {
                let _ctx = ctx.started(()).await?;
                inner.wait_for_result().await
            })
            .await
    })
    .await
}

fn cancelled(error: Error) -> ContextCancelled {
    match error {
        Error::Cancelled(cancelled) => cancelled,
        other => panic!("not a cancellation: {other:?}"),
    }
}

fn us() -> Uid {
    tractor::current_actor().uid().clone()
}

#[tractor::test]
async fn a_cancellation_that_the_body_asked_for_is_quiet() -> Result<()> {
    with_process(module_path!(), async |worker| {
        let told = worker
            .open_context(sleeps(), async |ctx, ()| -> Result<ContextCancelled> {
                worker.run(seen("asleep".to_owned())).await?;
                assert!(ctx.cancel().await?, "acknowledged in time");
                assert!(ctx.cancel().await?, "a second request changes nothing");
                let told = cancelled(ctx.handle().wait_for_result().await.unwrap_err());
                assert_eq!(
                    cancelled(ctx.handle().wait_for_result().await.unwrap_err()).src_uid(),
                    told.src_uid()
                );
                let late = ctx.open_stream().receive().await.unwrap_err();
                assert!(cancelled(late).canceller() == told.canceller());
                Ok(told)
            })
            .await?;
        assert_eq!(told.src_uid(), worker.uid());
        assert_eq!(told.canceller(), Some(&us()));
        assert_eq!(worker.run(entries()).await?, ["asleep", "dropped"]);
        Ok(())
    })
    .await
}

/// On several threads the answer may come after any number of polls of the body.
#[tractor::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_several_threads_a_cancellation_is_as_quiet() -> Result<()> {
    with_local(module_path!(), async |worker| {
        for _round in 0..500 {
            worker
                .open_context(sleeps(), async |ctx, ()| -> Result<()> {
                    assert!(ctx.cancel().await?, "acknowledged in time");
                    Ok(())
                })
                .await?;
        }
        Ok(())
    })
    .await
}

#[tractor::test]
async fn a_body_that_goes_on_after_its_cancellation_is_ended() -> Result<()> {
    with_local(module_path!(), async |worker| {
        let opened: Result<()> = worker
            .open_context(sleeps(), async |ctx, ()| {
                ctx.cancel().await?;
                forever().await;
                Ok(())
            })
            .await;
        // The body was dropped and has no value: the scope can only return the reason.
        assert_eq!(cancelled(opened.unwrap_err()).canceller(), Some(&us()));
        Ok(())
    })
    .await
}

#[tractor::test]
async fn a_result_that_came_before_the_cancellation_stands() -> Result<()> {
    with_process(module_path!(), async |worker| {
        let result = worker
            .open_context(naps(), async |ctx, ()| -> Result<u64> {
                worker.run(go()).await?;
                assert_eq!(ctx.handle().wait_for_result().await?, 1);
                assert!(ctx.cancel().await?);
                ctx.wait_for_result().await
            })
            .await?;
        assert_eq!(result, 1);
        Ok(())
    })
    .await
}

#[tractor::test]
async fn a_failure_during_the_cancellation_is_raised() -> Result<()> {
    with_process(module_path!(), async |worker| {
        let opened: Result<()> = worker
            .open_context(fails_when_cancelled(), async |ctx, ()| {
                worker.run(seen("asleep".to_owned())).await?;
                ctx.cancel().await?;
                Ok(())
            })
            .await;
        let error = opened.unwrap_err();
        let remote = error.as_remote().expect("a real failure is no cancellation");
        assert_eq!((remote.src_type(), remote.message()), ("Spoiled", "failed while it was cancelled"));
        Ok(())
    })
    .await
}

#[tractor::test]
async fn a_child_side_that_cancels_itself_is_the_canceller() -> Result<()> {
    with_process(module_path!(), async |worker| {
        for returns in [false, true] {
            let opened =
                worker.open_context(gives_up(returns), async |ctx, ()| ctx.wait_for_result().await).await;
            let told = cancelled(opened.unwrap_err());
            assert_eq!(told.src_uid(), worker.uid());
            assert_eq!(told.canceller(), Some(worker.uid()));
            assert!(told.to_string().contains("itself"), "{told}");
        }
        assert_eq!(worker.run(entries()).await?, [""; 0], "the actor goes on");
        Ok(())
    })
    .await
}

#[tractor::test]
async fn an_actor_that_ends_itself_is_the_canceller_of_its_contexts() -> Result<()> {
    in_nursery(async |tree, an| {
        let worker = start(an, tree.name("worker"), module_path!()).await?;
        let opened = worker.open_context(ends_its_actor(), async |ctx, ()| ctx.wait_for_result().await).await;
        let told = cancelled(opened.unwrap_err());
        assert_eq!((told.src_uid(), told.canceller()), (worker.uid(), Some(worker.uid())));
        Ok(())
    })
    .await
}

#[tractor::test]
async fn ending_the_actor_cancels_all_its_contexts_and_is_raised_by_each() -> Result<()> {
    in_nursery(async |tree, an| {
        let worker = start(an, tree.name("worker"), module_path!()).await?;
        let sleep = || worker.open_context(sleeps(), async |ctx, ()| ctx.wait_for_result().await);
        let end = async {
            while worker.run(entries()).await?.len() < 2 {}
            worker.cancel_actor().await
        };
        let (one, two, ended) = tokio::join!(sleep(), sleep(), end);
        assert!(ended?.is_in_order());
        for opened in [one, two] {
            let told = cancelled(opened.unwrap_err());
            assert_eq!((told.src_uid(), told.canceller()), (worker.uid(), Some(&us())));
        }
        Ok(())
    })
    .await
}

#[tractor::test]
async fn a_cancellation_by_a_third_actor_names_it() -> Result<()> {
    in_nursery(async |tree, an| {
        let kid = an.start_actor(tree.name("kid")).enable_module(module_path!()).listen().await?;
        let canceller = start(an, tree.name("canceller"), module_path!()).await?;
        let opened: Result<()> = kid
            .open_context(sleeps(), async |ctx, ()| {
                let addr = kid.run(address()).await?;
                canceller.run(cancels(addr)).await?;
                ctx.wait_for_result().await.map(drop)
            })
            .await;
        let told = cancelled(opened.unwrap_err());
        assert_eq!((told.src_uid(), told.canceller()), (kid.uid(), Some(canceller.uid())));
        canceller.cancel_actor().await?;
        Ok(())
    })
    .await
}

/// Sends one value and waits.
#[tractor::stream]
async fn ticks_once(out: StreamSender<u64>) -> tractor::Result<()> {
    out.send(1).await?;
    forever().await;
    Ok(())
}

#[tractor::test]
async fn a_one_way_stream_that_a_third_actor_cancels_does_not_just_end() -> Result<()> {
    in_nursery(async |tree, an| {
        let kid = an.start_actor(tree.name("kid")).enable_module(module_path!()).listen().await?;
        let canceller = start(an, tree.name("canceller"), module_path!()).await?;
        let opened: Result<()> = kid
            .open_stream_from(ticks_once(), async |mut stream| {
                let addr = kid.run(address()).await?;
                canceller.run(cancels(addr)).await?;
                assert_eq!(stream.receive().await?, Some(1));
                stream.receive().await.map(|received| panic!("got {received:?}"))
            })
            .await;
        let told = cancelled(opened.unwrap_err());
        assert_eq!((told.src_uid(), told.canceller()), (kid.uid(), Some(canceller.uid())));
        canceller.cancel_actor().await?;
        Ok(())
    })
    .await
}

#[tractor::test]
async fn a_one_way_stream_ends_with_a_cancellation_of_its_actor_by_any_peer() -> Result<()> {
    with_local(module_path!(), async |worker| {
        let opened: Result<()> = worker
            .open_stream_from(ticks_once(), async |mut stream| {
                assert_eq!(stream.receive().await?, Some(1));
                worker.cancel_actor().await?;
                stream.receive().await.map(|received| panic!("got {received:?}"))
            })
            .await;
        let told = cancelled(opened.unwrap_err());
        assert_eq!((told.src_uid(), told.canceller()), (worker.uid(), Some(&us())));
        Ok(())
    })
    .await
}

#[tractor::test]
async fn a_relayed_cancellation_is_an_error_for_actors_that_did_not_ask_for_it() -> Result<()> {
    in_nursery(async |tree, an| {
        let bob = an
            .start_actor(tree.name("bob"))
            .enable_module(module_path!())
            .enable_module(support::journal::MODULE);
        let bob = bob.listen().await?;
        let kid = start(an, tree.name("kid"), module_path!()).await?;
        let addr = bob.run(address()).await?;
        let opened: Result<()> = kid
            .open_context(holds(addr), async |ctx, ()| {
                bob.run(seen("asleep".to_owned())).await?;
                assert!(bob.cancel_actor().await?.is_in_order());
                ctx.wait_for_result().await.map(drop)
            })
            .await;
        let told = cancelled(opened.unwrap_err());
        assert_eq!((told.src_uid(), told.canceller()), (kid.uid(), Some(&us())));
        assert_eq!(told.relay_path(), [bob.uid().clone(), kid.uid().clone()]);
        kid.cancel_actor().await?;
        Ok(())
    })
    .await
}

#[tractor::test]
async fn cancelling_one_context_leaves_its_neighbours_alone() -> Result<()> {
    with_process(module_path!(), async |worker| {
        let result = worker
            .open_context(naps(), async |kept, ()| -> Result<u64> {
                worker
                    .open_context(sleeps(), async |ctx, ()| -> Result<()> {
                        ctx.cancel().await?;
                        Ok(())
                    })
                    .await?;
                worker.run(go()).await?;
                kept.wait_for_result().await
            })
            .await?;
        assert_eq!(result, 1);
        Ok(())
    })
    .await
}

#[tractor::test]
async fn a_destructor_that_panics_does_not_stop_a_cancellation() -> Result<()> {
    with_process(module_path!(), async |worker| {
        worker
            .open_context(drops_badly(), async |ctx, ()| -> Result<()> {
                // A backtrace may take longer than the usual time limit.
                assert!(ctx.cancel().timeout(std::time::Duration::from_secs(60)).await?);
                Ok(())
            })
            .await?;
        assert_eq!(worker.run(entries()).await?, [""; 0], "the actor goes on");
        Ok(())
    })
    .await
}
