//! Programs that actors start end with their actor and leave no zombies. The library does not touch processes that the
//! root program itself starts.

use std::collections::BTreeSet;
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::time::Duration;

use rustix::process::Signal;
use tractor::{ActorNursery, Context, Error, Portal, Timeouts};

use crate::process_support::endpoints::{ends, hogs, process, starts};
use crate::process_support::{bounded, eventually, is_gone, pid_of, role, signal, state, zombies_of};

/// Longer than any test.
const FOR_LONG: &str = "311";
/// The time in which a process is reaped that no actor waits for.
const REAPED: Duration = Duration::from_secs(5);

async fn sleep_in(portal: &Portal) -> tractor::Result<u32> {
    portal.run(starts("sleep".to_owned(), vec![FOR_LONG.to_owned()])).await
}

/// Two programs, one below the other, in the group of the actor.
async fn sleep_below_a_shell_in(portal: &Portal) -> tractor::Result<u32> {
    let script = format!("sleep {FOR_LONG} & wait");
    portal.run(starts("sh".to_owned(), vec!["-c".to_owned(), script])).await
}

async fn start(an: &ActorNursery, name: &str) -> tractor::Result<Portal> {
    an.start_actor(name).expose(process).expose(starts).expose(ends).expose(hogs).await
}

// ---- they end with their actor -----------------------------------------------------------------------------------

/// Fails if a process of this test is left when its scope has returned, even a zombie.
#[track_caller]
fn nothing_is_left(how: &str, pids: &[u32]) {
    let left: Vec<_> = pids.iter().filter_map(|pid| Some((*pid, state(*pid)?))).collect();
    for (pid, _) in left.iter().filter(|(_, state)| *state != 'Z') {
        signal(*pid, Signal::KILL);
    }
    assert_eq!(left, [], "after an actor that {how}");
}

async fn programs_end_with_an_actor_that(how: &str) {
    let mut pids = Vec::new();
    let short = Duration::from_millis(200);
    let timeouts = Timeouts::default().actor_cancel(short).terminate(short);
    let scope = tractor::open_root_actor(tractor::ActorOptions::new().timeouts(timeouts), async |_| {
        tractor::open_nursery(async |an| -> tractor::Result<()> {
            let worker = start(an, "worker").await?;
            pids.extend([pid_of(&worker), sleep_in(&worker).await?, sleep_below_a_shell_in(&worker).await?]);
            match how {
                "ends as asked" => _ = worker.cancel_actor().await?,
                "is signalled by its parent" => {
                    let busy =
                        worker.open_context(hogs(), async |_ctx, _pid| -> tractor::Result<()> { Ok(()) });
                    _ = tokio::time::timeout(short, busy).await;
                    an.cancel().await;
                }
                how => worker.run(ends(how.to_owned())).await?,
            }
            Ok(())
        })
        .await
    });
    let result = bounded(scope).await;
    nothing_is_left(how, &pids);
    let asked = matches!(how, "ends as asked" | "is signalled by its parent");
    assert_eq!(asked, result.is_ok(), "{result:?}");
    assert!(asked || matches!(result, Err(Error::Died(_))), "{result:?}");
}

#[tractor::test]
async fn programs_end_with_their_actor_whatever_its_end() {
    for how in
        ["ends as asked", "exits", "aborts", "is killed", "is terminated", "is signalled by its parent"]
    {
        programs_end_with_an_actor_that(how).await;
    }
}

/// Lets an actor below this one die; returns its pid and that of its program.
#[tractor::actor_fn]
async fn loses_a_leaf() -> Vec<u32> {
    let mut pids = Vec::new();
    let scope = tractor::open_nursery(async |an| -> tractor::Result<()> {
        let leaf = start(an, "leaf").await?;
        pids.extend([pid_of(&leaf), sleep_in(&leaf).await?]);
        leaf.run(ends("is killed".to_owned())).await
    });
    let result = scope.await;
    assert!(matches!(result, Err(Error::Died(_))), "{result:?}");
    nothing_is_left("is killed, two levels down", &pids);
    pids
}

/// The process of the only actor below another one, and its program.
async fn line_below(pid: u32) -> [u32; 2] {
    let only_child = |pid| {
        let threads = std::fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten();
        let files =
            threads.filter_map(|thread| std::fs::read_to_string(thread.ok()?.path().join("children")).ok());
        files.into_iter().find_map(|pids| pids.split_whitespace().next()?.parse().ok())
    };
    let mut line = None;
    eventually("the line below", REAPED, || {
        line = only_child(pid).and_then(|leaf| Some([leaf, only_child(leaf)?]));
        line.is_some()
    })
    .await;
    line.expect("it is there")
}

#[tractor::test]
async fn programs_of_an_actor_below_end_with_it_and_are_reaped_by_its_parent() {
    bounded(tractor::open_nursery(async |an| -> tractor::Result<()> {
        let middle = an.start_actor("middle").expose(loses_a_leaf).await?;
        assert_eq!(middle.run(loses_a_leaf()).await?.len(), 2);
        middle.cancel_actor().await?;
        Ok(())
    }))
    .await
    .unwrap();
}

#[tractor::context(started = u32)]
async fn holds_a_leaf(ctx: Context<u32, (), ()>) -> tractor::Result<()> {
    tractor::open_nursery(async |an| -> tractor::Result<()> {
        let leaf = start(an, "leaf").await?;
        sleep_in(&leaf).await?;
        let _ctx = ctx.started(std::process::id()).await?;
        std::future::pending().await
    })
    .await
}

#[tractor::test]
async fn programs_of_orphaned_actors_end_with_the_one_above() {
    let mut pids = Vec::new();
    let result = bounded(tractor::open_nursery(async |an| -> tractor::Result<()> {
        let middle = an.start_actor("middle").expose(holds_a_leaf).await?;
        middle
            .open_context(holds_a_leaf(), async |_ctx, pid| {
                pids.push(pid);
                pids.extend(line_below(pid).await);
                signal(pid, Signal::KILL);
                std::future::pending().await
            })
            .await
    }))
    .await;
    assert!(matches!(result, Err(Error::Died(_))), "{result:?}");
    assert_eq!(pids.len(), 3);
    nothing_is_left("was above the killed one", &pids);
}

/// Has a program, and leaves its process group for that of its parent.
#[tractor::context(started = Vec<u32>)]
async fn leaves_its_group(ctx: Context<Vec<u32>, (), ()>) -> tractor::Result<()> {
    let program = Command::new("sleep").arg(FOR_LONG).spawn().expect("it is installed").id();
    rustix::process::setpgid(None, rustix::process::getppid()).expect("the parent leads a group");
    let _ctx = ctx.started(vec![std::process::id(), program]).await?;
    std::future::pending().await
}

#[tractor::context(started = Vec<u32>)]
async fn takes_a_leaf_into_its_group(ctx: Context<Vec<u32>, (), ()>) -> tractor::Result<()> {
    tractor::open_nursery(async |an| -> tractor::Result<()> {
        let leaf = an.start_actor("leaf").expose(leaves_its_group).await?;
        leaf.open_context(leaves_its_group(), async |_leaf, mut pids| {
            pids.push(std::process::id());
            let _ctx = ctx.started(pids).await?;
            std::future::pending().await
        })
        .await
    })
    .await
}

#[tractor::test]
async fn programs_of_an_orphan_that_has_left_their_group_end_too() {
    let mut pids = Vec::new();
    let result = bounded(tractor::open_nursery(async |an| -> tractor::Result<()> {
        let middle = an.start_actor("middle").expose(takes_a_leaf_into_its_group).await?;
        middle
            .open_context(takes_a_leaf_into_its_group(), async |_ctx, started| {
                signal(started[2], Signal::KILL);
                pids = started;
                std::future::pending().await
            })
            .await
    }))
    .await;
    assert!(matches!(result, Err(Error::Died(_))), "{result:?}");
    assert_eq!(pids.len(), 3);
    nothing_is_left("was below the killed one, in its group", &pids);
}

/// Has an actor below it, reports that actor's program, and waits for any child, as other programs do.
#[tractor::context(started = Vec<u32>)]
async fn reaps_a_leaf(ctx: Context<Vec<u32>, (), ()>) -> tractor::Result<()> {
    tractor::open_nursery(async |an| -> tractor::Result<()> {
        let leaf = start(an, "leaf").await?;
        let pids = vec![std::process::id(), pid_of(&leaf), sleep_in(&leaf).await?];
        let _ctx = ctx.started(pids).await?;
        tokio::time::sleep(Duration::from_millis(50)).await;
        _ = rustix::process::wait(rustix::process::WaitOptions::empty());
        loop {
            std::thread::park();
        }
    })
    .await
}

#[tractor::test]
async fn programs_of_an_actor_that_somebody_else_has_reaped_end_with_the_one_above() {
    let mut pids = Vec::new();
    let result = bounded(tractor::open_nursery(async |an| -> tractor::Result<()> {
        let middle = an.start_actor("middle").expose(reaps_a_leaf).await?;
        middle
            .open_context(reaps_a_leaf(), async |_ctx, started| {
                tokio::time::sleep(Duration::from_millis(300)).await;
                signal(started[1], Signal::KILL);
                eventually("it is reaped", REAPED, || state(started[1]).is_none()).await;
                signal(started[0], Signal::KILL);
                pids = started;
                std::future::pending().await
            })
            .await
    }))
    .await;
    assert!(matches!(result, Err(Error::Died(_))), "{result:?}");
    assert_eq!(pids.len(), 3);
    nothing_is_left("was reaped by its actor", &pids);
}

#[tokio::test]
async fn programs_end_with_a_runtime_that_is_dropped() {
    role::succeed(&mut role::command("process_programs::drops_its_runtime")).await;
}

#[tractor::test]
#[ignore = "a program that the test above starts"]
async fn drops_its_runtime() {
    let dropped = std::thread::spawn(|| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let (told, mut pids) = tokio::sync::mpsc::unbounded_channel();
        let scope = tractor::open_nursery(async |an| -> tractor::Result<()> {
            let worker = start(an, "worker").await?;
            for pid in [pid_of(&worker), sleep_in(&worker).await?] {
                told.send(pid).expect("the receiver waits");
            }
            std::future::pending().await
        });
        runtime.block_on(async {
            let ends = async { [pids.recv().await, pids.recv().await].map(|pid| pid.expect("it is sent")) };
            tokio::select! {
                pids = ends => pids,
                result = scope => panic!("{result:?}"),
            }
        })
    });
    let pids = dropped.join().expect("the thread does not panic");
    eventually("their end", REAPED, || pids.iter().all(|pid| state(*pid).is_none())).await;
}

// ---- zombies -----------------------------------------------------------------------------------------------------

#[tokio::test]
async fn a_program_that_an_actor_has_left_is_reaped_while_the_actor_lives() {
    // This needs a program of its own: here, children of other tests are zombies for a moment.
    role::succeed(&mut role::command("process_programs::adopts_many")).await;
}

#[tractor::test]
#[ignore = "a program that the test above starts"]
async fn adopts_many() {
    bounded(tractor::open_nursery(async |an| -> tractor::Result<()> {
        let worker = start(an, "worker").await?;
        let (mut count, program) = (0, std::process::id());
        for _ in 0..50 {
            let script = vec!["-c".to_owned(), "true & true & sleep 0.02".to_owned()];
            worker.run(starts("sh".to_owned(), script)).await?;
            count = count.max(zombies_of(program).len());
        }
        eventually("every orphan is reaped", REAPED, || zombies_of(program).is_empty()).await;
        assert!(state(pid_of(&worker)).is_some(), "while the actor lives");
        assert!(rustix::process::child_subreaper().expect("Linux reports it").is_some());
        worker.cancel_actor().await?;
        Ok(())
    }))
    .await
    .unwrap();
    assert_eq!(
        zombies_of(std::process::id()),
        BTreeSet::new(),
        "also those that the actor had not waited for"
    );
}

// ---- processes of the program itself -----------------------------------------------------------------------------

#[tokio::test]
async fn the_program_is_told_the_status_of_each_child_of_its_own() {
    role::succeed(&mut role::command("process_programs::waits_for_its_own")).await;
}

#[tractor::test]
#[ignore = "a program that the test above starts"]
async fn waits_for_its_own() {
    let waits = std::thread::spawn(|| {
        let exits = |code: u8, own_group: bool| {
            let mut command = Command::new("sh");
            command.args(["-c", &format!("exit {code}")]);
            if own_group {
                command.process_group(0);
            }
            command
        };
        let mut late: Vec<_> = (0..8).map(|n| (n, exits(n, n % 2 == 0).spawn().expect("a shell"))).collect();
        for round in 0..150 {
            let code = (round % 200) as u8;
            let status = exits(code, round % 2 == 0).status().expect("no other code reaps it");
            assert_eq!(status.code(), Some(code.into()));
        }
        for (code, child) in &mut late {
            assert_eq!(child.wait().expect("no other code has reaped it").code(), Some((*code).into()));
        }
    });
    bounded(async {
        for round in 0..200 {
            if waits.is_finished() {
                break;
            }
            let how = ["ends as asked", "exits", "is killed"][round % 3];
            programs_end_with_an_actor_that(how).await;
        }
    })
    .await;
    waits.join().expect("the waiting thread does not panic");
}

#[tractor::actor_fn]
async fn waits_for_its_own_while_it_loses_actors() {
    let waits = std::thread::spawn(|| {
        for code in 0..100 {
            let mut command = Command::new("sh");
            command.arg0("_subactor[none").args(["-c", &format!("sleep 0.01; exit {code}")]);
            assert_eq!(command.status().expect("no other code reaps it").code(), Some(code));
        }
    });
    while !waits.is_finished() {
        let scope = tractor::open_nursery(async |an| -> tractor::Result<()> {
            start(an, "leaf").await?.run(ends("is killed".to_owned())).await
        });
        assert!(matches!(scope.await, Err(Error::Died(_))));
    }
    waits.join().expect("the waiting thread does not panic");
}

#[tractor::test]
async fn an_actor_is_told_the_status_of_each_child_of_its_own() {
    bounded(tractor::open_nursery(async |an| -> tractor::Result<()> {
        let worker = an.start_actor("worker").expose(waits_for_its_own_while_it_loses_actors).await?;
        worker.run(waits_for_its_own_while_it_loses_actors()).await?;
        worker.cancel_actor().await?;
        Ok(())
    }))
    .await
    .unwrap();
}

#[tractor::test]
async fn a_program_that_left_the_group_is_left_alone() {
    let mut left = 0;
    bounded(tractor::open_nursery(async |an| -> tractor::Result<()> {
        let worker = start(an, "worker").await?;
        left = worker.run(starts("setsid".to_owned(), vec!["sleep".to_owned(), FOR_LONG.to_owned()])).await?;
        eventually("the program has a session of its own", REAPED, || {
            crate::process_support::process_group(left) == Some(left)
        })
        .await;
        worker.cancel_actor().await?;
        assert!(!is_gone(left));
        signal(left, Signal::KILL);
        // This process adopts it, although it has no child actor left.
        eventually("it is reaped", REAPED, || state(left).is_none()).await;
        Ok(())
    }))
    .await
    .unwrap();
}
