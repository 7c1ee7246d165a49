//! Nurseries that are cancelled, refused or dropped: how their children are ended, and how fast.

use std::path::{Path, PathBuf};
use std::pin::pin;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use support::journal::seen;
use support::processes::{cpu_ticks, pid_of, process};
use support::{Tree, forever, in_nursery, in_root, in_root_with, poll_once, start, tree, until};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{Notify, oneshot};
use tractor::prelude::*;
use tractor::{ActorEnd, ActorOptions, Error, Result, Timeouts};

#[tractor::actor_fn]
async fn process_id() -> i32 {
    std::process::id().cast_signed()
}

/// Keeps its thread busy for ever.
#[tractor::context(started = ())]
async fn spins(ctx: Context<(), (), ()>, ignores_sigterm: bool) -> tractor::Result<()> {
    let _handler = ignores_sigterm.then(|| signal(SignalKind::terminate()).expect("a handler can be set"));
    let _ctx = ctx.started(()).await?;
    for _ in 0..100 {
        tokio::task::yield_now().await; // the first value leaves
    }
    loop {
        std::hint::spin_loop();
    }
}

#[tractor::actor_fn]
async fn sleeps() {
    forever().await;
}

/// Keeps the actor from ending.
#[tractor::actor_fn]
async fn never_cleans_up() {
    let stuck = || std::thread::sleep(Duration::from_secs(3600));
    assert!(tractor::current_actor().on_exit(stuck).is_ok(), "the actor runs");
}

fn timeouts(change: impl FnOnce(&mut Timeouts)) -> ActorOptions {
    let mut timeouts = Timeouts::default();
    change(&mut timeouts);
    ActorOptions::new().timeouts(timeouts)
}

/// Starts an actor that is stuck in a loop, and cancels the nursery. Returns how long that took, and the signal that
/// has ended the actor.
async fn cancels_a_spinning_child(tree: &Tree, ignores_sigterm: bool) -> Result<(Duration, Option<i32>)> {
    tractor::open_nursery(async |an| {
        let worker = start(an, tree.name("worker"), module_path!()).await?;
        let pid = pid_of(&worker);
        let mut begun = None;
        let left: Result<()> = worker
            .open_context(spins(ignores_sigterm), async |_, ()| {
                until(|| cpu_ticks(pid).is_some_and(|ticks| ticks > 10)).await;
                begun = Some(Instant::now());
                an.cancel().await;
                Ok(())
            })
            .await;
        let error = left.expect_err("it never answered, and its end has dropped the body");
        let died = error.as_died().unwrap_or_else(|| panic!("{error:?}"));
        an.cancel().await;
        assert!(tree.processes().is_empty());
        Ok((begun.expect("the context was opened").elapsed(), died.signal()))
    })
    .await
}

#[tractor::test]
async fn a_cancelled_nursery_has_no_children_and_takes_none() -> Result<()> {
    in_nursery(async |tree, an| {
        let mut children = Vec::new();
        for number in 0..3 {
            let child = start(an, tree.name(&format!("w{number}")), module_path!()).await?;
            children.push((child.uid().clone(), Some(pid_of(&child).cast_unsigned())));
        }
        assert_eq!((an.children(), tree.processes().len()), (children, 3));
        let mut booting = an.start_actor(tree.name("w3")).into_future();
        assert!(poll_once(&mut booting).await.is_pending());
        assert_eq!(
            an.children().last().map(|(uid, pid)| (uid.name(), *pid)),
            Some((&*tree.name("w3"), None))
        );
        assert!(!an.cancel_called());
        an.cancel().await;
        assert!(an.cancel_called());
        assert!(tree.processes().is_empty(), "`cancel` has waited for them");
        an.cancel().await;

        let error = start(an, tree.name("late"), module_path!()).await.unwrap_err();
        assert!(matches!(error, Error::Runtime(_)), "{error:?}");
        assert!(error.to_string().contains("its nursery is being cancelled"), "{error}");
        let error = an.run_in_actor(process_id()).name(tree.name("late")).await.unwrap_err();
        assert!(error.to_string().contains("its nursery is being cancelled"), "{error}");
        Ok(())
    })
    .await
}

#[tractor::test]
async fn cancelling_a_nursery_is_no_error_of_its_one_shot_actors() -> Result<()> {
    tree(async |tree| {
        let one = tractor::open_nursery(async |an| {
            let one = an.run_in_actor(sleeps()).name(tree.name("one")).await?;
            an.cancel().await;
            Ok::<_, Error>(one)
        })
        .await?;
        assert!(one.wait_for_result().await.unwrap_err().is_cancelled());
        Ok(())
    })
    .await
}

#[tractor::test]
async fn a_nursery_that_has_ended_takes_no_children() -> Result<()> {
    in_root(async |tree| {
        let kept = tractor::open_nursery(async |an| -> Result<ActorNursery> { Ok(an.clone()) }).await?;
        let error = start(&kept, tree.name("late"), module_path!()).await.unwrap_err();
        assert!(error.to_string().contains("its nursery has ended"), "{error}");
        Ok(())
    })
    .await
}

#[tractor::test]
async fn leaving_waits_for_a_daemon_until_somebody_ends_it() -> Result<()> {
    in_root(async |tree| {
        let (sender, portal) = oneshot::channel();
        let left = Notify::new();
        let scope = async {
            tractor::open_nursery(async |an| {
                let worker = start(an, tree.name("daemon"), module_path!()).await?;
                sender.send(worker).expect("the other branch waits");
                Ok::<_, Error>(())
            })
            .await?;
            left.notify_one();
            Ok(())
        };
        let end = async {
            let worker: Portal = portal.await.expect("the body sends it");
            let mut left = pin!(left.notified());
            for _ in 0..20 {
                assert_eq!(worker.run(process_id()).await?, pid_of(&worker));
                assert!(poll_once(&mut left).await.is_pending());
            }
            assert!(worker.cancel_actor().await?.is_in_order());
            left.await;
            Ok(())
        };
        let (scope, end): (Result<()>, Result<()>) = tokio::join!(scope, end);
        scope.and(end)
    })
    .await
}

#[tractor::test]
async fn children_may_have_the_same_name() -> Result<()> {
    in_nursery(async |tree, an| {
        let one = start(an, tree.name("twin"), module_path!()).await?;
        let two = start(an, tree.name("twin"), module_path!()).await?;
        assert_eq!(one.uid().name(), two.uid().name());
        assert_ne!(one.uid(), two.uid());
        assert_eq!(one.run(process_id()).await?, pid_of(&one));
        assert_eq!(two.run(process_id()).await?, pid_of(&two));
        one.cancel_actor().await?;
        assert_eq!(two.run(process_id()).await?, pid_of(&two), "the other child goes on");
        two.cancel_actor().await?;
        Ok(())
    })
    .await
}

#[tractor::test]
async fn a_child_that_spins_is_gone_within_the_ladder_s_first_step() -> Result<()> {
    tree(async |tree| {
        let limit = Timeouts::default().actor_cancel;
        let (took, by) = cancels_a_spinning_child(tree, false).await?;
        assert!(took >= limit, "it was asked first: {took:?}");
        assert_eq!(by, Some(Signal::TERM.as_raw()), "it was not killed");
        assert!(took < Duration::from_secs(5), "{took:?}");
        Ok(())
    })
    .await
}

#[tractor::test]
async fn a_child_that_ignores_the_terminate_signal_is_killed() -> Result<()> {
    let (asked, terminate) = (Duration::from_millis(100), Duration::from_millis(300));
    let options = timeouts(|timeouts| (timeouts.actor_cancel, timeouts.terminate) = (asked, terminate));
    in_root_with(options, async |tree| {
        let (took, by) = cancels_a_spinning_child(tree, true).await?;
        assert!(took >= asked + terminate, "SIGTERM came first: {took:?}");
        assert_eq!(by, Some(Signal::KILL.as_raw()));
        assert!(took < Duration::from_secs(5), "{took:?}");
        Ok(())
    })
    .await
}

#[tractor::test]
async fn a_child_whose_cleanup_never_ends_is_terminated() -> Result<()> {
    let short = Duration::from_millis(200);
    let options = timeouts(|timeouts| (timeouts.nursery_cancel, timeouts.terminate) = (short, short));
    in_root_with(options, async |tree| {
        for by_nursery in [true, false] {
            tractor::open_nursery(async |an| -> Result<()> {
                let worker = start(an, tree.name("worker"), module_path!()).await?;
                worker.run(never_cleans_up()).await?;
                if by_nursery {
                    an.cancel().await;
                } else {
                    let ActorEnd::Killed(died) = worker.cancel_actor().await? else {
                        panic!("it cannot end")
                    };
                    assert!(died.to_string().contains("within 200ms"), "{died}");
                }
                Ok(())
            })
            .await?;
            assert!(tree.processes().is_empty());
        }
        Ok(())
    })
    .await
}

#[tractor::test]
async fn a_dropped_nursery_is_ended_by_its_actor() -> Result<()> {
    tree(async |tree| {
        in_root(async |_| {
            let started = Notify::new();
            let scope = tractor::open_nursery(async |an| -> Result<()> {
                for number in 0..3 {
                    start(an, tree.name(&format!("w{number}")), module_path!()).await?;
                }
                started.notify_one();
                forever().await;
                Ok(())
            });
            tokio::select! {
                biased;
                left = scope => panic!("its body waits for ever: {left:?}"),
                () = started.notified() => {}
            }
            Ok(())
        })
        .await?;
        assert!(tree.processes().is_empty(), "the actor has waited for them");
        Ok(())
    })
    .await
}

#[tractor::test]
async fn a_dropped_root_is_ended_by_the_runtime() -> Result<()> {
    tree(async |tree| {
        let started = Notify::new();
        let scope = tractor::open_nursery(async |an| -> Result<()> {
            start(an, tree.name("worker"), module_path!()).await?;
            started.notify_one();
            forever().await;
            Ok(())
        });
        tokio::select! {
            biased;
            left = scope => panic!("its body waits for ever: {left:?}"),
            () = started.notified() => {}
        }
        tree.all_reaped().await;
        Ok(())
    })
    .await
}

/// The address of an actor with this name and pid.
fn socket_path(name: &str, pid: i32) -> Result<PathBuf> {
    let ours = tractor::socket_addr(name)?.uds_path().expect("a Unix socket").clone();
    let folder = Path::new(&ours).parent().expect("a file in a folder");
    Ok(folder.join(format!("{name}@{pid}.sock")))
}

#[tractor::test]
async fn a_child_that_is_dropped_while_it_starts_is_ended() -> Result<()> {
    in_nursery(async |tree, an| {
        let mut unspawned = an.start_actor(tree.name("one")).enable_module(module_path!()).into_future();
        assert!(poll_once(&mut unspawned).await.is_pending());
        drop(unspawned);

        let mut booting = an.start_actor(tree.name("two")).enable_module(module_path!()).into_future();
        assert!(poll_once(&mut booting).await.is_pending());
        until(|| tree.processes().iter().any(|process| !process.is_zombie())).await;
        drop(booting);
        Ok(())
    })
    .await
}

#[tractor::test]
async fn a_child_that_is_up_but_was_never_handed_over_is_ended() -> Result<()> {
    in_nursery(async |tree, an| {
        let name = tree.name("up");
        let mut booting = an.start_actor(&name).enable_module(module_path!()).listen().into_future();
        assert!(poll_once(&mut booting).await.is_pending());
        until(|| !tree.processes().is_empty()).await;
        let pid = tree.processes()[0].pid;
        let socket = socket_path(&name, pid)?;
        // Once it waits for work behind its open socket, it has reported that it is up.
        until(|| socket.exists() && process(pid).is_some_and(|process| process.is_sleeping())).await;
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
        drop(booting);
        Ok(())
    })
    .await
}

#[tractor::test]
async fn a_failing_body_ends_its_children_before_it_is_raised() -> Result<()> {
    in_root(async |tree| {
        let left: anyhow::Result<()> = tractor::open_nursery(async |an| {
            let worker = start(an, tree.name("worker"), module_path!()).await?;
            let mut waits = worker.run(seen("never".to_owned()));
            assert!(poll_once(&mut waits).await.is_pending());
            anyhow::bail!("no more")
        })
        .await;
        assert_eq!(left.unwrap_err().to_string(), "no more");
        assert!(tree.processes().is_empty());
        Ok(())
    })
    .await
}
