//! A whole actor ends, from inside or through a portal: the result for each side.

use std::sync::Mutex;
use std::time::Duration;

use rustix::process::Signal;
use support::journal::seen;
use support::processes::{pid_of, signal};
use support::{forever, in_nursery, in_root, start, tree, until, with_local};
use tractor::{ActorOptions, Context, DynCall, Error, Result, Side};
use tractor_core::proto::msg::FuncType;

use crate::wire_support::endpoints::watch;
use crate::wire_support::script::kwargs;
use crate::wire_support::{Peer, host};

/// Longer than any test here takes.
const AMPLE: Duration = Duration::from_secs(3600);

#[tractor::actor_fn]
async fn ends_its_actor(shielded: bool) -> u64 {
    let actor = tractor::current_actor();
    if shielded {
        tractor::shield(actor.cancel()).await;
    } else {
        actor.cancel().await;
    }
    forever().await;
    0
}

#[tractor::actor_fn]
async fn idles() {
    forever().await;
}

/// Ends slowly, and reports its side of the context.
#[tractor::context(started = String, returns = ())]
async fn lingers(ctx: Context<String, (), ()>, millis: u64) -> Result<()> {
    let sides = format!("{} and {}", ctx.side(), ctx.side().other());
    assert!(ctx.maybe_error().is_none());
    let _ctx = ctx.started(sides).await?;
    tractor::shield(async {
        support::journal::note("shielded");
        tokio::time::sleep(Duration::from_millis(millis)).await;
    })
    .await;
    Ok(())
}

#[tokio::test]
async fn an_actor_that_is_cancelled_has_ended_its_requests_and_takes_none() {
    host("cancel-actor", ActorOptions::new(), async |actor, addr| {
        let mut held = watch("cancel-actor");
        let mut peer = Peer::base(addr).await;
        peer.start("c1", "holds", kwargs("key", "cancel-actor")).await;
        peer.expect_ack("c1", FuncType::AsyncFunc).await;
        held.expect("started").await;
        actor.cancel().await;
        assert!(!held.is_quiet(), "the request has been dropped already");
        actor.cancel().await;
        let told = peer.expect_error("c1", "ContextCancelled").await;
        assert_eq!(told.canceller.as_ref(), Some(actor.uid()), "the actor itself is the canceller");
        peer.start("c2", "echo", kwargs("value", 1)).await;
        let refused = peer.expect_error("c2", "ContextCancelled").await;
        assert_eq!(refused.canceller.as_ref(), Some(actor.uid()));
    })
    .await;
}

#[tractor::test]
async fn an_endpoint_that_ends_its_actor_ends_with_it() -> Result<()> {
    tree(async |tree| {
        for shielded in [false, true] {
            tractor::open_nursery(async |an| -> Result<()> {
                let worker = start(an, tree.name("worker"), module_path!()).await?;
                let Error::Cancelled(told) = worker.run(ends_its_actor(shielded)).await.unwrap_err() else {
                    panic!("its actor has ended")
                };
                assert_eq!(told.canceller(), Some(worker.uid()));
                until(|| an.children().is_empty()).await;
                Ok(())
            })
            .await?;
        }
        Ok(())
    })
    .await
}

#[tokio::test(start_paused = true)]
async fn a_request_to_cancel_a_context_waits_as_long_as_it_is_told() -> Result<()> {
    with_local(module_path!(), async |portal| {
        portal
            .open_context(lingers(1_000), async |ctx, sides| {
                assert_eq!(sides, "child and parent");
                assert_eq!((ctx.side(), ctx.side().other()), (Side::Parent, Side::Child));
                portal.run(seen("shielded".to_owned())).await?;
                let begun = tokio::time::Instant::now();
                assert!(!ctx.cancel().await?);
                assert_eq!(begun.elapsed().as_millis(), 616, "`Timeouts::context_cancel`");
                assert!(!ctx.cancel().timeout(Duration::from_millis(100)).await?);
                assert_eq!(begun.elapsed().as_millis(), 716);
                assert!(ctx.maybe_error().is_none());
                assert!(ctx.cancel().timeout(AMPLE).await?);
                assert!(ctx.cancel_acked());
                assert!(matches!(ctx.maybe_error(), Some(Error::Cancelled(_))), "{:?}", ctx.maybe_error());
                Ok(())
            })
            .await
    })
    .await
}

#[tractor::test]
async fn a_nursery_knows_whether_its_cancellation_has_ended_anything() -> Result<()> {
    in_root(async |tree| {
        let kept = Mutex::new(None);
        let keep =
            |an: &tractor::ActorNursery| *kept.lock().expect("the lock is not poisoned") = Some(an.clone());
        let known = || {
            let kept = kept.lock().expect("the lock is not poisoned").take().expect("it was kept");
            (kept.cancel_called(), kept.cancelled_caught())
        };
        // There was nothing to end.
        tractor::open_nursery(async |an| -> Result<()> {
            keep(an);
            an.cancel().await;
            assert!(!an.cancelled_caught());
            Ok(())
        })
        .await?;
        assert_eq!(known(), (true, false));
        // It ended by itself.
        tractor::open_nursery(async |an| -> Result<()> {
            keep(an);
            let worker = start(an, tree.name("worker"), module_path!()).await?;
            worker.cancel_actor().await?;
            Ok(())
        })
        .await?;
        assert_eq!(known(), (false, false));
        // A child was alive.
        tractor::open_nursery(async |an| -> Result<()> {
            keep(an);
            start(an, tree.name("worker"), module_path!()).await?;
            an.cancel().await;
            assert!(an.cancelled_caught());
            Ok(())
        })
        .await?;
        assert_eq!(known(), (true, true));
        // A child has failed, which has dropped the body.
        let failed: Result<()> = tractor::open_nursery(async |an| {
            keep(an);
            let worker = start(an, tree.name("worker"), module_path!()).await?;
            support::processes::signal(pid_of(&worker), rustix::process::Signal::KILL);
            forever().await;
            Ok(())
        })
        .await;
        assert!(failed.is_err());
        assert_eq!(known(), (true, true));
        // The body has failed.
        let failed: Result<()> = tractor::open_nursery(async |an| {
            keep(an);
            let worker = start(an, tree.name("worker"), module_path!()).await?;
            worker.run(idles()).deadline(Duration::from_millis(20)).await
        })
        .await;
        assert!(matches!(failed, Err(Error::DeadlineExceeded(_))), "{failed:?}");
        assert_eq!(known(), (true, true));
        Ok(())
    })
    .await
}

#[tractor::test]
async fn a_request_to_end_that_was_never_sent_excuses_no_death() -> Result<()> {
    tree(async |tree| {
        let left: Result<()> = tractor::open_nursery(async |an| {
            let portal = start(an, tree.name("child"), module_path!()).await?;
            let refused =
                portal.deadline(Duration::ZERO).run_dyn::<bool>(DynCall::new("self", "cancel")).await;
            assert!(matches!(refused, Err(Error::DeadlineExceeded(_))), "{refused:?}");
            signal(pid_of(&portal), Signal::KILL);
            Ok(())
        })
        .await;
        assert!(matches!(&left, Err(Error::Died(_))), "{left:?}");
        Ok(())
    })
    .await
}

#[tractor::test]
async fn an_actor_that_is_cancelled_by_name_has_not_died() -> Result<()> {
    in_nursery(async |tree, an| {
        let worker = start(an, tree.name("worker"), module_path!()).await?;
        assert!(worker.run_dyn::<bool>(DynCall::new("self", "cancel")).await?);
        Ok(())
    })
    .await
}
