//! The end of supervision by giving up, cancellation or drop. No process is left.

use std::error::Error as _;
use std::time::Duration;

use rustix::process::Signal;
use support::journal::MODULE;
use support::processes::{pid_of, signal};
use support::{Spoiled, Tree, forever, in_nursery, in_root, poll_once, start, tree, until};
use tokio::sync::Notify;
use tractor::error::GaveUp;
use tractor::prelude::*;
use tractor::{
    ActorOptions, Backoff, Error, Result, StartActor, Strategy, Supervised, Supervision, SupervisionEvent,
    Supervisor,
};

/// Longer than any test.
const NEVER: Backoff =
    Backoff { first: Duration::from_secs(3600), factor: 1, max: Duration::from_secs(3600) };

#[tractor::actor_fn]
async fn exits(code: i32) {
    std::process::exit(code);
}

/// Runs a supervisor that gives up, in this actor.
#[tractor::actor_fn]
async fn gives_up(name: String) -> tractor::Result<()> {
    tractor::open_nursery(async |an| {
        let supervisor = an.supervise(Supervision::rest_for_one().intensity(0, Duration::from_secs(9)));
        let below = supervisor.child(name, set_up).await?;
        below.portal().await?.run(exits(3)).await.expect_err("it exits");
        forever().await;
        Ok(())
    })
    .await
}

/// Holds a supervisor that has nothing to do for an hour.
#[tractor::context(started = ())]
async fn backs_off(ctx: Context<(), (), ()>, name: String) -> tractor::Result<()> {
    tractor::open_nursery(async |an| {
        let supervisor = an.supervise(Supervision::one_for_one().backoff(NEVER));
        let below = supervisor.child(&name, set_up).await?;
        supervisor.child(name, set_up).await?;
        below.portal().await?.run(exits(3)).await.expect_err("it exits");
        let _ctx = ctx.started(()).await?;
        forever().await;
        Ok(())
    })
    .await
}

fn set_up(child: StartActor) -> StartActor {
    child.enable_module(module_path!()).enable_module(MODULE)
}

fn quick(restarts: u16) -> Supervision {
    Supervision::one_for_one().intensity(restarts, Duration::from_secs(600)).backoff(Backoff::NONE)
}

#[track_caller]
fn gave_up(error: &Error) -> &GaveUp {
    match error {
        Error::GaveUp(gave_up) => gave_up,
        _ => panic!("it did not give up: {error:?}"),
    }
}

/// Ends the child, and waits until the supervisor has noticed.
async fn end(child: &Supervised) -> Result<()> {
    child.portal().await?.run(exits(7)).await.expect_err("it exits");
    Ok(())
}

/// Starts a worker that has crashed and waits for its restart for ever, and a healthy sibling.
async fn in_backoff(tree: &Tree, supervisor: &Supervisor) -> Result<Supervised> {
    let worker = supervisor.child(tree.name("worker"), set_up).await?;
    supervisor.child(tree.name("sibling"), set_up).await?;
    let mut events = supervisor.events();
    end(&worker).await?;
    while !matches!(events.next().await?, Some(SupervisionEvent::Restarting { .. })) {}
    Ok(worker)
}

#[tractor::test]
async fn one_restart_too_many_fails_the_nursery_with_the_last_cause() -> Result<()> {
    tree(async |tree| {
        let mut told = None;
        let mut lives = 0;
        let left: Result<()> = tractor::open_nursery(async |an| {
            let supervisor = an.supervise(quick(2));
            let worker = supervisor.child(tree.name("worker"), set_up).await?;
            an.start_actor(tree.name("other")).await?;
            loop {
                lives = worker.incarnation();
                end(&worker).await?;
                if let Err(error) = worker.portal().await {
                    told = Some(error);
                    forever().await;
                }
            }
        })
        .await;
        assert!(tree.processes().is_empty());
        assert_eq!(lives, 3, "the first process and two restarts");
        let left = left.expect_err("the nursery has failed");
        for error in told.iter().chain([&left]) {
            let gave_up = gave_up(error);
            assert_eq!((gave_up.strategy(), gave_up.child()), (Strategy::OneForOne, &*tree.name("worker")));
            assert_eq!((gave_up.restarts(), gave_up.window()), (2, Duration::from_secs(600)));
            assert_eq!(gave_up.cause().as_died().and_then(|died| died.code()), Some(7));
            assert!(error.source().expect("the cause is the source").to_string().contains("code 7"));
            let text = error.to_string();
            assert!(!text.contains("code 7"), "only the source has the exit code: {text}");
            for part in ["one-for-one", "worker`", "2 restarts", "600s", "Supervision::intensity"] {
                assert!(text.contains(part), "{part}: {text}");
            }
        }
        Ok(())
    })
    .await
}

#[tractor::test]
async fn a_body_that_passes_the_error_on_raises_it_once() -> Result<()> {
    tree(async |tree| {
        let left: Result<()> = tractor::open_nursery(async |an| {
            let worker = an.supervise(quick(0)).child(tree.name("worker"), set_up).await?;
            let portal = worker.portal().await?;
            signal(pid_of(&portal), Signal::KILL);
            worker.portal_after(1).await.map(drop)
        })
        .await;
        assert_eq!(gave_up(&left.expect_err("it gave up")).restarts(), 0);
        Ok(())
    })
    .await
}

#[tractor::test]
async fn a_child_that_cannot_boot_is_restarted_up_to_the_limit() -> Result<()> {
    tree(async |tree| {
        let taken = tractor::socket_addr(&tree.name("taken"))?;
        tractor::open_root_actor(ActorOptions::new().bind(taken.clone()), async |_| {
            let mut tries = 0;
            let left: Result<()> = tractor::open_nursery(async |an| {
                let supervisor = an.supervise(quick(2));
                let mut events = supervisor.events();
                let child = supervisor.child(tree.name("worker"), |child| set_up(child).bind(taken.clone()));
                let error = child.await.expect_err("the address is taken");
                while let SupervisionEvent::Down { cause: Some(Error::Spawn(_)), incarnation: 0, .. }
                | SupervisionEvent::Restarting { .. } =
                    events.next().await?.expect("the supervisor lives")
                {
                    tries += 1;
                }
                Err(error)
            })
            .await;
            assert_eq!(tries, 3 + 2, "three boots, two restarts");
            let error = left.expect_err("it gave up");
            let Error::Spawn(failure) = gave_up(&error).cause() else { panic!("{error:?}") };
            assert!(failure.reason().contains(&taken.to_string()), "{failure}");
            Ok(())
        })
        .await
    })
    .await
}

#[tractor::test]
async fn a_wrong_allow_list_is_refused_at_once() -> Result<()> {
    tractor::open_nursery(async |an| {
        let supervisor = an.supervise(quick(3));
        let error =
            supervisor.child("w", |child| child.enable_module("no::such")).await.expect_err("no module");
        assert!(matches!(error, Error::Runtime(_)) && error.to_string().contains("no::such"), "{error}");
        Ok(())
    })
    .await
}

#[tractor::test]
async fn cancelling_the_nursery_ends_a_backoff() -> Result<()> {
    in_nursery(async |tree, an| {
        let supervisor = an.supervise(Supervision::one_for_one().backoff(NEVER));
        let worker = in_backoff(tree, &supervisor).await?;
        let mut waiting = Box::pin(worker.portal());
        assert!(poll_once(&mut waiting).await.is_pending());
        an.cancel().await;
        let error = waiting.await.expect_err("it is not restarted");
        assert!(matches!(error, Error::Runtime(_)) && error.to_string().contains("nursery"), "{error}");
        let error = supervisor.child(tree.name("late"), set_up).await.expect_err("it is too late");
        assert!(error.to_string().contains("nursery is being cancelled"), "{error}");
        Ok(())
    })
    .await
}

#[tractor::test]
async fn a_failing_body_ends_a_backoff_and_comes_bare() -> Result<()> {
    tree(async |tree| {
        let left: std::result::Result<(), Box<dyn std::error::Error>> = tractor::open_nursery(async |an| {
            let supervisor = an.supervise(Supervision::one_for_all().backoff(NEVER));
            in_backoff(tree, &supervisor).await?;
            Err(Box::new(Spoiled("mine".to_owned())).into())
        })
        .await;
        assert_eq!(left.expect_err("the body has failed").to_string(), "mine");
        Ok(())
    })
    .await
}

/// Drops a nursery once its body waits.
async fn dropped(tree: &Tree, body: impl AsyncFnOnce(&ActorNursery) -> Result<()>) -> Result<()> {
    in_root(async |_| {
        let rests = Notify::new();
        let mut scope = Box::pin(tractor::open_nursery(async |an| -> Result<()> {
            body(an).await?;
            rests.notify_one();
            forever().await;
            Ok(())
        }));
        tokio::select! {
            left = &mut scope => panic!("it waits for ever: {left:?}"),
            () = rests.notified() => {}
        }
        drop(scope);
        Ok(())
    })
    .await?;
    assert!(tree.processes().is_empty(), "the actor has waited for them");
    Ok(())
}

#[tractor::test]
async fn dropping_the_nursery_ends_a_backoff_and_what_lives() -> Result<()> {
    tree(async |tree| {
        let mut worker = None;
        dropped(tree, async |an| {
            let supervisor = an.supervise(Supervision::one_for_one().backoff(NEVER));
            worker = Some(in_backoff(tree, &supervisor).await?);
            Ok(())
        })
        .await?;
        let error = worker.expect("it was started").portal().await.expect_err("its nursery is gone");
        assert!(matches!(error, Error::Runtime(_)), "{error:?}");
        Ok(())
    })
    .await
}

#[tractor::test]
async fn dropping_the_nursery_ends_a_restart_that_stops_siblings() -> Result<()> {
    tree(async |tree| {
        dropped(tree, async |an| {
            let supervisor = an.supervise(Supervision::one_for_all().backoff(Backoff::NONE));
            let worker = supervisor.child(tree.name("worker"), set_up).await?;
            supervisor.child(tree.name("a"), set_up).await?;
            supervisor.child(tree.name("b"), set_up).await?;
            let mut events = supervisor.events();
            end(&worker).await?;
            while !matches!(events.next().await?, Some(SupervisionEvent::Restarting { .. })) {}
            Ok(())
        })
        .await
    })
    .await
}

#[tractor::test]
async fn dropping_the_nursery_ends_a_boot() -> Result<()> {
    tree(async |tree| {
        for restarted in [false, true] {
            let mut kept = None;
            dropped(tree, async |an| {
                let supervisor = an.supervise(quick(3));
                let child = supervisor.child(tree.name("worker"), set_up);
                if restarted {
                    let worker = child.await?;
                    signal(pid_of(&worker.portal().await?), Signal::KILL);
                    let mut next = Box::pin(worker.portal_after(1));
                    let pid = worker.portal().await.map(|portal| pid_of(&portal))?;
                    until(|| tree.processes().iter().any(|process| process.pid != pid)).await;
                    assert!(poll_once(&mut next).await.is_pending(), "it boots");
                } else {
                    let mut first = child.into_future();
                    assert!(poll_once(&mut first).await.is_pending());
                    until(|| !tree.processes().is_empty()).await;
                    assert!(poll_once(&mut first).await.is_pending(), "it boots");
                    kept = Some(first); // the nursery ends the child, not the drop of its future
                }
                Ok(())
            })
            .await?;
            drop(kept);
        }
        Ok(())
    })
    .await
}

#[tractor::test]
async fn a_child_that_nobody_waits_for_is_taken_back() -> Result<()> {
    in_nursery(async |tree, an| {
        let supervisor = an.supervise(quick(3));
        let mut first = supervisor.child(tree.name("worker"), set_up).into_future();
        assert!(poll_once(&mut first).await.is_pending());
        until(|| !tree.processes().is_empty()).await;
        drop(first);
        // No child is left to supervise: the nursery ends by itself.
        Ok(())
    })
    .await
}

#[tractor::test]
async fn a_cancelled_supervisor_ends_its_own_from_the_last_to_the_first() -> Result<()> {
    in_nursery(async |tree, an| {
        let other = an.start_actor(tree.name("other")).enable_module(module_path!()).await?;
        let supervisor = an.supervise(quick(3));
        let mut events = supervisor.events();
        let mut children = Vec::new();
        for name in ["a", "b", "c"] {
            children.push(supervisor.child(tree.name(name), set_up).await?);
        }
        children[1].cancel().await;
        assert_eq!(an.children().len(), 3);
        let error = children[1].portal().await.expect_err("it was cancelled");
        assert!(error.to_string().contains("it was cancelled"), "{error}");
        supervisor.cancel().await;
        assert_eq!(an.children(), [(other.uid().clone(), Some(pid_of(&other).cast_unsigned()))]);
        let error = children[0].portal().await.expect_err("it was cancelled");
        assert!(error.to_string().contains("supervisor was cancelled"), "{error}");
        let error = supervisor
            .child(tree.name("d"), set_up)
            .await
            .expect_err("a cancelled supervisor takes no child");
        assert!(error.to_string().contains("supervisor was cancelled"), "{error}");
        supervisor.cancel().await;
        let mut over = Vec::new();
        while over.len() < 3 {
            if let Some(SupervisionEvent::Over { child }) = events.next().await? {
                over.push(child);
            }
        }
        assert_eq!(*over[0], *tree.name("b"));
        assert_eq!(*over[1], *tree.name("c"));
        assert_eq!(*over[2], *tree.name("a"));
        other.cancel_actor().await?;
        Ok(())
    })
    .await
}

#[tractor::test]
async fn a_supervisor_without_children_takes_new_ones_and_keeps_no_nursery_open() -> Result<()> {
    in_root(async |tree| {
        let mut supervisor = None;
        tractor::open_nursery(async |an| -> Result<()> {
            let supervisor = supervisor.insert(an.supervise(quick(3)));
            for _ in 0..3 {
                let child = supervisor.child(tree.name("worker"), set_up).temporary().await?;
                child.portal().await?.cancel_actor().await?;
                child.portal_after(1).await.expect_err("it has ended");
            }
            Ok(())
        })
        .await?;
        let late = supervisor.expect("the supervisor was stored").child(tree.name("late"), set_up);
        let error = late.await.expect_err("the nursery has ended");
        assert!(error.to_string().contains("nursery has ended"), "{error}");
        Ok(())
    })
    .await
}

#[tractor::test]
async fn a_child_declared_while_the_last_one_goes_is_not_lost() -> Result<()> {
    in_nursery(async |tree, an| {
        let supervisor = an.supervise(Supervision::one_for_one().backoff(NEVER));
        let worker = supervisor.child(tree.name("worker"), set_up).await?;
        let mut events = supervisor.events();
        end(&worker).await?;
        while !matches!(events.next().await?, Some(SupervisionEvent::Restarting { .. })) {}
        let mut gone = Box::pin(worker.cancel());
        assert!(poll_once(&mut gone).await.is_pending());
        let next = supervisor.child(tree.name("next"), set_up).await?;
        gone.await;
        next.cancel().await;
        Ok(())
    })
    .await
}

#[tractor::test]
async fn a_nursery_waits_for_what_is_supervised() -> Result<()> {
    tree(async |tree| {
        let up = Notify::new();
        let mut scope = Box::pin(tractor::open_nursery(async |an| -> Result<Supervised> {
            let child = an.supervise(quick(3)).child(tree.name("worker"), set_up).await?;
            up.notify_one();
            Ok(child)
        }));
        let some_time = async {
            up.notified().await;
            for _ in 0..1000 {
                tokio::task::yield_now().await;
            }
        };
        tokio::select! {
            left = &mut scope => panic!("the child lives: {left:?}"),
            () = some_time => {}
        }
        drop(scope);
        tree.all_reaped().await;
        Ok(())
    })
    .await
}

#[tractor::test]
async fn a_supervisor_that_gives_up_elsewhere_is_a_failure_of_its_endpoint() -> Result<()> {
    in_nursery(async |tree, an| {
        let worker = start(an, tree.name("worker"), module_path!()).await?;
        let error = worker.run(gives_up(tree.name("below"))).await.expect_err("it gave up");
        let remote = error.as_remote().expect("the error is remote");
        assert_eq!(remote.boxed_type(), "SupervisorGaveUp");
        assert!(remote.message().contains("rest-for-one"), "{remote}");
        assert!(remote.causes().iter().any(|cause| cause.contains("code 3")), "{:?}", remote.causes());
        worker.cancel_actor().await?;
        Ok(())
    })
    .await
}

#[tractor::test]
async fn cancelling_an_actor_ends_what_it_supervises() -> Result<()> {
    in_nursery(async |tree, an| {
        let worker = start(an, tree.name("worker"), module_path!()).await?;
        let left: Result<()> = worker
            .open_context(backs_off(tree.name("below")), async |_ctx, ()| {
                assert_eq!(tree.processes().len(), 2);
                assert!(worker.cancel_actor().await?.is_in_order());
                forever().await;
                Ok(())
            })
            .await;
        assert!(left.expect_err("it was cancelled").is_cancelled());
        until(|| an.children().is_empty()).await;
        assert!(tree.processes().is_empty(), "the actor has waited for its children");
        Ok(())
    })
    .await
}

/// This test does not use [`tree`], whose deadline would pass at once on the paused clock.
#[tractor::test]
async fn a_backoff_runs_on_the_runtime_s_clock() -> Result<()> {
    tractor::open_nursery(async |an| {
        let supervisor = an.supervise(Supervision::one_for_one().backoff(NEVER));
        let worker = supervisor.child("hour", set_up).await?;
        let mut events = supervisor.events();
        end(&worker).await?;
        while !matches!(events.next().await?, Some(SupervisionEvent::Restarting { .. })) {}
        tokio::time::pause();
        tokio::time::advance(NEVER.first - Duration::from_secs(60)).await;
        assert!(an.children().is_empty(), "the restart waits for its delay");
        tokio::time::advance(Duration::from_secs(60)).await;
        tokio::time::resume();
        support::with_deadline(60, worker.portal_after(1)).await?;
        supervisor.cancel().await;
        Ok(())
    })
    .await
}
