//! Supervised children that are restarted, or killed, on request.

use std::time::Duration;

use support::processes::{cpu_ticks, pid_of, process};
use support::{forever, in_nursery, poll_once, until};
use tractor::{
    ActorEnd, Backoff, Error, Portal, Result, StartActor, Supervised, Supervision, SupervisionEvent,
};

#[tractor::actor_fn]
async fn sleeps() {
    forever().await;
}

#[tractor::actor_fn]
async fn spins() {
    loop {
        std::hint::spin_loop();
    }
}

fn set_up(child: StartActor) -> StartActor {
    child.enable_module(module_path!())
}

/// Allows no restarts except requested ones.
fn strict(how: Supervision) -> Supervision {
    how.intensity(0, Duration::from_secs(600)).backoff(Backoff::NONE)
}

async fn hang(portal: &Portal) {
    let mut call = portal.run(spins());
    assert!(poll_once(&mut call).await.is_pending());
    tokio::spawn(call);
    let pid = pid_of(portal);
    until(|| cpu_ticks(pid).is_some_and(|ticks| ticks > 5)).await;
}

#[tractor::test]
async fn a_restart_that_is_asked_for_is_not_counted() -> Result<()> {
    in_nursery(async |tree, an| {
        let supervisor = an.supervise(strict(Supervision::one_for_one()));
        let permanent = supervisor.child(tree.name("p"), set_up).await?;
        let transient = supervisor.child(tree.name("tr"), set_up).transient().await?;
        let temporary = supervisor.child(tree.name("te"), set_up).temporary().await?;
        for child in [&permanent, &transient, &temporary] {
            for incarnation in [2, 3] {
                let before = child.portal().await?;
                let mut call = before.run(sleeps());
                assert!(poll_once(&mut call).await.is_pending());
                let fresh = child.restart().await?;
                assert!(call.await.expect_err("its process has ended").is_cancelled());
                assert!(process(pid_of(&before)).is_none());
                assert_ne!(pid_of(&fresh), pid_of(&before));
                assert_eq!(child.incarnation(), incarnation);
            }
        }
        assert!(!an.cancel_called());
        supervisor.cancel().await;
        let over = permanent.restart().await;
        assert!(matches!(over, Err(Error::Runtime(_))), "{over:?}");
        assert!(permanent.kill().await.is_none());
        Ok(())
    })
    .await
}

#[tractor::test]
async fn a_child_that_hangs_is_restarted_and_its_siblings_with_it_where_the_strategy_says_so() -> Result<()> {
    in_nursery(async |tree, an| {
        let supervisor = an.supervise(strict(Supervision::rest_for_one()));
        let mut children = Vec::new();
        for name in ["a", "b", "c"] {
            children.push(supervisor.child(tree.name(name), set_up).await?);
        }
        hang(&children[1].portal().await?).await;
        // The restart goes on after its future was dropped.
        assert!(poll_once(&mut Box::pin(children[1].restart())).await.is_pending());
        for child in &children[1..] {
            child.portal_after(1).await?;
        }
        assert_eq!(children.iter().map(Supervised::incarnation).collect::<Vec<_>>(), [1, 2, 2]);
        supervisor.cancel().await;
        Ok(())
    })
    .await
}

#[tractor::test]
async fn a_kill_is_a_crash_to_the_restart_rule() -> Result<()> {
    in_nursery(async |tree, an| {
        let how = Supervision::one_for_one().intensity(3, Duration::from_secs(600)).backoff(Backoff::NONE);
        let supervisor = an.supervise(how);
        let mut events = supervisor.events();
        let permanent = supervisor.child(tree.name("p"), set_up).await?;
        let transient = supervisor.child(tree.name("tr"), set_up).transient().await?;
        let temporary = supervisor.child(tree.name("te"), set_up).temporary().await?;
        for child in [&permanent, &transient] {
            hang(&child.portal().await?).await;
            let end = child.kill().await;
            assert!(matches!(end, Some(ActorEnd::Killed(_))), "{end:?}");
            child.portal_after(1).await?;
        }
        // A kill by its portal does the same.
        permanent.portal().await?.kill().await?;
        permanent.portal_after(2).await?;
        assert!(matches!(temporary.kill().await, Some(ActorEnd::Killed(_))));
        let over = temporary.portal().await.expect_err("it is not restarted");
        assert_eq!(over.as_died().and_then(tractor::error::ActorDied::signal), Some(9), "{over}");
        let mut restarts = 0;
        loop {
            match events.next().await?.expect("the supervisor lives") {
                SupervisionEvent::Restarting { .. } => restarts += 1,
                SupervisionEvent::Over { .. } => break,
                SupervisionEvent::Down { cause, .. } => assert!(matches!(cause, Some(Error::Died(_)))),
                _ => {}
            }
        }
        assert_eq!(restarts, 3, "each restart counts");
        assert!(!an.cancel_called());
        supervisor.cancel().await;
        Ok(())
    })
    .await
}

#[tractor::test]
async fn one_kill_too_many_makes_the_supervisor_give_up() -> Result<()> {
    let failed: Result<()> = in_nursery(async |tree, an| {
        let supervisor = an.supervise(strict(Supervision::one_for_one()));
        let child = supervisor.child(tree.name("p"), set_up).await?;
        child.kill().await;
        forever().await;
        Ok(())
    })
    .await;
    assert!(matches!(&failed, Err(Error::GaveUp(_))), "{failed:?}");
    Ok(())
}
