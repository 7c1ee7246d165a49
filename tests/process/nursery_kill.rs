//! Children that hang are killed: by their portal, or by a deadline with `or_kill`.

use std::time::Duration;

use rustix::process::Signal;
use support::journal::{note, seen};
use support::processes::{pid_of, process, signal as send};
use support::{forever, in_nursery, in_nursery_with, in_root, poll_once, start, until};
use tokio::signal::unix::{SignalKind, signal};
use tractor::{ActorEnd, ActorOptions, Error, Portal, Result, Timeouts};

/// Longer than any test here takes.
const AMPLE: Duration = Duration::from_secs(3600);

#[tractor::actor_fn]
async fn one() -> i32 {
    1
}

#[tractor::actor_fn]
async fn waits() {
    note("waits");
    forever().await;
}

/// Hangs, and ignores SIGTERM.
#[tractor::actor_fn]
async fn spins() {
    let _handler = signal(SignalKind::terminate()).expect("a handler can be set");
    loop {
        std::hint::spin_loop();
    }
}

/// Starts a program, and an actor below this one, and does not end them.
#[tractor::actor_fn]
async fn keeps_others(below: String, program: String) -> Result<()> {
    let mut command = std::process::Command::new("sh");
    command.args(["-c", "trap '' TERM; echo $$ > $0; sleep 600; :", &program]);
    let _its_pid = command.spawn().expect("there is a shell").id();
    tractor::open_nursery(async |an| {
        start(an, below, module_path!()).await?;
        note("keeps them");
        forever().await;
        Ok(())
    })
    .await
}

#[track_caller]
fn killed(end: &ActorEnd) {
    let ActorEnd::Killed(died) = end else { panic!("{end:?}") };
    assert_eq!(died.signal(), Some(9), "{died}");
}

#[track_caller]
fn died_killed(result: Result<()>) {
    let error = result.expect_err("its actor was killed");
    assert_eq!(error.as_died().and_then(tractor::error::ActorDied::signal), Some(9), "{error}");
}

/// Starts a call, and waits until it runs.
async fn in_flight(portal: &Portal) -> Result<tractor::future::Run<()>> {
    let mut call = portal.run(waits());
    assert!(poll_once(&mut call).await.is_pending());
    portal.run(seen("waits".to_owned())).await?;
    Ok(call)
}

#[tractor::test]
async fn a_hung_child_is_killed_at_once_and_its_nursery_goes_on() -> Result<()> {
    // After a request to end, or a SIGTERM, the ladder would wait longer than the test.
    let patient = Timeouts::default().actor_cancel(AMPLE).nursery_cancel(AMPLE).terminate(AMPLE);
    in_nursery_with(ActorOptions::new().timeouts(patient), async |tree, an| {
        let hung = start(an, tree.name("hung"), module_path!()).await?;
        let well = start(an, tree.name("well"), module_path!()).await?;
        let waiting = in_flight(&hung).await?;
        let (spinning, end) = tokio::join!(hung_in(&hung).await, hung.kill());
        killed(&end?);
        assert!(process(pid_of(&hung)).is_none(), "it was reaped");
        died_killed(spinning);
        died_killed(waiting.await);
        died_killed(hung.run(waits()).await);
        killed(&hung.kill().await?);
        killed(&hung.cancel_actor().await?);
        assert_eq!(well.run(one()).await?, 1);
        assert!(!an.cancel_called());
        assert!(well.cancel_actor().await?.is_in_order());
        assert!(matches!(well.kill().await?, ActorEnd::InOrder), "it was gone before");
        Ok(())
    })
    .await
}

#[tractor::test]
async fn all_that_a_killed_child_has_started_ends_with_it() -> Result<()> {
    in_nursery(async |tree, an| {
        let path = std::env::temp_dir().join(format!("tractor-kill-{}", std::process::id()));
        let program = path.display().to_string();
        let child = start(an, tree.name("child"), module_path!()).await?;
        let mut keeps = child.run(keeps_others(tree.name("below"), program));
        assert!(poll_once(&mut keeps).await.is_pending());
        child.run(seen("keeps them".to_owned())).await?;
        let pid = || std::fs::read_to_string(&path).ok()?.trim().parse::<i32>().ok();
        until(|| pid().is_some()).await;
        send(pid_of(&child), Signal::STOP);
        killed(&child.kill().await?);
        assert!(tree.processes().is_empty() && process(pid().expect("it was read")).is_none());
        std::fs::remove_file(&path).expect("it was read");
        died_killed(keeps.await);
        Ok(())
    })
    .await
}

#[tractor::test]
async fn a_kill_goes_on_when_nobody_waits_for_it() -> Result<()> {
    in_nursery(async |tree, an| {
        let hung = start(an, tree.name("hung"), module_path!()).await?;
        assert!(poll_once(&mut Box::pin(hung.kill())).await.is_pending());
        tree.all_reaped().await;
        // A child that was asked to end loses the rest of its time.
        let slow = start(an, tree.name("slow"), module_path!()).await?;
        let spinning = hung_in(&slow).await;
        let mut asked = slow.cancel_actor().timeout(AMPLE).into_future();
        assert!(poll_once(&mut asked).await.is_pending());
        killed(&slow.kill().await?);
        killed(&asked.await?);
        died_killed(spinning.await);
        Ok(())
    })
    .await
}

/// A call that hangs its actor.
async fn hung_in(portal: &Portal) -> tractor::future::Run<()> {
    let mut call = portal.run(spins());
    assert!(poll_once(&mut call).await.is_pending());
    let pid = pid_of(portal);
    until(|| support::processes::cpu_ticks(pid).is_some_and(|ticks| ticks > 5)).await;
    call
}

#[tractor::test]
async fn only_children_can_be_killed() -> Result<()> {
    in_root(async |_| {
        let options = ActorOptions::new().name("next_door").enable_module(module_path!());
        tractor::with_local_actor(options, async |portal| {
            let refused = portal.kill().await.map(drop);
            let hasty = portal.run(one()).deadline(AMPLE).or_kill().await.map(drop);
            for refused in [refused, hasty] {
                let Err(Error::Runtime(refused)) = refused else { panic!("{refused:?}") };
                let text = refused.to_string();
                assert!(text.contains("next_door") && text.contains("is not a child of this one"), "{text}");
            }
            assert_eq!(portal.run(one()).await?, 1);
            Ok(())
        })
        .await
    })
    .await
}

#[tractor::test]
async fn a_deadline_kills_if_it_is_told_to() -> Result<()> {
    in_nursery(async |tree, an| {
        let well = start(an, tree.name("well"), module_path!()).await?;
        assert_eq!(well.run(one()).deadline(AMPLE).or_kill().await?, 1);
        assert_eq!(well.run(one()).or_kill().await?, 1);
        let late = well.run(one()).deadline(Duration::ZERO).or_kill().await;
        assert!(matches!(late, Err(Error::DeadlineExceeded(_))), "{late:?}");
        assert_eq!(well.run(one()).await?, 1, "nothing was started");

        let budget = Duration::from_millis(300);
        let hung = start(an, tree.name("hung"), module_path!()).await?;
        let waiting = in_flight(&hung).await?;
        let result = hung.run(spins()).deadline(budget).or_kill().await;
        let Err(Error::DeadlineExceeded(late)) = &result else { panic!("{result:?}") };
        let died = late.actor_died().expect("it was killed");
        assert_eq!((died.pid().cast_signed(), died.signal()), (pid_of(&hung), Some(9)));
        assert_eq!((late.actor(), late.budget()), (Some(hung.uid()), budget));
        let text = format!("{:?}", result.expect_err("the kill is over the budget"));
        assert!(text.contains("within its deadline of 300ms, and the actor was killed"), "{text}");
        assert!(text.contains("its parent ended it: killed by signal 9 (SIGKILL)"), "{text}");
        assert!(process(pid_of(&hung)).is_none());
        died_killed(waiting.await);

        // The same for an actor that a cancellation would have ended, and in a scope with the deadline.
        let asleep = start(an, tree.name("asleep"), module_path!()).await?;
        let result: Result<()> = tractor::with_deadline(budget, asleep.run(waits()).or_kill()).await;
        let Err(Error::DeadlineExceeded(late)) = &result else { panic!("{result:?}") };
        assert!(late.actor_died().is_some(), "{late}");
        assert_eq!(well.run(one()).await?, 1);
        an.cancel().await;
        Ok(())
    })
    .await
}

#[tractor::test]
async fn a_call_that_is_dropped_before_its_deadline_kills_nobody() -> Result<()> {
    in_nursery(async |tree, an| {
        let child = start(an, tree.name("child"), module_path!()).await?;
        let mut call = child.run(waits()).deadline(AMPLE).or_kill();
        assert!(poll_once(&mut call).await.is_pending());
        drop(call);
        assert_eq!(child.run(one()).await?, 1);
        assert!(child.cancel_actor().await?.is_in_order());
        Ok(())
    })
    .await
}
