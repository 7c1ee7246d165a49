//! Limits and timeouts are inherited: those of the root hold in every actor below that has none of its own.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use support::{in_nursery, in_nursery_with, start};
use tractor::prelude::*;
use tractor::{ActorOptions, Error, Limits, Result, StartActor, Timeouts};
use tractor_core::proto::limits::FRAME_BYTES_MAX_LEAST;

/// Large enough for every message that is not too large on purpose.
const FRAME_BYTES: usize = 64 * 1024;

#[tractor::actor_fn]
async fn bytes(len: usize) -> String {
    "x".repeat(len)
}

#[tractor::actor_fn]
async fn length(text: String) -> usize {
    text.len()
}

#[tractor::actor_fn]
async fn fails_with(len: usize) -> std::result::Result<(), Long> {
    Err(Long("x".repeat(len)))
}

#[derive(Debug, thiserror::Error, Serialize, Deserialize)]
#[error("{0}")]
struct Long(String);

/// Returns a text of the length of its argument, or the reason why it could not be sent.
#[tractor::context(started = (), send = String, recv = String, returns = Option<String>)]
async fn mirrors(ctx: Context<(), String, String>) -> Result<Option<String>> {
    let ctx = ctx.started(()).await?;
    let mut stream = ctx.open_stream();
    while let Some(text) = stream.receive().await? {
        let mirrored = text.repeat(2);
        if let Err(error) = stream.send(&mirrored).await {
            return Ok(Some(error.to_string()));
        }
    }
    Ok(None)
}

/// Asks an actor below this one for a result of `len` bytes, which that actor has to send.
#[tractor::actor_fn]
async fn bytes_from_below(name: String, len: usize) -> Result<usize> {
    tractor::open_nursery(async |an| {
        let below = start(an, name, module_path!()).await?;
        let result = below.run(bytes(len)).await;
        below.cancel_actor().await?;
        result.map(|text| text.len())
    })
    .await
}

/// The error that this actor gets from an actor below, which is stuck and does not acknowledge a cancellation.
#[tractor::actor_fn]
async fn waits_for_a_stuck_one(name: String) -> Result<String> {
    tractor::open_nursery(async |an| {
        let below = start(an, name, module_path!()).await?;
        let spinning = below.run(spins()).deadline(Duration::from_millis(50)).await;
        assert!(spinning.is_err());
        Ok(below.cancel_actor().await?.to_string())
    })
    .await
}

#[tractor::actor_fn]
async fn spins() {
    loop {
        std::hint::spin_loop();
    }
}

fn small() -> Limits {
    Limits::default().frame_bytes_max(FRAME_BYTES)
}

fn hasty() -> Timeouts {
    Timeouts::default().actor_cancel(Duration::from_millis(77)).terminate(Duration::from_millis(99))
}

#[tractor::test]
async fn the_root_s_limits_hold_in_children_and_grandchildren() -> Result<()> {
    in_nursery_with(ActorOptions::new().limits(small()), async |tree, an| {
        let child = start(an, tree.name("child"), module_path!()).await?;
        assert_eq!(child.run(bytes(FRAME_BYTES / 2)).await?.len(), FRAME_BYTES / 2);
        let own = child.run(bytes(FRAME_BYTES)).await.expect_err("the child refuses to send it");
        let remote = own.as_remote().expect("the error is remote");
        assert_eq!(remote.src_uid(), child.uid());
        assert!(remote.message().contains("frame_bytes_max"), "{remote}");
        let below = child.run(bytes_from_below(tree.name("below"), FRAME_BYTES)).await;
        let remote = below.expect_err("the grandchild refuses to send it");
        let remote = remote.as_remote().expect("the error was relayed");
        assert!(remote.src_uid().name().ends_with("below"), "{remote}");
        assert!(remote.message().contains("frame_bytes_max"), "{remote}");
        child.cancel_actor().await?;
        Ok(())
    })
    .await
}

#[tractor::test]
async fn a_child_may_be_given_limits_of_its_own() -> Result<()> {
    in_nursery(async |tree, an| {
        let usual = start(an, tree.name("usual"), module_path!()).await?;
        let small = an.start_actor(tree.name("small")).enable_module(module_path!()).limits(small()).await?;
        assert_eq!(usual.run(bytes(FRAME_BYTES)).await?.len(), FRAME_BYTES);
        assert!(small.run(bytes(FRAME_BYTES)).await.is_err());
        // The actors below it inherit these limits.
        let below = small.run(bytes_from_below(tree.name("below"), FRAME_BYTES)).await;
        assert!(below.expect_err("the request is refused").to_string().contains("frame_bytes_max"));
        an.cancel().await;
        Ok(())
    })
    .await
}

/// Checks that a failure is about this limit. Returns the actor that has found it; `None` for this one.
#[track_caller]
fn refusal(error: &Error, whose: &str) -> Option<String> {
    let text = error.to_string();
    assert!(text.contains(&format!("over {whose}frame_bytes_max = {FRAME_BYTES}")), "{text}");
    error.as_remote().map(|remote| remote.src_uid().name().to_owned())
}

/// `portal` accepts less than this actor. Only messages that are too large are lost.
async fn sends_to_a_smaller_one(portal: &Portal) -> Result<()> {
    for _ in 0..2 {
        let error = portal.run(length("x".repeat(FRAME_BYTES))).await.expect_err("it is too large");
        assert_eq!(refusal(&error, "the peer's "), None, "this side refuses to send it");
        assert_eq!(portal.run(length("x".to_owned())).await?, 1);
    }
    portal
        .open_context(mirrors(), async |ctx, ()| {
            let handle = ctx.handle();
            let mut stream = ctx.open_stream();
            let error = stream.send("x".repeat(FRAME_BYTES)).await.expect_err("it is too large");
            assert_eq!(refusal(&error, "the peer's "), None);
            stream.send("x".to_owned()).await?;
            assert_eq!(stream.receive().await?.as_deref(), Some("xx"));
            stream.close();
            assert_eq!(handle.wait_for_result().await?, None);
            Ok(())
        })
        .await
}

/// `portal` accepts more than this actor.
async fn receives_from_a_larger_one(portal: &Portal) -> Result<()> {
    for _ in 0..2 {
        let error = portal.run(bytes(FRAME_BYTES)).await.expect_err("it is too large");
        assert_eq!(
            refusal(&error, "the peer's ").as_deref(),
            Some(portal.uid().name()),
            "the peer refuses to send it"
        );
        assert_eq!(portal.run(bytes(1)).await?, "x");
    }
    let error = portal.run(fails_with(FRAME_BYTES)).await.expect_err("it fails");
    let remote = error.as_remote().expect("the error is remote");
    assert!(remote.message().starts_with("xxx"), "{remote}");
    portal
        .open_context(mirrors(), async |ctx, ()| {
            let handle = ctx.handle();
            let stream = ctx.open_stream();
            stream.send("x".repeat(FRAME_BYTES - 200)).await?;
            let refused = handle.wait_for_result().await?.expect("it is too large");
            assert!(refused.contains("over the peer's frame_bytes_max"), "{refused}");
            Ok(())
        })
        .await
}

#[tractor::test]
async fn frames_too_large_for_a_child_or_parent_fail_at_the_sender() -> Result<()> {
    in_nursery(async |tree, an| {
        let child = an.start_actor(tree.name("small")).enable_module(module_path!()).limits(small()).await?;
        sends_to_a_smaller_one(&child).await?;
        an.cancel().await;
        Ok(())
    })
    .await?;
    in_nursery_with(ActorOptions::new().limits(small()), async |tree, an| {
        let large = an.start_actor(tree.name("large")).enable_module(module_path!());
        receives_from_a_larger_one(&large.limits(Limits::default()).await?).await?;
        an.cancel().await;
        Ok(())
    })
    .await
}

fn tiny() -> Limits {
    Limits::default().frame_bytes_max(FRAME_BYTES_MAX_LEAST)
}

/// More modules than fit such a frame.
fn with_many_modules(mut child: StartActor) -> StartActor {
    for _ in 0..FRAME_BYTES_MAX_LEAST / module_path!().len() + 1 {
        child = child.enable_module(module_path!());
    }
    child
}

#[tractor::test]
async fn boot_data_over_the_limit_of_the_parent_is_an_error() -> Result<()> {
    in_nursery_with(ActorOptions::new().limits(tiny()), async |tree, an| {
        let child = with_many_modules(an.start_actor(tree.name("told"))).limits(Limits::default());
        let error = child.await.expect_err("it is too large").to_string();
        assert!(error.contains("too large: frame body of"), "{error}");
        assert!(error.ends_with("over frame_bytes_max = 4096"), "{error}");
        Ok(())
    })
    .await
}

#[tractor::test]
async fn boot_data_may_exceed_the_limit_of_the_child() -> Result<()> {
    in_nursery(async |tree, an| {
        let child = with_many_modules(an.start_actor(tree.name("tiny"))).limits(tiny()).await?;
        assert_eq!(child.run(length("x".to_owned())).await?, 1);
        assert!(child.run(length("x".repeat(FRAME_BYTES_MAX_LEAST))).await.is_err());
        an.cancel().await;
        Ok(())
    })
    .await
}

#[tokio::test]
async fn frames_too_large_for_a_connected_peer_fail_at_the_sender() -> Result<()> {
    let options = || ActorOptions::new().enable_module(module_path!());
    for (ours, theirs) in [(Limits::default(), small()), (small(), Limits::default())] {
        let is_larger = ours.frame_bytes_max > theirs.frame_bytes_max;
        tractor::open_root_actor(options().limits(ours), async |_| {
            tractor::with_local_actor(options().limits(theirs), async |portal| {
                if is_larger {
                    sends_to_a_smaller_one(portal).await
                } else {
                    receives_from_a_larger_one(portal).await
                }
            })
            .await
        })
        .await?;
    }
    Ok(())
}

#[tractor::test]
async fn the_root_s_timeouts_hold_in_children() -> Result<()> {
    in_nursery_with(ActorOptions::new().timeouts(hasty()), async |tree, an| {
        let child = an.start_actor(tree.name("child")).enable_module(module_path!());
        let other = {
            let timeouts = hasty().actor_cancel(Duration::from_millis(33));
            an.start_actor(tree.name("other")).enable_module(module_path!()).timeouts(timeouts)
        };
        let (child, other) = (child.await?, other.await?);
        let told = child.run(waits_for_a_stuck_one(tree.name("stuck"))).await?;
        assert!(told.contains("within 77ms that it ends (`Timeouts::actor_cancel`)"), "{told}");
        let told = other.run(waits_for_a_stuck_one(tree.name("too"))).await?;
        assert!(told.contains("within 33ms that it ends (`Timeouts::actor_cancel`)"), "{told}");
        an.cancel().await;
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_time_without_end_is_a_time() -> Result<()> {
    let ever = Duration::MAX;
    let timeouts =
        Timeouts::default().context_cancel(ever).actor_cancel(ever).nursery_cancel(ever).drain(ever);
    let options = ActorOptions::new().timeouts(timeouts.clone());
    tractor::open_root_actor(options, async |_| {
        let options = ActorOptions::new().enable_module(module_path!()).timeouts(timeouts);
        tractor::with_local_actor(options, async |portal| {
            assert_eq!(portal.run(bytes(1)).await?, "x");
            assert!(portal.cancel_actor().await?.is_in_order());
            Ok(())
        })
        .await
    })
    .await
}
