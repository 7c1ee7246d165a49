//! Limits and timeouts go down the tree: what the root was given holds in every actor below, unless one is given others.

mod support;

use std::time::Duration;

use support::{Tree, start, tree};
use tractor::{ActorOptions, Limits, Result, Timeouts};

/// Large enough for every message but the ones that are too large on purpose.
const FRAME_BYTES: usize = 64 * 1024;

#[tractor::actor_fn]
async fn bytes(len: usize) -> String {
    "x".repeat(len)
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

/// What this actor says of one below that is stuck and does not acknowledge a cancellation.
#[tractor::actor_fn]
async fn waits_for_a_stuck_one(name: String) -> Result<String> {
    tractor::open_nursery(async |an| {
        let below = start(an, name, module_path!()).await?;
        let spinning = below.run(spins()).deadline(Duration::from_millis(50)).await;
        assert!(spinning.is_err());
        let asked = below.cancel_actor().raise_on_timeout().await;
        an.cancel().await;
        Ok(asked.expect_err("it spins").to_string())
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
    let mut limits = Limits::default();
    limits.frame_bytes_max = FRAME_BYTES;
    limits
}

fn hasty() -> Timeouts {
    let mut timeouts = Timeouts::default();
    timeouts.actor_cancel = Duration::from_millis(77);
    timeouts.terminate = Duration::from_millis(99);
    timeouts
}

async fn under(
    tree: &Tree,
    options: ActorOptions,
    body: impl AsyncFnOnce(&Tree) -> Result<()>,
) -> Result<()> {
    tractor::open_root_actor(options, async |_| body(tree).await).await
}

#[tractor::test]
async fn the_root_s_limits_hold_in_children_and_grandchildren() -> Result<()> {
    tree(async |tree| {
        under(tree, ActorOptions::new().limits(small()), async |tree| {
            tractor::open_nursery(async |an| {
                let child = start(an, tree.name("child"), module_path!()).await?;
                assert_eq!(child.run(bytes(FRAME_BYTES / 2)).await?.len(), FRAME_BYTES / 2);
                let own = child.run(bytes(FRAME_BYTES)).await.expect_err("the child refuses to send it");
                let remote = own.as_remote().expect("it is the child's own refusal");
                assert_eq!(remote.src_uid(), child.uid());
                assert!(remote.message().contains("frame_bytes_max"), "{remote}");
                let below = child.run(bytes_from_below(tree.name("below"), FRAME_BYTES)).await;
                let remote = below.expect_err("the grandchild refuses to send it");
                let remote = remote.as_remote().expect("relayed");
                assert!(remote.src_uid().name().ends_with("below"), "{remote}");
                assert!(remote.message().contains("frame_bytes_max"), "{remote}");
                child.cancel_actor().await?;
                Ok(())
            })
            .await
        })
        .await
    })
    .await
}

#[tractor::test]
async fn a_child_may_be_given_limits_of_its_own() -> Result<()> {
    tree(async |tree| {
        tractor::open_nursery(async |an| {
            let usual = start(an, tree.name("usual"), module_path!()).await?;
            let small =
                an.start_actor(tree.name("small")).enable_module(module_path!()).limits(small()).await?;
            assert_eq!(usual.run(bytes(FRAME_BYTES)).await?.len(), FRAME_BYTES);
            assert!(small.run(bytes(FRAME_BYTES)).await.is_err());
            // And so have those below it.
            let below = small.run(bytes_from_below(tree.name("below"), FRAME_BYTES)).await;
            assert!(below.expect_err("refused").to_string().contains("frame_bytes_max"));
            an.cancel().await;
            Ok(())
        })
        .await
    })
    .await
}

#[tractor::test]
async fn the_root_s_timeouts_hold_in_children() -> Result<()> {
    tree(async |tree| {
        under(tree, ActorOptions::new().timeouts(hasty()), async |tree| {
            tractor::open_nursery(async |an| {
                let child = an.start_actor(tree.name("child")).enable_module(module_path!());
                let other = {
                    let mut timeouts = hasty();
                    timeouts.actor_cancel = Duration::from_millis(33);
                    an.start_actor(tree.name("other")).enable_module(module_path!()).timeouts(timeouts)
                };
                let (child, other) = (child.await?, other.await?);
                let told = child.run(waits_for_a_stuck_one(tree.name("stuck"))).await?;
                assert!(told.contains("within 77ms (`Timeouts::actor_cancel`)"), "{told}");
                let told = other.run(waits_for_a_stuck_one(tree.name("too"))).await?;
                assert!(told.contains("within 33ms (`Timeouts::actor_cancel`)"), "{told}");
                an.cancel().await;
                Ok(())
            })
            .await
        })
        .await
    })
    .await
}

#[tokio::test]
async fn a_time_without_end_is_a_time() -> Result<()> {
    let mut timeouts = Timeouts::default();
    timeouts.context_cancel = Duration::MAX;
    timeouts.actor_cancel = Duration::MAX;
    timeouts.nursery_cancel = Duration::MAX;
    timeouts.drain = Duration::MAX;
    let options = ActorOptions::new().timeouts(timeouts.clone());
    tractor::open_root_actor(options, async |_| {
        let options = ActorOptions::new().enable_module(module_path!()).timeouts(timeouts);
        tractor::with_local_actor(options, async |portal| {
            assert_eq!(portal.run(bytes(1)).await?, "x");
            assert!(portal.cancel_actor().await?);
            Ok(())
        })
        .await
    })
    .await
}
