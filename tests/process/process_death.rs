//! Killed processes: the processes that end with them, the actors that learn of it, and the actor that reaps them.

use std::time::{Duration, Instant};

use rustix::process::Signal;
use tractor::{ActorOptions, Error};

use crate::process_support::endpoints::{descends, hogs, process};
use crate::process_support::{
    WHOLE, bounded, eventually, is_gone, parent, pid_of, role, signal, sockets_of, state, zombies_of,
};

/// The time from the death of an actor to the end of the last actor below it.
const SUBTREE_END: Duration = Duration::from_secs(2);

#[tokio::test]
async fn the_whole_tree_ends_with_its_root() {
    for _ in 0..3 {
        let mut program = role::start(&mut role::command("process_death::tree_of_three"));
        let line = program.hear("line");
        assert_eq!(line.len(), 3);
        assert_eq!(parent(line[0]), Some(program.pid()));
        assert_eq!(parent(line[2]), Some(line[1]), "a line, one below the other");
        assert!(line.iter().all(|pid| !is_gone(*pid)));
        program.kill();
        eventually("the end of every descendant", SUBTREE_END, || line.iter().all(|pid| is_gone(*pid))).await;
    }
}

#[tractor::test]
#[ignore = "a program that the test above starts"]
async fn tree_of_three() {
    let scope = tractor::open_nursery(async |an| -> tractor::Result<()> {
        let top = an.start_actor("depth-3").expose(descends).await?;
        top.open_context(descends(2, false), async |_ctx, line| {
            role::say("line", &line);
            std::future::pending().await
        })
        .await
    });
    bounded(scope).await.unwrap();
}

#[tokio::test]
async fn a_child_that_cannot_notice_ends_with_its_root_too() {
    let mut program = role::start(&mut role::command("process_death::tree_with_a_hog"));
    let hog = program.hear("hog");
    assert_eq!(parent(hog[0]), Some(program.pid()));
    program.kill();
    eventually("the end of the hog", SUBTREE_END, || is_gone(hog[0])).await;
}

#[tractor::test]
#[ignore = "a program that the test above starts"]
async fn tree_with_a_hog() {
    let scope = tractor::open_nursery(async |an| -> tractor::Result<()> {
        let kid = an.start_actor("hog").expose(hogs).await?;
        kid.open_context(hogs(), async |_ctx, pid| {
            role::say("hog", &[pid]);
            std::future::pending().await
        })
        .await
    });
    bounded(scope).await.unwrap();
}

#[tractor::test]
async fn the_death_of_a_middle_actor_ends_its_subtree_and_the_root_reaps_it() {
    let mut pids = Vec::new();
    let result = bounded(tractor::open_nursery(async |an| -> tractor::Result<()> {
        let middle = an.start_actor("middle").expose(descends).await?;
        middle
            .open_context(descends(2, false), async |_ctx, line| {
                pids.extend(line);
                signal(pids[0], Signal::KILL);
                std::future::pending().await
            })
            .await
    }))
    .await;
    let error = result.expect_err("the middle died");
    let died = error.as_died().unwrap_or_else(|| panic!("{error:?}"));
    assert_eq!((died.name(), died.pid(), died.signal()), ("middle", pids[0], Some(9)));
    assert!(error.to_string().contains("signal 9"), "{error}");
    eventually("the end of the subtree", SUBTREE_END, || pids.iter().all(|pid| is_gone(*pid))).await;
}

#[tokio::test]
async fn orphans_leave_no_zombies_while_their_root_lives() {
    // This needs a program of its own: in this process the roots of other tests would reap them.
    role::succeed(&mut role::command("process_death::root_of_orphans")).await;
}

#[tractor::test]
#[ignore = "a program that the test above starts"]
async fn root_of_orphans() {
    bounded(tractor::open_root_actor(ActorOptions::new(), async |_| -> tractor::Result<()> {
        let mut all = Vec::new();
        for _ in 0..5 {
            let result = tractor::open_nursery(async |an| -> tractor::Result<()> {
                let middle = an.start_actor("middle").expose(descends).await?;
                middle
                    .open_context(descends(2, true), async |_ctx, line| {
                        assert!(
                            line[1..].iter().all(|pid| sockets_of(*pid).len() == 1),
                            "each actor has a socket file"
                        );
                        signal(line[0], Signal::KILL);
                        all.extend(line);
                        std::future::pending().await
                    })
                    .await
            })
            .await;
            assert!(matches!(result, Err(Error::Died(_))), "{result:?}");
        }
        let left = || all.iter().filter(|pid| state(**pid).is_some()).collect::<Vec<_>>();
        eventually("every orphan is reaped", SUBTREE_END, || left().is_empty()).await;
        let zombies = zombies_of(std::process::id());
        assert!(all.iter().all(|pid| !zombies.contains(pid)), "{zombies:?}");
        let sockets = || all.iter().flat_map(|pid| sockets_of(*pid)).collect::<Vec<_>>();
        eventually("no orphan's socket file is left", SUBTREE_END, || sockets().is_empty()).await;
        Ok(())
    }))
    .await
    .unwrap();
}

#[tractor::test]
async fn every_kind_of_wait_on_a_dead_actor_is_told_how_it_died() {
    let mut waits = None;
    let result = bounded(tractor::open_nursery(async |an| -> tractor::Result<()> {
        let kid = an.start_actor("kid").expose(descends).expose(process).await?;
        // This is a task of its own, because the nursery drops its body at the first death.
        waits = Some(tokio::spawn(async move {
            let waiting = kid.open_context(descends(0, false), async |ctx, line| {
                signal(line[0], Signal::TERM);
                ctx.wait_for_result().await
            });
            let first = waiting.await.expect_err("it died");
            (pid_of(&kid), first, kid.run(process()).await.expect_err("it is dead"))
        }));
        std::future::pending().await
    }))
    .await;
    let (pid, waited, called) = waits.expect("it was started").await.expect("the task does not panic");
    for error in [result.expect_err("the nursery lost a child"), waited, called] {
        let died = error.as_died().unwrap_or_else(|| panic!("{error:?}"));
        assert_eq!((died.name(), died.pid(), died.signal()), ("kid", pid, Some(15)), "{error:?}");
    }
}

#[tractor::test]
async fn a_stopped_child_is_reaped_within_the_ladder() {
    let (mut pid, mut took) = (0, Duration::MAX);
    bounded(tractor::open_nursery(async |an| -> tractor::Result<()> {
        let kid = an.start_actor("stopped").expose(process).await?;
        pid = kid.run(process()).await?;
        signal(pid, Signal::STOP);
        eventually("it is stopped", WHOLE, || state(pid) == Some('T')).await;
        let begun = Instant::now();
        an.cancel().await;
        took = begun.elapsed();
        Ok(())
    }))
    .await
    .unwrap();
    assert_eq!(state(pid), None, "reaped before the nursery ends");
    // 0.5 s for the request, 1.6 s for SIGTERM, which a stopped process does not take, then SIGKILL.
    assert!(took < Duration::from_secs(4), "{took:?}");
}

#[tractor::test]
async fn a_child_stuck_in_synchronous_code_is_terminated() {
    let mut pid = 0;
    bounded(tractor::open_nursery(async |an| -> tractor::Result<()> {
        let kid = an.start_actor("hog").expose(hogs).await?;
        let hogged = kid.open_context(hogs(), async |_ctx, its_pid| -> tractor::Result<()> {
            pid = its_pid;
            an.cancel().await;
            Ok(())
        });
        let error = hogged.await.expect_err("it was terminated");
        let died = error.as_died().unwrap_or_else(|| panic!("{error:?}"));
        assert_eq!(died.signal(), Some(Signal::TERM.as_raw()), "no SIGKILL was needed");
        Ok(())
    }))
    .await
    .unwrap();
    assert_eq!(state(pid), None);
}

#[tractor::test(flavor = "multi_thread", worker_threads = 2)]
async fn children_outlive_the_thread_that_asked_for_them() {
    bounded(tractor::open_nursery(async |an| -> tractor::Result<()> {
        let (nursery, runtime) = (an.clone(), tokio::runtime::Handle::current());
        let thread = std::thread::spawn(move || {
            let task = std::fs::read_link("/proc/thread-self").expect("a thread of this process");
            let kid = runtime.block_on(async { nursery.start_actor("kid").expose(process).await });
            (std::path::Path::new("/proc").join(task), kid)
        });
        eventually("the thread's end", WHOLE, || thread.is_finished()).await;
        let (task, kid) = thread.join().expect("the thread ended well");
        // The kernel sends the death signals of a thread before it removes the thread from its list.
        eventually("the kernel has forgotten the thread", WHOLE, || !task.exists()).await;
        let kid = kid?;
        let pid = kid.run(process()).await?;
        let (nursery, runtime) = (an.clone(), tokio::runtime::Handle::current());
        let blocking = tokio::task::spawn_blocking(move || {
            runtime.block_on(async { nursery.start_actor("second").expose(process).await })
        });
        let second = blocking.await.expect("the task does not panic")?;
        assert_ne!(second.run(process()).await?, pid);
        an.cancel().await;
        Ok(())
    }))
    .await
    .unwrap();
}

#[tractor::test(flavor = "multi_thread", worker_threads = 2)]
async fn children_outlive_the_thread_that_drove_the_runtime() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let (started, pid) = tokio::sync::oneshot::channel();
    let (go_on, second_thread) = tokio::sync::oneshot::channel::<()>();
    let scope = runtime.spawn(tractor::open_nursery(async move |an| -> tractor::Result<u32> {
        let kid = an.start_actor("kid").expose(process).await?;
        started.send(kid.run(process()).await?).expect("the test listens");
        second_thread.await.expect("the test goes on");
        let pid = kid.run(process()).await?;
        an.cancel().await;
        Ok(pid)
    }));
    let first = std::thread::spawn(move || {
        let task = std::fs::read_link("/proc/thread-self").expect("a thread of this process");
        let pid = runtime.block_on(bounded(pid)).expect("the child starts");
        (std::path::Path::new("/proc").join(task), pid, runtime)
    });
    eventually("the thread's end", WHOLE, || first.is_finished()).await;
    let (task, pid, runtime) = first.join().expect("the thread ended well");
    eventually("the kernel has forgotten the thread", WHOLE, || !task.exists()).await;
    go_on.send(()).expect("the scope waits");
    let second = std::thread::spawn(move || runtime.block_on(bounded(scope)));
    eventually("the scope's end", WHOLE, || second.is_finished()).await;
    let result = second.join().expect("the thread ended well").expect("the task does not panic");
    assert_eq!(result.expect("the child lives on"), pid);
}
