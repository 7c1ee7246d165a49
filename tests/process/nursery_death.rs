//! Children that die: every waiting task learns how, the siblings end, and no process is left.

use std::task::Poll;

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, waitid};
use support::journal::{note, seen};
use support::processes::{pid_of, process, signal};
use support::{forever, in_nursery, in_root, poll_once, start, tree, until};
use tractor::error::ActorDied;
use tractor::prelude::*;
use tractor::{ActorOptions, Error, Result};

#[tractor::actor_fn]
async fn exits(code: i32) {
    std::process::exit(code);
}

#[tractor::actor_fn]
async fn fails() -> std::io::Result<()> {
    Err(std::io::Error::other("on purpose"))
}

#[tractor::actor_fn]
async fn aborts() {
    std::process::abort();
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

#[tractor::stream]
async fn trickles(out: StreamSender<u64>) -> tractor::Result<()> {
    out.send(1).await?;
    forever().await;
    Ok(())
}

/// Has a child of its own; the first value is that child's pid.
#[tractor::context(started = i32)]
async fn keeps_a_child(ctx: Context<i32, (), ()>, name: String) -> tractor::Result<()> {
    tractor::open_nursery(async |an| {
        let below = start(an, name, module_path!()).await?;
        let _ctx = ctx.started(pid_of(&below)).await?;
        forever().await;
        Ok(())
    })
    .await
}

#[track_caller]
fn died(error: &Error) -> &ActorDied {
    error.as_died().unwrap_or_else(|| panic!("not a death: {error:?}"))
}

#[tractor::test]
async fn an_exit_is_told_to_the_caller_and_raised_by_the_nursery() -> Result<()> {
    tree(async |tree| {
        let mut told = None;
        let left: Result<()> = tractor::open_nursery(async |an| {
            let worker = start(an, tree.name("worker"), module_path!()).await?;
            told = Some((worker.run(exits(3)).await.unwrap_err(), pid_of(&worker)));
            forever().await;
            Ok(())
        })
        .await;
        let (told, pid) = told.expect("the call ended");
        for error in [&told, &left.unwrap_err()] {
            let died = died(error);
            assert_eq!((died.code(), died.signal()), (Some(3), None));
            assert_eq!(died.name(), tree.name("worker"));
            assert_eq!(i32::try_from(died.pid()), Ok(pid));
            assert!(error.to_string().contains("code 3"), "{error}");
        }
        Ok(())
    })
    .await
}

#[tractor::test]
async fn an_exit_with_success_is_unexpected_too() -> Result<()> {
    tree(async |tree| {
        let left: Result<()> = tractor::open_nursery(async |an| {
            let worker = start(an, tree.name("worker"), module_path!()).await?;
            worker.run(exits(0)).await
        })
        .await;
        assert_eq!(died(&left.unwrap_err()).code(), Some(0), "one error, not a group of two");
        Ok(())
    })
    .await
}

#[tractor::test]
async fn an_abort_names_its_signal() -> Result<()> {
    tree(async |tree| {
        let left: Result<()> = tractor::open_nursery(async |an| {
            let worker = start(an, tree.name("worker"), module_path!()).await?;
            worker.run(aborts()).await
        })
        .await;
        let error = left.unwrap_err();
        assert_eq!((died(&error).signal(), died(&error).code()), (Some(6), None));
        assert!(error.to_string().contains("SIGABRT"), "{error}");
        Ok(())
    })
    .await
}

#[tractor::test]
async fn every_waiter_learns_of_a_kill() -> Result<()> {
    tree(async |tree| {
        let left: Result<()> = tractor::open_nursery(async |an| {
            let worker = start(an, tree.name("worker"), module_path!()).await?;
            let context = worker.open_context(sends_one(), async |ctx, ()| {
                let mut stream = ctx.open_stream();
                assert_eq!(stream.receive().await?, Some(1));
                stream.receive().await
            });
            let stream = worker.open_stream_from(trickles(), async |mut stream| {
                assert_eq!(stream.receive().await?, Some(1));
                stream.receive().await
            });
            let kill = async {
                worker.run(seen("asleep".to_owned())).await?;
                signal(pid_of(&worker), Signal::KILL);
                Ok::<_, Error>(())
            };
            let (call, context, stream, kill) = tokio::join!(worker.run(sleeps()), context, stream, kill);
            kill?;
            for error in [call.unwrap_err(), context.unwrap_err(), stream.unwrap_err()] {
                assert_eq!(died(&error).signal(), Some(9));
                assert!(error.to_string().contains("SIGKILL"), "{error}");
            }
            let late = worker.run(sleeps()).await.unwrap_err();
            assert_eq!(died(&late).signal(), Some(9), "a later call gets the same error");
            Ok(())
        })
        .await;
        assert_eq!(
            died(&left.unwrap_err()).signal(),
            Some(9),
            "the nursery fails though the body has handled the error"
        );
        Ok(())
    })
    .await
}

#[tractor::test]
async fn a_terminate_signal_from_outside_is_a_death() -> Result<()> {
    tree(async |tree| {
        let left: Result<()> = tractor::open_nursery(async |an| {
            let worker = start(an, tree.name("worker"), module_path!()).await?;
            signal(pid_of(&worker), Signal::TERM);
            forever().await;
            Ok(())
        })
        .await;
        assert_eq!(died(&left.unwrap_err()).signal(), Some(15));
        Ok(())
    })
    .await
}

#[tractor::test]
async fn the_death_of_an_idle_child_ends_its_siblings_and_the_body() -> Result<()> {
    tree(async |tree| {
        let left: Result<()> = tractor::open_nursery(async |an| {
            for number in 0..3 {
                start(an, tree.name(&format!("s{number}")), module_path!()).await?;
            }
            let idle = start(an, tree.name("idle"), module_path!()).await?;
            signal(pid_of(&idle), Signal::KILL);
            forever().await;
            Ok(())
        })
        .await;
        let error = left.unwrap_err();
        assert_eq!((died(&error).name(), died(&error).signal()), (&*tree.name("idle"), Some(9)));
        Ok(())
    })
    .await
}

#[tractor::test]
async fn the_death_of_a_one_shot_actor_is_raised_once() -> Result<()> {
    tree(async |tree| {
        let left: Result<()> = tractor::open_nursery(async |an| {
            let one = an.run_in_actor(exits(4)).name(tree.name("one")).await?;
            assert_eq!(died(&one.wait_for_result().await.unwrap_err()).code(), Some(4));
            Ok(())
        })
        .await;
        assert_eq!(died(&left.unwrap_err()).code(), Some(4));
        Ok(())
    })
    .await
}

#[tractor::test]
async fn the_actors_below_a_killed_one_end_with_it() -> Result<()> {
    in_root(async |tree| {
        let mut grandchild = 0;
        let left: Result<()> = tractor::open_nursery(async |an| {
            let kid = start(an, tree.name("kid"), module_path!()).await?;
            kid.open_context(keeps_a_child(tree.name("below")), async |_, pid| {
                grandchild = pid;
                assert_eq!(tree.processes().len(), 2);
                signal(pid_of(&kid), Signal::KILL);
                forever().await;
                Ok(())
            })
            .await
        })
        .await;
        assert_eq!(died(&left.unwrap_err()).name(), tree.name("kid"));
        // Only this actor can reap it.
        until(|| process(grandchild).is_none_or(|orphan| orphan.parent == std::process::id().cast_signed()))
            .await;
        until(|| process(grandchild).is_none()).await;
        Ok(())
    })
    .await
}

#[tractor::test]
async fn a_death_below_is_an_error_of_the_actor_above() -> Result<()> {
    tree(async |tree| {
        let left: Result<()> = tractor::open_nursery(async |an| {
            let kid = start(an, tree.name("kid"), module_path!()).await?;
            kid.open_context(keeps_a_child(tree.name("below")), async |ctx, pid| {
                signal(pid, Signal::KILL);
                ctx.wait_for_result().await
            })
            .await
        })
        .await;
        let error = left.unwrap_err();
        let remote = error.as_remote().expect("the error is remote");
        assert_eq!((remote.src_type(), remote.src_uid().name()), ("ActorDied", &*tree.name("kid")));
        assert!(remote.message().contains("SIGKILL"), "{remote}");
        Ok(())
    })
    .await
}

#[tractor::test]
async fn a_child_that_cannot_boot_says_why() -> Result<()> {
    tree(async |tree| {
        let taken = tractor::socket_addr(&tree.name("taken"))?;
        tractor::open_root_actor(ActorOptions::new().bind(taken.clone()), async |_| {
            tractor::open_nursery(async |an| {
                let start = an.start_actor(tree.name("worker")).enable_module(module_path!());
                let error = start.clone().bind(taken.clone()).await.unwrap_err();
                let Error::Spawn(failure) = &error else { panic!("{error:?}") };
                assert_eq!(failure.name(), tree.name("worker"));
                assert!(failure.reason().contains(&taken.to_string()), "{error}");

                let error = an.start_actor("x".repeat(5000)).await.unwrap_err();
                assert!(matches!(error, Error::Spawn(_)), "{error:?}");

                let worker = start.await?;
                worker.cancel_actor().await?;
                Ok(())
            })
            .await
        })
        .await
    })
    .await
}

#[tractor::test]
async fn a_child_that_was_asked_to_end_does_not_die() -> Result<()> {
    in_nursery(async |tree, an| {
        let worker = start(an, tree.name("worker"), module_path!()).await?;
        let mut asleep = worker.run(sleeps());
        assert!(poll_once(&mut asleep).await.is_pending());
        worker.run(seen("asleep".to_owned())).await?;
        assert!(worker.cancel_actor().await?.is_in_order());
        let Poll::Ready(slept) = poll_once(&mut asleep).await else { panic!("its task has ended") };
        assert!(slept.unwrap_err().is_cancelled());
        until(|| an.children().is_empty()).await;
        Ok(())
    })
    .await
}

/// Whether a child of this process has ended with all its threads, and was not reaped. A zombie in `/proc` may still
/// have running threads.
fn has_ended(pid: i32) -> bool {
    let peek = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
    let pid = Pid::from_raw(pid).expect("a pid is positive");
    waitid(WaitId::Pid(pid), peek).expect("no other code has reaped it").is_some()
}

#[tractor::test]
async fn a_death_right_before_the_end_of_all_is_a_failure_too() -> Result<()> {
    tree(async |tree| {
        let left: Result<()> = tractor::open_nursery(async |an| {
            let worker = start(an, tree.name("worker"), module_path!()).await?;
            let failure = worker.run(fails()).await;
            let pid = pid_of(&worker);
            signal(pid, Signal::KILL);
            // The thread is blocked: the runtime learns of the death after the failure.
            while !has_ended(pid) {
                std::thread::sleep(std::time::Duration::from_millis(1));
            }
            failure
        })
        .await;
        let error = left.unwrap_err();
        let Error::Group(group) = &error else { panic!("one failure: {error:?}") };
        assert_eq!(group.members().iter().filter(|error| error.as_died().is_some()).count(), 1, "{error:?}");
        Ok(())
    })
    .await
}

#[tractor::test]
async fn two_that_die_at_once_are_two_failures() -> Result<()> {
    tree(async |tree| {
        let left: Result<()> = tractor::open_nursery(async |an| {
            let one = start(an, tree.name("one"), module_path!()).await?;
            let other = start(an, tree.name("other"), module_path!()).await?;
            let pids = [pid_of(&one), pid_of(&other)];
            for pid in pids {
                signal(pid, Signal::KILL);
            }
            // The thread is blocked: the runtime learns of both deaths in one turn.
            while !pids.iter().all(|pid| has_ended(*pid)) {
                std::thread::sleep(std::time::Duration::from_millis(1));
            }
            forever().await;
            Ok(())
        })
        .await;
        let error = left.unwrap_err();
        let Error::Group(group) = &error else { panic!("one failure: {error:?}") };
        let mut names: Vec<_> = group.members().iter().map(|error| died(error).name().to_owned()).collect();
        names.sort();
        assert_eq!(names, [tree.name("one"), tree.name("other")]);
        Ok(())
    })
    .await
}
