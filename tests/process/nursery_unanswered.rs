//! Requests to end a child that does not answer: each of them ends the child.

use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use support::processes::{pid_of, process};
use support::{Tree, in_nursery, in_nursery_with, in_root_with, poll_once, start, tree};
use tractor::{ActorEnd, DynCall, Error, Result, Supervision};

use crate::silent_support::{
    BOUND, MODULE, RUNG, WAYS, address, asks_to_end, cleans_up, hasty, keeps_a_silent_one, never_exits,
    silenced, with,
};

/// Runs a body with a fresh nursery for each way to fall silent.
async fn in_every_way(body: impl AsyncFn(&Tree, &tractor::ActorNursery, &str) -> Result<()>) -> Result<()> {
    in_root_with(with(hasty()), async |tree| {
        for how in WAYS {
            let begun = Instant::now();
            tractor::open_nursery(async |an| body(tree, an, how).await).await?;
            assert!(begun.elapsed() < BOUND, "{how}: {:?}", begun.elapsed());
            assert!(tree.processes().is_empty(), "{how}");
        }
        Ok(())
    })
    .await
}

fn was_killed(how: &str, end: &ActorEnd) {
    let ActorEnd::Killed(died) = end else { panic!("{how}: {end:?}") };
    assert!(matches!(died.signal(), Some(9 | 15)), "{how}: {died}");
    assert_eq!(died.signal() == Some(9), how == "ignores SIGTERM", "{how}: {died}");
    assert!(died.to_string().contains("did not acknowledge within 150ms"), "{died}");
    assert!(!end.is_in_order());
}

#[tractor::test]
async fn a_child_that_a_portal_asks_to_end_is_gone() -> Result<()> {
    in_every_way(async |tree, an, how| {
        let worker = start(an, tree.name("w"), MODULE).await?;
        let (end, dialog) = silenced(&worker, how, async || {
            let end = worker.cancel_actor().await;
            assert!(tree.processes().is_empty(), "{how}: it was reaped");
            end
        })
        .await;
        was_killed(how, &end?);
        assert!(matches!(dialog, Error::Died(_)), "{how}: {dialog:?}");
        // A second request returns the same.
        was_killed(how, &worker.cancel_actor().await?);
        Ok(())
    })
    .await
}

#[tractor::test]
async fn a_stuck_child_does_not_cost_its_parent_a_good_end() -> Result<()> {
    in_nursery(async |tree, an| {
        let middle = start(an, tree.name("middle"), MODULE).await?;
        let keep = keeps_a_silent_one(tree.name("below"));
        let left: Result<()> = middle
            .open_context(keep, async |ctx, ()| {
                let (end, result) = tokio::join!(middle.cancel_actor(), ctx.wait_for_result());
                let end = end?;
                assert!(matches!(end, ActorEnd::InOrder), "{end}");
                result
            })
            .await;
        assert!(left.expect_err("its actor was cancelled").is_cancelled());
        Ok(())
    })
    .await
}

#[tractor::test]
async fn a_child_that_its_nursery_asks_to_end_is_gone() -> Result<()> {
    in_every_way(async |tree, an, how| {
        let worker = start(an, tree.name("w"), MODULE).await?;
        let well = start(an, tree.name("well"), MODULE).await?;
        let (ends, _) = silenced(&worker, how, async || an.cancel().await).await;
        let [(first, killed), (second, ended)] = &*ends else { panic!("two children: {ends:?}") };
        assert_eq!((first, second), (worker.uid(), well.uid()));
        was_killed(how, killed);
        assert!(matches!(ended, ActorEnd::InOrder), "{ended:?}");
        Ok(())
    })
    .await
}

#[tractor::test]
async fn a_supervised_child_is_gone_after_the_supervisor_is_asked_to_end_it() -> Result<()> {
    in_every_way(async |tree, an, how| {
        let supervisor = an.supervise(Supervision::one_for_one());
        let set_up = |child: tractor::StartActor| child.enable_module(MODULE);
        let one = supervisor.child(tree.name("one"), set_up).await?;
        let two = supervisor.child(tree.name("two"), set_up).await?;
        let (end, _) = silenced(&one.portal().await?, how, async || one.cancel().await).await;
        was_killed(how, &end.expect("the child has ended"));
        let uid = two.portal().await?.uid().clone();
        let (ends, _) = silenced(&two.portal().await?, how, async || supervisor.cancel().await).await;
        let [(only, end)] = &*ends else { panic!("one child: {ends:?}") };
        assert_eq!(*only, uid);
        was_killed(how, end);
        assert!(supervisor.cancel().await.is_empty(), "no child is left");
        Ok(())
    })
    .await
}

#[tractor::test]
async fn a_nursery_that_is_left_returns_once_the_end_was_asked_for_in_passing() -> Result<()> {
    in_every_way(async |tree, an, how| {
        let worker = start(an, tree.name("w"), MODULE).await?;
        let asked = silenced(&worker, how, async || {
            let mut asking = worker.cancel_actor().into_future();
            assert!(poll_once(&mut asking).await.is_pending());
        })
        .await;
        assert!(matches!(asked.1, Error::Died(_)), "{:?}", asked.1);
        Ok(())
    })
    .await
}

#[tractor::test]
async fn a_request_by_name_and_one_over_another_connection_are_requests() -> Result<()> {
    in_every_way(async |tree, an, how| {
        let named = start(an, tree.name("named"), MODULE).await?;
        let ask = || named.run_dyn::<bool>(DynCall::new("self", "cancel"));
        let (asked, _) = silenced(&named, how, async || ask().await).await;
        assert!(matches!(asked, Err(Error::Died(_))), "{asked:?}");
        let far = an.start_actor(tree.name("far")).enable_module(MODULE).listen().await?;
        let addr = far.run(address()).await?.parse().expect("an address");
        tractor::connect(&addr, async |near| {
            let (end, _) = silenced(&far, how, async || near.cancel_actor().await).await;
            was_killed(how, &end?);
            Ok(())
        })
        .await
    })
    .await
}

#[tractor::test]
async fn an_actor_of_one_call_that_does_not_exit_is_gone() -> Result<()> {
    in_root_with(with(hasty()), async |tree| {
        let begun = Instant::now();
        tractor::open_nursery(async |an| {
            an.run_in_actor(never_exits()).name(tree.name("one")).await?.wait_for_result().await
        })
        .await?;
        assert!(begun.elapsed() < BOUND);
        Ok(())
    })
    .await
}

#[tractor::test]
async fn a_child_may_be_left_more_time_and_less() -> Result<()> {
    in_nursery_with(with(hasty()), async |tree, an| {
        let open = async |name: &str| {
            let worker = start(an, tree.name(name), MODULE).await?;
            Ok::<_, Error>(worker)
        };
        let (slow, long) = (open("slow").await?, 4 * u64::try_from(RUNG.as_millis()).expect("it fits"));
        let left: Result<()> = slow
            .open_context(cleans_up(long), async |ctx, ()| {
                let (end, _result) = tokio::join!(slow.cancel_actor().timeout(BOUND), ctx.wait_for_result());
                assert!(matches!(end?, ActorEnd::InOrder));
                Ok(())
            })
            .await;
        assert!(left.expect_err("the actor was cancelled").is_cancelled());
        // Another caller has a shorter limit.
        let stuck = open("stuck").await?;
        let (end, _) = silenced(&stuck, "blocks", async || {
            let mut patient = stuck.cancel_actor().timeout(Duration::MAX).into_future();
            assert!(poll_once(&mut patient).await.is_pending());
            stuck.cancel_actor().await?;
            patient.await
        })
        .await;
        was_killed("blocks", &end?);
        Ok(())
    })
    .await
}

#[tractor::test]
async fn ending_a_child_of_another_actor_may_be_refused() -> Result<()> {
    in_nursery_with(with(hasty().handshake(Duration::from_secs(3))), async |tree, an| {
        let stuck = an.start_actor(tree.name("stuck")).enable_module(MODULE).listen().await?;
        let other = start(an, tree.name("other"), MODULE).await?;
        let addr = stuck.run(address()).await?;
        let pid = pid_of(&stuck);
        let (asked, _) = silenced(&stuck, "blocks", async || {
            let asked = other.run(asks_to_end(addr)).await;
            assert!(process(pid).is_some(), "only its parent may kill it");
            stuck.cancel_actor().await?;
            asked
        })
        .await;
        let error = asked.expect_err("the child does not answer");
        assert!(
            error.to_string().contains("handshake") || error.to_string().contains("acknowledge"),
            "{error}"
        );
        other.cancel_actor().await?;
        Ok(())
    })
    .await
}

/// The limit is zero, but the kernel may be faster.
#[tractor::test]
async fn a_process_that_is_still_there_after_the_kill_signal_is_left_as_a_failure() -> Result<()> {
    let none = Duration::ZERO;
    in_root_with(with(hasty().terminate(none).reap(none)), async |tree| {
        for _ in 0..3 {
            let nursery: Result<()> = tractor::open_nursery(async |an| {
                let worker = start(an, tree.name("w"), MODULE).await?;
                let (ends, _) = silenced(&worker, "ignores SIGTERM", async || an.cancel().await).await;
                let [(_, ActorEnd::Killed(_))] = &*ends else { panic!("one child: {ends:?}") };
                Ok(())
            })
            .await;
            if let Err(error) = nursery {
                let died = error.as_died().expect("nothing else has failed");
                assert!(
                    died.to_string().contains("still there after the kill signal (`Timeouts::reap`)"),
                    "{died}"
                );
            }
        }
        tree.all_reaped().await;
        Ok(())
    })
    .await
}

#[tractor::test]
async fn a_child_that_has_died_says_so_when_it_is_asked_to_end() -> Result<()> {
    tree(async |tree| {
        let nursery: Result<()> = tractor::open_nursery(async |an| {
            let supervisor = an.supervise(Supervision::one_for_one());
            let set_up = |child: tractor::StartActor| child.enable_module(MODULE);
            let worker = supervisor.child(tree.name("w"), set_up).temporary().await?;
            let portal = worker.portal().await?;
            kill_process(Pid::from_raw(pid_of(&portal)).expect("a pid"), Signal::KILL)
                .expect("the test owns it");
            let end = portal.cancel_actor().await?;
            // The request came in time or too late, but the ladder was not used.
            let ActorEnd::Died(died) = &end else { panic!("{end:?}") };
            assert_eq!(died.signal(), Some(9));
            Ok(())
        })
        .await;
        nursery
    })
    .await
}
