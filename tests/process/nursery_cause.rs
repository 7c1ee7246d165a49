//! The error of a failing nursery: the failure, and none of its consequences.

use std::thread;
use std::time::Duration;

use rustix::process::Signal;
use support::processes::{pid_of, signal};
use support::{Spoiled, Tree, forever, poll_once, start, tree};
use tractor::prelude::*;
use tractor::{ActorNursery, Error, Result};

/// An application's own error, which can hold one cause.
#[derive(Debug)]
enum Failure {
    Own(Spoiled),
    Ours(Error),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Ours(error)
    }
}

#[tractor::actor_fn]
async fn sleeps() {
    forever().await;
}

#[tractor::context(started = (), recv = Vec<u8>, send = u8)]
async fn waits(ctx: Context<(), u8, Vec<u8>>) -> tractor::Result<()> {
    let ctx = ctx.started(()).await?;
    let _stream = ctx.open_stream();
    forever().await;
    Ok(())
}

/// Blocks this thread, as a computing body does.
fn busy_until(holds: impl Fn() -> bool) {
    while !holds() {
        thread::sleep(Duration::from_millis(1));
    }
}

/// A nursery with two children: one dies while the body is busy, and the other is then ended.
struct Doomed<'a> {
    tree: &'a Tree,
    an: &'a ActorNursery,
    victim: i32,
    other: Portal,
}

impl Doomed<'_> {
    /// Returns once the nursery has failed and its children are gone.
    fn fail(&self) {
        signal(self.victim, Signal::KILL);
        busy_until(|| self.an.cancel_called() && self.an.children().is_empty());
    }
}

/// The error of the nursery, inside of the application's own error.
async fn raised(body: impl AsyncFnOnce(Doomed<'_>) -> Result<(), Failure>) -> Result<Failure> {
    tree(async |tree| {
        let ended = tractor::open_nursery(async |an| {
            let victim = pid_of(&start(an, tree.name("victim"), module_path!()).await?);
            let other = start(an, tree.name("other"), module_path!()).await?;
            body(Doomed { tree, an, victim, other }).await
        })
        .await;
        Ok(ended.expect_err("it fails"))
    })
    .await
}

#[track_caller]
fn assert_is_the_cause(raised: &Failure) {
    let Failure::Ours(Error::Died(died)) = raised else { panic!("not the cause: {raised:?}") };
    assert!(died.to_string().contains("victim"), "{died}");
}

#[tractor::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_actor_that_is_not_started_any_more() -> Result<()> {
    let failure = raised(async |doomed| {
        doomed.fail();
        doomed.an.start_actor(doomed.tree.name("late")).await?;
        Ok(())
    });
    assert_is_the_cause(&failure.await?);
    Ok(())
}

#[tractor::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_one_shot_actor_that_is_not_started_any_more() -> Result<()> {
    let failure = raised(async |doomed| {
        doomed.fail();
        doomed.an.run_in_actor(sleeps()).name(doomed.tree.name("late")).await?;
        Ok(())
    });
    assert_is_the_cause(&failure.await?);
    Ok(())
}

#[tractor::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_actor_that_is_ended_while_it_boots() -> Result<()> {
    let failure = raised(async |doomed| {
        let mut late = doomed.an.start_actor(doomed.tree.name("late")).into_future();
        assert!(poll_once(&mut late).await.is_pending());
        doomed.fail();
        late.await?;
        Ok(())
    });
    assert_is_the_cause(&failure.await?);
    Ok(())
}

#[tractor::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_that_ends_with_its_actor() -> Result<()> {
    let failure = raised(async |doomed| {
        let mut call = doomed.other.run(sleeps());
        assert!(poll_once(&mut call).await.is_pending());
        doomed.fail();
        call.await?;
        Ok(())
    });
    assert_is_the_cause(&failure.await?);
    Ok(())
}

#[tractor::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_to_an_actor_that_has_ended() -> Result<()> {
    let failure = raised(async |doomed| {
        doomed.fail();
        doomed.other.run(sleeps()).await?;
        Ok(())
    });
    assert_is_the_cause(&failure.await?);
    Ok(())
}

#[tractor::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_result_of_a_one_shot_actor() -> Result<()> {
    let failure = raised(async |doomed| {
        let one = doomed.an.run_in_actor(sleeps()).name(doomed.tree.name("one")).await?;
        doomed.fail();
        one.wait_for_result().await?;
        Ok(())
    });
    assert_is_the_cause(&failure.await?);
    Ok(())
}

#[tractor::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_context_to_an_actor_that_has_ended() -> Result<()> {
    let failure = raised(async |doomed| {
        doomed.fail();
        doomed.other.open_context(waits(), async |_, ()| Ok::<_, Failure>(())).await
    });
    assert_is_the_cause(&failure.await?);
    Ok(())
}

#[derive(Debug, Clone, Copy)]
enum Awaits {
    Value,
    Room,
    Result,
    ResultOfTheStream,
    Nothing,
}

#[tractor::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_wait_in_a_context_that_ends_with_its_actor() -> Result<()> {
    for awaits in [Awaits::Value, Awaits::Room, Awaits::Result, Awaits::ResultOfTheStream, Awaits::Nothing] {
        let failure = raised(async |doomed| {
            let body = async |ctx: tractor::ParentContext<waits>, ()| -> Result<(), Failure> {
                let handle = ctx.handle();
                let mut stream = ctx.open_stream();
                doomed.fail();
                match awaits {
                    Awaits::Value => _ = stream.receive().await?,
                    Awaits::Room => stream.send(vec![0; 1024]).await?,
                    Awaits::Result => handle.wait_for_result().await?,
                    Awaits::ResultOfTheStream => stream.wait_for_result().await?,
                    Awaits::Nothing => {}
                }
                Ok(())
            };
            doomed.other.open_context(waits(), body).await
        });
        let failure = failure.await?;
        assert!(matches!(&failure, Failure::Ours(Error::Died(_))), "{awaits:?}: {failure:?}");
    }
    Ok(())
}

#[tractor::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_nursery_in_a_nursery_raises_the_cause_of_the_outer_one() -> Result<()> {
    let failure = raised(async |doomed| {
        tractor::open_nursery(async |_inner| -> Result<(), Failure> {
            doomed.fail();
            doomed.an.start_actor(doomed.tree.name("late")).await?;
            Ok(())
        })
        .await
    });
    assert_is_the_cause(&failure.await?);
    Ok(())
}

#[tractor::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_error_of_the_body_s_own_is_kept() -> Result<()> {
    let failure = raised(async |doomed| {
        doomed.fail();
        Err(Failure::Own(Spoiled("own".to_owned())))
    });
    let failure = failure.await?;
    assert!(matches!(&failure, Failure::Own(own) if own.0 == "own"), "{failure:?}");
    Ok(())
}

#[tractor::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_our_error_there_is_no_group_of_a_cause_and_what_follows() -> Result<()> {
    tree(async |tree| {
        let ended = tractor::open_nursery(async |an| -> Result<()> {
            let victim = pid_of(&start(an, tree.name("victim"), module_path!()).await?);
            signal(victim, Signal::KILL);
            busy_until(|| an.cancel_called());
            an.start_actor(tree.name("late")).await?;
            Ok(())
        })
        .await;
        assert!(matches!(ended, Err(Error::Died(_))), "{ended:?}");
        Ok(())
    })
    .await
}

/// A body that would not be dropped, so that it reports the refusal.
#[tractor::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_task_beside_the_body_is_refused() -> Result<()> {
    tree(async |tree| {
        let mut refused = None;
        let ended = tractor::open_nursery(async |an| -> Result<()> {
            let victim = pid_of(&start(an, tree.name("victim"), module_path!()).await?);
            signal(victim, Signal::KILL);
            busy_until(|| an.cancel_called());
            let (an, name) = (an.clone(), tree.name("late"));
            refused = Some(tokio::spawn(async move { an.start_actor(name).await.map(|_| ()) }));
            forever().await;
            Ok(())
        })
        .await;
        assert!(matches!(ended, Err(Error::Died(_))), "{ended:?}");
        let refused = refused.expect("it was started").await.expect("it does not panic");
        assert!(matches!(refused, Err(Error::Runtime(_))), "{refused:?}");
        Ok(())
    })
    .await
}
