//! Supervisors of real processes: the restarts, their order, and the errors of open requests.

use std::time::{Duration, Instant};

use rustix::process::Signal;
use support::journal::{MODULE, note, seen};
use support::processes::{pid_of, process, signal};
use support::{Tree, forever, in_nursery, poll_once, until};
use tractor::error::{ActorDied, RemoteKind};
use tractor::prelude::*;
use tractor::{
    Backoff, DynCall, Error, Result, StartActor, Supervised, Supervision, SupervisionEvent,
    SupervisionEvents, Supervisor,
};

#[tractor::actor_fn]
async fn process_id() -> i32 {
    std::process::id().cast_signed()
}

#[tractor::actor_fn]
async fn exits(code: i32) {
    std::process::exit(code);
}

#[tractor::actor_fn]
async fn sleeps() {
    note("asleep");
    forever().await;
}

#[tractor::context(started = (), send = u64)]
async fn sends_one(ctx: Context<(), u64, ()>) -> tractor::Result<()> {
    let ctx = ctx.started(()).await?;
    let stream = ctx.open_stream();
    stream.send(1).await?;
    forever().await;
    Ok(())
}

/// Ends its own actor in order.
#[tractor::actor_fn]
async fn goes() {
    tractor::current_actor().cancel_soon();
}

/// Supervises a child of its own, and streams the pid of each of its processes.
#[tractor::context(started = i32, send = i32)]
async fn supervises(ctx: Context<i32, i32, ()>, name: String) -> tractor::Result<()> {
    tractor::open_nursery(async |an| {
        let below = an.supervise(quick(Supervision::one_for_one())).child(name, set_up).await?;
        let ctx = ctx.started(pid_of(&below.portal().await?)).await?;
        let stream = ctx.open_stream();
        loop {
            let portal = below.portal_after(below.incarnation()).await?;
            stream.send(pid_of(&portal)).await?;
        }
    })
    .await
}

/// Cuts the connections of its process, and keeps the process.
#[tractor::actor_fn]
async fn hangs_up() {
    let us = rustix::process::getpid();
    let us = rustix::process::pidfd_open(us, rustix::process::PidfdFlags::empty()).expect("a pidfd");
    for fd in 3..32 {
        let Ok(fd) = rustix::process::pidfd_getfd(&us, fd, rustix::process::PidfdGetfdFlags::empty()) else {
            continue;
        };
        // Fails for descriptors that are no sockets.
        _ = rustix::net::shutdown(fd, rustix::net::Shutdown::Both);
    }
    loop {
        std::thread::park();
    }
}

fn set_up(child: StartActor) -> StartActor {
    child.enable_module(module_path!()).enable_module(MODULE)
}

fn quick(how: Supervision) -> Supervision {
    how.intensity(3, Duration::from_secs(600)).backoff(Backoff::NONE)
}

/// Starts children with these names.
async fn children<const N: usize>(
    tree: &Tree,
    supervisor: &Supervisor,
    names: [&str; N],
) -> Result<Vec<Supervised>> {
    let mut children = Vec::new();
    for name in names {
        children.push(supervisor.child(tree.name(name), set_up).await?);
    }
    Ok(children)
}

async fn pids(children: &[Supervised]) -> Result<Vec<i32>> {
    futures_util::future::try_join_all(
        children.iter().map(async |child| child.portal().await?.run(process_id()).await),
    )
    .await
}

async fn kill(child: &Supervised) -> Result<i32> {
    let pid = pid_of(&child.portal().await?);
    signal(pid, Signal::KILL);
    Ok(pid)
}

/// Short texts of the events until `last` is up again.
async fn until_up(events: &mut SupervisionEvents, tree: &Tree, last: &str) -> Result<Vec<String>> {
    let mut told = Vec::new();
    loop {
        let event = events.next().await?.expect("the supervisor lives");
        let short = |child: &str| child.strip_prefix(&tree.name("")).expect("the tree's tag").to_owned();
        told.push(match event {
            SupervisionEvent::Up { child, incarnation } => {
                let child = short(&child);
                let text = format!("{child}{incarnation} up");
                if child == last {
                    told.push(text);
                    return Ok(told);
                }
                text
            }
            SupervisionEvent::Down { child, cause: Some(Error::Died(_)), .. } => {
                format!("{} died", short(&child))
            }
            SupervisionEvent::Down { child, cause: None, .. } => format!("{} ended", short(&child)),
            SupervisionEvent::Restarting { child, .. } => format!("{} restarts", short(&child)),
            SupervisionEvent::Over { child } => format!("{} over", short(&child)),
            other => panic!("{other:?}"),
        });
    }
}

#[track_caller]
fn died(error: &Error) -> &ActorDied {
    error.as_died().unwrap_or_else(|| panic!("not a death: {error:?}"))
}

#[tractor::test]
async fn one_for_one_brings_back_the_one() -> Result<()> {
    in_nursery(async |tree, an| {
        let supervisor = an.supervise(quick(Supervision::one_for_one()));
        let children = children(tree, &supervisor, ["a", "b", "c"]).await?;
        let before = pids(&children).await?;
        let mut events = supervisor.events();
        kill(&children[1]).await?;
        assert_eq!(until_up(&mut events, tree, "b").await?, ["b died", "b restarts", "b2 up"]);
        let after = pids(&children).await?;
        assert_eq!((before[0], before[2]), (after[0], after[2]));
        assert_ne!(before[1], after[1]);
        assert_eq!(children.iter().map(Supervised::incarnation).collect::<Vec<_>>(), [1, 2, 1]);
        supervisor.cancel().await;
        assert!(tree.processes().is_empty() && an.children().is_empty());
        Ok(())
    })
    .await
}

#[tractor::test]
async fn one_for_all_brings_back_all_in_order() -> Result<()> {
    in_nursery(async |tree, an| {
        let supervisor = an.supervise(quick(Supervision::one_for_all()));
        let children = children(tree, &supervisor, ["a", "b", "c"]).await?;
        let before = pids(&children).await?;
        let (mut events, mut early) = (supervisor.events(), supervisor.events());
        kill(&children[1]).await?;
        while !matches!(early.next().await?, Some(SupervisionEvent::Restarting { .. })) {}
        let mut next = Box::pin(children[0].portal());
        assert!(poll_once(&mut next).await.is_pending(), "a process that will be stopped is not given out");
        assert_eq!(
            until_up(&mut events, tree, "c").await?,
            ["b died", "b restarts", "c ended", "a ended", "a2 up", "b2 up", "c2 up"]
        );
        next.await?.run(process_id()).await?;
        let after = pids(&children).await?;
        assert!(before.iter().all(|pid| !after.contains(pid)), "{before:?} {after:?}");
        supervisor.cancel().await;
        Ok(())
    })
    .await
}

#[tractor::test]
async fn rest_for_one_brings_back_the_later_ones() -> Result<()> {
    in_nursery(async |tree, an| {
        let supervisor = an.supervise(quick(Supervision::rest_for_one()));
        let children = children(tree, &supervisor, ["a", "b", "c"]).await?;
        let before = pids(&children).await?;
        let mut events = supervisor.events();
        kill(&children[1]).await?;
        assert_eq!(
            until_up(&mut events, tree, "c").await?,
            ["b died", "b restarts", "c ended", "b2 up", "c2 up"]
        );
        let after = pids(&children).await?;
        assert_eq!(before[0], after[0]);
        assert!(before[1] != after[1] && before[2] != after[2]);
        supervisor.cancel().await;
        Ok(())
    })
    .await
}

#[tractor::test]
async fn requests_open_in_a_dead_process_fail_once_and_later_calls_wait() -> Result<()> {
    in_nursery(async |tree, an| {
        let supervisor = an.supervise(quick(Supervision::one_for_one()));
        let worker = supervisor.child(tree.name("worker"), set_up).await?;
        let portal = worker.portal().await?;
        let mut call = portal.run(sleeps());
        assert!(poll_once(&mut call).await.is_pending());
        portal.run(seen("asleep".to_owned())).await?;
        let mut pid = 0;
        let context: Result<()> = portal
            .open_context(sends_one(), async |ctx, ()| {
                let mut stream = ctx.open_stream();
                assert_eq!(stream.receive().await?, Some(1));
                pid = kill(&worker).await?;
                let error = stream.receive().await.expect_err("its process is dead");
                assert_eq!(died(&error).signal(), Some(9));
                Err(error)
            })
            .await;
        for error in [call.await.expect_err("it was running"), context.expect_err("it was open")] {
            let died = died(&error);
            assert_eq!((died.signal(), died.code()), (Some(9), None));
            assert_eq!((died.name(), died.pid().cast_signed()), (worker.name(), pid));
        }
        // As soon as the death was reported, the dead process is not given out.
        let next = worker.portal().await?;
        assert_ne!(next.run(process_id()).await?, pid);
        assert_eq!(next.run(support::journal::entries()).await?, [""; 0], "nothing was repeated");
        assert_eq!(worker.incarnation(), 2);
        let late = portal.run(process_id()).await.expect_err("that portal belongs to the dead process");
        assert_eq!(died(&late).signal(), Some(9));
        supervisor.cancel().await;
        Ok(())
    })
    .await
}

#[tractor::test]
async fn requests_open_in_a_stopped_sibling_are_cancelled_by_this_actor() -> Result<()> {
    in_nursery(async |tree, an| {
        let supervisor = an.supervise(quick(Supervision::one_for_all()));
        let children = children(tree, &supervisor, ["a", "b"]).await?;
        let us = tractor::current_actor().uid().clone();
        let sibling = children[0].portal().await?;
        let mut call = sibling.run(sleeps());
        assert!(poll_once(&mut call).await.is_pending());
        sibling.run(seen("asleep".to_owned())).await?;
        let context: Result<()> = sibling
            .open_context(sends_one(), async |_ctx, ()| {
                kill(&children[1]).await?;
                forever().await;
                Ok(())
            })
            .await;
        for error in [call.await.expect_err("it was running"), context.expect_err("it was open")] {
            let Error::Cancelled(cancelled) = &error else { panic!("{error:?}") };
            assert_eq!(cancelled.canceller(), Some(&us), "{error:?}");
        }
        assert_ne!(children[0].portal_after(1).await?.uid(), sibling.uid());
        supervisor.cancel().await;
        Ok(())
    })
    .await
}

#[tractor::test]
async fn an_end_in_order_follows_the_rule_of_the_child() -> Result<()> {
    in_nursery(async |tree, an| {
        let supervisor = an.supervise(quick(Supervision::one_for_one()));
        let permanent = supervisor.child(tree.name("p"), set_up).permanent().await?;
        let transient = supervisor.child(tree.name("s"), set_up).transient().await?;
        let temporary = supervisor.child(tree.name("t"), set_up).temporary().await?;
        for asked_by_us in [true, false] {
            let before = permanent.incarnation();
            let portal = permanent.portal().await?;
            if asked_by_us {
                assert!(portal.cancel_actor().await?.is_in_order());
            } else {
                portal.run(goes()).await?;
            }
            assert_ne!(permanent.portal_after(before).await?.uid(), portal.uid());
        }
        let mut events = supervisor.events();
        kill(&transient).await?;
        assert_eq!(until_up(&mut events, tree, "s").await?, ["s died", "s restarts", "s2 up"]);
        transient.portal().await?.cancel_actor().await?;
        let error = transient.portal_after(2).await.expect_err("it has ended in order");
        assert!(matches!(error, Error::Runtime(_)) && error.to_string().contains("in order"), "{error}");

        let pid = kill(&temporary).await?;
        let error = temporary.portal_after(1).await.expect_err("it is not restarted");
        assert_eq!(died(&error).pid().cast_signed(), pid);
        assert_eq!(an.children().len(), 1, "its death is no failure of the nursery");
        supervisor.cancel().await;
        Ok(())
    })
    .await
}

#[tractor::test]
async fn the_children_of_a_dead_process_are_gone_before_the_next_is_asked() -> Result<()> {
    in_nursery(async |tree, an| {
        let supervisor = an.supervise(quick(Supervision::one_for_one()));
        let worker = supervisor.child(tree.name("w"), set_up).await?;
        let (mut below, mut second) = (0, 0);
        let name = tree.name("below");
        let context: Result<()> = worker
            .portal()
            .await?
            .open_context(supervises(name), async |ctx, first| {
                let mut stream = ctx.open_stream();
                // The worker's own supervisor restarts its own child.
                signal(first, Signal::KILL);
                second = stream.receive().await?.expect("the child below comes back");
                assert_ne!(first, second);
                assert_eq!(worker.incarnation(), 1);
                below = second;
                kill(&worker).await?;
                forever().await;
                Ok(())
            })
            .await;
        assert_eq!(died(&context.expect_err("the worker was killed")).signal(), Some(9));
        worker.portal_after(1).await?.run(process_id()).await?;
        until(|| process(below).is_none_or(|process| process.is_zombie())).await;
        supervisor.cancel().await;
        Ok(())
    })
    .await
}

#[tractor::test]
async fn a_restart_waits_for_its_delay() -> Result<()> {
    in_nursery(async |tree, an| {
        let first = Duration::from_millis(40);
        let backoff = Backoff { first, factor: 2, max: first * 3 };
        let supervisor = an.supervise(quick(Supervision::one_for_one()).backoff(backoff));
        let worker = supervisor.child(tree.name("worker"), set_up).await?;
        let mut events = supervisor.events();
        for expected in [first, first * 2, first * 3] {
            let before = Instant::now();
            let call = worker.portal().await?.run(exits(1)).await.expect_err("it exits");
            assert_eq!(died(&call).code(), Some(1));
            let next = worker.portal().await?;
            assert!(before.elapsed() >= expected);
            next.run(process_id()).await?;
            loop {
                let event = events.next().await?.expect("the supervisor lives");
                if let SupervisionEvent::Restarting { delay, .. } = event {
                    assert_eq!(delay, expected);
                    break;
                }
            }
        }
        supervisor.cancel().await;
        Ok(())
    })
    .await
}

#[tractor::test]
async fn a_call_that_fails_is_no_reason_to_restart() -> Result<()> {
    in_nursery(async |tree, an| {
        let supervisor = an.supervise(quick(Supervision::one_for_one()));
        let worker = supervisor.child(tree.name("worker"), set_up).await?;
        let error = worker.portal().await?.run_dyn::<()>(DynCall::new("no", "such")).await.unwrap_err();
        assert_eq!(error.as_remote().map(|remote| remote.kind()), Some(RemoteKind::NotExposed));
        assert_eq!(worker.incarnation(), 1);
        worker.cancel().await;
        assert!(an.children().is_empty());
        Ok(())
    })
    .await
}

#[tractor::test]
async fn a_worker_that_is_killed_again_and_again_always_comes_back() -> Result<()> {
    const ROUNDS: u16 = 20;
    in_nursery(async |tree, an| {
        let supervisor =
            an.supervise(quick(Supervision::one_for_one()).intensity(ROUNDS, Duration::from_secs(600)));
        let worker = supervisor.child(tree.name("worker"), set_up).await?;
        for round in 1..=u64::from(ROUNDS) {
            assert_eq!(worker.incarnation(), round);
            let calls = (0..4).map(|_| async {
                // There is no pause between calls, so many are made while the process dies.
                loop {
                    if let Err(error) = worker.portal().await?.run(process_id()).await {
                        return Ok(error);
                    }
                }
            });
            let kill = async {
                for _ in 0..round % 5 {
                    tokio::task::yield_now().await;
                }
                kill(&worker).await
            };
            let (errors, pid): (Result<Vec<Error>>, _) =
                tokio::join!(futures_util::future::try_join_all(calls), kill);
            let pid = pid?;
            for error in errors? {
                assert_eq!(died(&error).pid().cast_signed(), pid, "{error:?}");
            }
            worker.portal_after(round).await?.run(process_id()).await?;
        }
        supervisor.cancel().await;
        Ok(())
    })
    .await
}

#[tractor::test]
async fn a_process_out_of_reach_is_not_handed_out_while_it_is_ended() -> Result<()> {
    in_nursery(async |tree, an| {
        let supervisor = an.supervise(quick(Supervision::one_for_one()));
        let worker = supervisor.child(tree.name("worker"), set_up).await?;
        let portal = worker.portal().await?;
        let mut call = portal.run(hangs_up());
        assert!(poll_once(&mut call).await.is_pending());
        let mut next = Box::pin(worker.portal());
        while poll_once(&mut next).await.is_ready() {
            next = Box::pin(worker.portal());
            tokio::task::yield_now().await;
        }
        let old = process(pid_of(&portal));
        assert!(old.is_some_and(|process| !process.is_zombie()), "it was not even asked to end");
        assert_ne!(next.await?.uid(), portal.uid());
        assert_eq!(died(&call.await.expect_err("it has no connection")).code(), None);
        supervisor.cancel().await;
        Ok(())
    })
    .await
}
