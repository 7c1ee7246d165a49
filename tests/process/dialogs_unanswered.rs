//! Dialogs with a child that does not answer: a cancellation finally ends such a child, but never a slow one.

use std::time::{Duration, Instant};

use rustix::process::Signal;
use support::processes::{pid_of, process, signal};
use support::{in_nursery, in_nursery_with, in_root_with, poll_once, start, until};
use tractor::{Error, Result, Timeouts};

use crate::silent_support::{
    BOUND, MODULE, cleans_up, computes, falls_silent, has_fallen_silent, hasty, id, idles, silenced, with,
};

#[tractor::test]
async fn an_actor_that_computes_survives_the_cancellation_of_another_dialog() -> Result<()> {
    in_nursery(async |tree, an| {
        let survives = async |dropped: bool| -> Result<()> {
            let worker = start(an, tree.name(if dropped { "d" } else { "f" }), MODULE).await?;
            let other = async {
                if dropped {
                    let mut call = worker.run(idles());
                    assert!(poll_once(&mut call).await.is_pending());
                    return;
                }
                let left: Result<()> = worker
                    .open_context(cleans_up(0), async |_, ()| {
                        worker.run(computes(1)).await?;
                        let mut call = worker.run(computes(1_000));
                        assert!(poll_once(&mut call).await.is_pending());
                        Err(Error::NoRuntime)
                    })
                    .await;
                assert!(matches!(left, Err(Error::NoRuntime)), "{left:?}");
            };
            let (computed, ()) = tokio::join!(worker.run(computes(3_000)), other);
            assert_eq!(computed?, 3_000);
            assert_eq!(worker.run(id()).await?, pid_of(&worker).cast_unsigned());
            worker.cancel_actor().await?;
            Ok(())
        };
        tokio::try_join!(survives(false), survives(true))?;
        Ok(())
    })
    .await
}

#[tractor::test]
async fn an_actor_that_answers_keeps_the_time_of_its_cleanup() -> Result<()> {
    let limit = Duration::from_millis(300);
    in_nursery_with(with(Timeouts::default().unresponsive(limit)), async |tree, an| {
        let worker = start(an, tree.name("w"), MODULE).await?;
        let begun = Instant::now();
        let left: Result<()> =
            worker.open_context(cleans_up(1_500), async |_, ()| Err(Error::NoRuntime)).await;
        assert!(matches!(left, Err(Error::NoRuntime)), "{left:?}");
        assert!(begun.elapsed() >= Duration::from_millis(1_500), "the scope waits for the cleanup");
        assert_eq!(worker.run(id()).await?, pid_of(&worker).cast_unsigned());
        worker.cancel_actor().await?;
        Ok(())
    })
    .await
}

#[tractor::test]
async fn a_deadline_ends_a_request_and_no_actor() -> Result<()> {
    let limit = Duration::from_millis(200);
    in_nursery_with(with(Timeouts::default().unresponsive(limit)), async |tree, an| {
        let worker = start(an, tree.name("w"), MODULE).await?;
        let late = worker.run(computes(2_000)).deadline(Duration::from_millis(50)).await;
        assert!(matches!(late, Err(Error::DeadlineExceeded(_))), "{late:?}");
        assert_eq!(worker.run(id()).await?, pid_of(&worker).cast_unsigned());
        worker.cancel_actor().await?;
        Ok(())
    })
    .await
}

/// If a task waits for the end of a dialog with an actor that answers nothing, the actor's death ends all its dialogs.
#[tractor::test]
async fn an_actor_that_answers_nothing_to_a_cancellation_is_ended() -> Result<()> {
    let timeouts = || with(hasty().unresponsive(Duration::from_millis(400)));
    for dropped in [false, true] {
        in_root_with(timeouts(), async |tree| {
            let nursery: Result<()> = tractor::open_nursery(async |an| {
                let worker = start(an, tree.name("w"), MODULE).await?;
                let mut idle = worker.run(idles());
                assert!(poll_once(&mut idle).await.is_pending());
                let (call, dialog) = silenced(&worker, "stops", async || {
                    if dropped {
                        let mut call = worker.run(id());
                        assert!(poll_once(&mut call).await.is_pending());
                        drop(call);
                    } else {
                        // Before the child is continued there is no first value: the scope is dropped by its deadline.
                        let mut other =
                            Box::pin(worker.open_context(cleans_up(0), async |_, ()| Ok::<_, Error>(())));
                        assert!(poll_once(&mut other).await.is_pending());
                    }
                    idle.await
                })
                .await;
                for error in [call.expect_err("its actor answers nothing"), dialog] {
                    let Error::Died(died) = error else { panic!("{error:?}") };
                    assert!(died.to_string().contains("answered nothing for 400ms"), "{died}");
                }
                Ok(())
            })
            .await;
            let Err(Error::Died(died)) = nursery else { panic!("{nursery:?}") };
            assert!(died.to_string().contains("`Timeouts::unresponsive`"), "{died}");
            Ok(())
        })
        .await?;
    }
    Ok(())
}

#[tractor::test]
async fn a_failing_body_whose_actor_answers_nothing_returns() -> Result<()> {
    in_root_with(with(hasty().unresponsive(Duration::from_millis(400))), async |tree| {
        for how in ["spins", "stops"] {
            let begun = Instant::now();
            let nursery: Result<()> = tractor::open_nursery(async |an| {
                let worker = start(an, tree.name("w"), MODULE).await?;
                let left: Result<()> = worker
                    .open_context(falls_silent(how.to_owned()), async |_, ()| {
                        has_fallen_silent(&worker, how).await;
                        Err(Error::NoRuntime)
                    })
                    .await;
                assert!(matches!(left, Err(Error::NoRuntime)), "{how}: {left:?}");
                Ok(())
            })
            .await;
            assert!(matches!(nursery, Err(Error::Died(_))), "{how}: {nursery:?}");
            assert!(begun.elapsed() < BOUND, "{how}");
        }
        Ok(())
    })
    .await
}

/// A stop alone is no reason to end a child.
#[tractor::test]
async fn a_child_that_is_stopped_and_continued_goes_on() -> Result<()> {
    in_nursery_with(with(hasty().unresponsive(Duration::from_millis(200))), async |tree, an| {
        let worker = start(an, tree.name("w"), MODULE).await?;
        let pid = pid_of(&worker);
        signal(pid, Signal::STOP);
        until(|| process(pid).is_some_and(|process| process.is_stopped())).await;
        let call = async {
            let begun = Instant::now();
            let got = worker.run(id()).await;
            assert!(begun.elapsed() >= Duration::from_millis(800));
            got
        };
        let wake = async {
            tokio::time::sleep(Duration::from_millis(1_000)).await;
            signal(pid, Signal::CONT);
        };
        let (got, ()) = tokio::join!(call, wake);
        assert_eq!(got?, pid.cast_unsigned());
        worker.cancel_actor().await?;
        Ok(())
    })
    .await
}
