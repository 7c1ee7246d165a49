//! Children that do not answer: whoever asks for their end gets it, whatever they do; and an actor that only takes its time is
//! left alone.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, getpgid, getpid, getppid, kill_process, setpgid};
use support::processes::{pid_of, process, signal};
use support::{Tree, forever, in_nursery, in_nursery_with, in_root_with, poll_once, start, tree, until};
use tractor::{ActorEnd, ActorOptions, Context, DynCall, Error, Portal, Result, Supervision, Timeouts};

/// How a child comes to answer nothing.
const WAYS: [&str; 5] = ["spins", "blocks", "stops", "leaves its group", "ignores SIGTERM"];
/// Each rung of the ladder in these tests.
const RUNG: Duration = Duration::from_millis(150);
/// Far more than all rungs together, and far less than for ever.
const BOUND: Duration = Duration::from_secs(20);

/// Answers nothing from now on.
#[tractor::context(started = ())]
async fn falls_silent(ctx: Context<(), (), ()>, how: String) -> tractor::Result<()> {
    let _ctx = ctx.started(()).await?;
    tokio::time::sleep(Duration::from_millis(1)).await; // the first value leaves
    fall_silent(&how)
}

/// What a child makes when it falls silent.
fn mark(pid: i32) -> PathBuf {
    std::env::temp_dir().join(format!("tractor-silent-{pid}"))
}

/// Waits until a child answers nothing any more.
async fn has_fallen_silent(portal: &Portal, how: &str) {
    let pid = pid_of(portal);
    until(|| std::fs::remove_file(mark(pid)).is_ok()).await;
    if how == "stops" {
        until(|| process(pid).is_some_and(|process| process.is_stopped())).await;
    }
}

fn fall_silent(how: &str) -> ! {
    let mark = || {
        std::fs::write(mark(std::process::id().cast_signed()), "")
            .expect("the temporary directory is writable");
    };
    match how {
        "leaves its group" => {
            let parent = getpgid(getppid()).expect("it lives");
            setpgid(None, Some(parent)).expect("it is in our session");
        }
        "stops" => {
            mark();
            kill_process(getpid(), Signal::STOP).expect("ourselves");
        }
        "ignores SIGTERM" => {
            let handler = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate());
            std::mem::forget(handler.expect("a handler can be set"));
        }
        _ => {}
    }
    mark();
    loop {
        if how == "spins" {
            std::hint::spin_loop();
        } else {
            std::thread::park();
        }
    }
}

/// Keeps the thread of its actor for a while.
#[tractor::actor_fn]
async fn computes(millis: u64) -> u64 {
    let end = Instant::now() + Duration::from_millis(millis);
    while Instant::now() < end {
        std::hint::spin_loop();
    }
    millis
}

#[tractor::actor_fn]
async fn idles() {
    forever().await;
}

#[tractor::actor_fn]
async fn id() -> u32 {
    std::process::id()
}

#[tractor::actor_fn]
async fn address() -> String {
    tractor::current_actor().addrs()[0].to_string()
}

/// Needs a while to end, and answers meanwhile.
#[tractor::context(started = ())]
async fn cleans_up(ctx: Context<(), (), ()>, millis: u64) -> tractor::Result<()> {
    let ctx = ctx.started(()).await?;
    ctx.cancelled().await;
    tractor::shield(tokio::time::sleep(Duration::from_millis(millis))).await;
    support::journal::note("clean");
    Ok(())
}

/// Returns, and leaves a callback behind that never does.
#[tractor::actor_fn]
async fn never_exits() {
    let hangs = || loop {
        std::thread::park();
    };
    assert!(tractor::current_actor().on_exit(hangs).is_ok(), "the actor runs");
}

/// Ends the actor that listens there.
#[tractor::actor_fn]
async fn asks_to_end(addr: String) -> tractor::Result<()> {
    let addr = addr.parse().expect("`address` made it");
    tractor::connect(&addr, async |guest| guest.cancel_actor().await.map(drop)).await
}

fn hasty() -> Timeouts {
    Timeouts::default().actor_cancel(RUNG).nursery_cancel(RUNG).terminate(RUNG)
}

fn with(timeouts: Timeouts) -> ActorOptions {
    ActorOptions::new().timeouts(timeouts)
}

/// Has a child fall silent in this way, and runs the body while a dialog is open on it. Returns how that has ended.
async fn silenced<T>(portal: &Portal, how: &str, body: impl AsyncFnOnce() -> T) -> (T, Error) {
    let (asleep, fallen) = tokio::sync::oneshot::channel();
    let dialog = portal.open_context(falls_silent(how.to_owned()), async |_, ()| -> Result<()> {
        asleep.send(()).expect("it is waited for");
        forever().await;
        Ok(())
    });
    let body = async {
        fallen.await.expect("it starts");
        has_fallen_silent(portal, how).await;
        body().await
    };
    let (dialog, value) = tokio::join!(dialog, body);
    (value, dialog.expect_err("nobody has cancelled just this one"))
}

/// Runs a body with a fresh nursery for each way to fall silent, and with what to measure.
async fn in_every_way(body: impl AsyncFn(&Tree, &tractor::ActorNursery, &str) -> Result<()>) -> Result<()> {
    in_root_with(with(hasty()), async |tree| {
        for how in WAYS {
            let begun = Instant::now();
            tractor::open_nursery(async |an| body(tree, an, how).await).await?;
            assert!(begun.elapsed() < BOUND, "{how}: {:?}", begun.elapsed());
            assert!(tree.processes().is_empty(), "{how}");
        }
        Ok(())
    })
    .await
}

fn was_killed(how: &str, end: &ActorEnd) {
    let ActorEnd::Killed(died) = end else { panic!("{how}: {end:?}") };
    assert!(matches!(died.signal(), Some(9 | 15)), "{how}: {died}");
    assert_eq!(died.signal() == Some(9), how == "ignores SIGTERM", "{how}: {died}");
    assert!(died.to_string().contains("did not acknowledge within 150ms"), "{died}");
    assert!(!end.is_in_order());
}

#[tractor::test]
async fn a_child_that_a_portal_asks_to_end_is_gone() -> Result<()> {
    in_every_way(async |tree, an, how| {
        let worker = start(an, tree.name("w"), module_path!()).await?;
        let (end, dialog) = silenced(&worker, how, async || {
            let end = worker.cancel_actor().await;
            assert!(tree.processes().is_empty(), "{how}: it was reaped");
            end
        })
        .await;
        was_killed(how, &end?);
        assert!(matches!(dialog, Error::Died(_)), "{how}: {dialog:?}");
        // Asked again, it says the same.
        was_killed(how, &worker.cancel_actor().await?);
        Ok(())
    })
    .await
}

#[tractor::test]
async fn a_child_that_its_nursery_asks_to_end_is_gone() -> Result<()> {
    in_every_way(async |tree, an, how| {
        let worker = start(an, tree.name("w"), module_path!()).await?;
        let well = start(an, tree.name("well"), module_path!()).await?;
        let (ends, _) = silenced(&worker, how, async || an.cancel().await).await;
        let [(first, killed), (second, ended)] = &*ends else { panic!("two children: {ends:?}") };
        assert_eq!((first, second), (worker.uid(), well.uid()));
        was_killed(how, killed);
        assert!(matches!(ended, ActorEnd::InOrder), "{ended:?}");
        Ok(())
    })
    .await
}

#[tractor::test]
async fn a_child_whose_supervisor_is_asked_is_gone() -> Result<()> {
    in_every_way(async |tree, an, how| {
        let supervisor = an.supervise(Supervision::one_for_one());
        let set_up = |child: tractor::StartActor| child.enable_module(module_path!());
        let one = supervisor.child(tree.name("one"), set_up).await?;
        let two = supervisor.child(tree.name("two"), set_up).await?;
        let (end, _) = silenced(&one.portal().await?, how, async || one.cancel().await).await;
        was_killed(how, &end.expect("it was there"));
        let uid = two.portal().await?.uid().clone();
        let (ends, _) = silenced(&two.portal().await?, how, async || supervisor.cancel().await).await;
        let [(only, end)] = &*ends else { panic!("one child: {ends:?}") };
        assert_eq!(*only, uid);
        was_killed(how, end);
        assert!(supervisor.cancel().await.is_empty(), "nobody is there any more");
        Ok(())
    })
    .await
}

#[tractor::test]
async fn a_nursery_that_is_left_returns_once_the_end_was_asked_for_in_passing() -> Result<()> {
    in_every_way(async |tree, an, how| {
        let worker = start(an, tree.name("w"), module_path!()).await?;
        let asked = silenced(&worker, how, async || {
            let mut asking = worker.cancel_actor().into_future();
            assert!(poll_once(&mut asking).await.is_pending());
        })
        .await;
        assert!(matches!(asked.1, Error::Died(_)), "{:?}", asked.1);
        Ok(())
    })
    .await
}

#[tractor::test]
async fn a_request_by_name_and_one_over_another_connection_are_requests() -> Result<()> {
    in_every_way(async |tree, an, how| {
        let named = start(an, tree.name("named"), module_path!()).await?;
        let ask = || named.run_dyn::<bool>(DynCall::new("self", "cancel"));
        let (asked, _) = silenced(&named, how, async || ask().await).await;
        assert!(matches!(asked, Err(Error::Died(_))), "{asked:?}");
        let far = an.start_actor(tree.name("far")).enable_module(module_path!()).listen().await?;
        let addr = far.run(address()).await?.parse().expect("an address");
        tractor::connect(&addr, async |near| {
            let (end, _) = silenced(&far, how, async || near.cancel_actor().await).await;
            was_killed(how, &end?);
            Ok(())
        })
        .await
    })
    .await
}

#[tractor::test]
async fn an_actor_of_one_call_that_does_not_exit_is_gone() -> Result<()> {
    in_root_with(with(hasty()), async |tree| {
        let begun = Instant::now();
        tractor::open_nursery(async |an| {
            an.run_in_actor(never_exits()).name(tree.name("one")).await?.wait_for_result().await
        })
        .await?;
        assert!(begun.elapsed() < BOUND);
        Ok(())
    })
    .await
}

#[tractor::test]
async fn a_child_may_be_left_more_time_and_less() -> Result<()> {
    in_nursery_with(with(hasty()), async |tree, an| {
        let open = async |name: &str| {
            let worker = start(an, tree.name(name), module_path!()).await?;
            Ok::<_, Error>(worker)
        };
        let (slow, long) = (open("slow").await?, 4 * u64::try_from(RUNG.as_millis()).expect("it fits"));
        let left: Result<()> = slow
            .open_context(cleans_up(long), async |ctx, ()| {
                let (end, _result) = tokio::join!(slow.cancel_actor().timeout(BOUND), ctx.wait_for_result());
                assert!(matches!(end?, ActorEnd::InOrder));
                Ok(())
            })
            .await;
        assert!(left.expect_err("the actor was cancelled").is_cancelled());
        // Somebody else has less patience.
        let stuck = open("stuck").await?;
        let (end, _) = silenced(&stuck, "blocks", async || {
            let mut patient = stuck.cancel_actor().timeout(Duration::MAX).into_future();
            assert!(poll_once(&mut patient).await.is_pending());
            stuck.cancel_actor().await?;
            patient.await
        })
        .await;
        was_killed("blocks", &end?);
        Ok(())
    })
    .await
}

#[tractor::test]
async fn asking_somebody_else_s_child_is_a_request_that_may_fail() -> Result<()> {
    in_nursery_with(with(hasty()), async |tree, an| {
        let stuck = an.start_actor(tree.name("stuck")).enable_module(module_path!()).listen().await?;
        let other = start(an, tree.name("other"), module_path!()).await?;
        let addr = stuck.run(address()).await?;
        let pid = pid_of(&stuck);
        let (asked, _) = silenced(&stuck, "blocks", async || {
            let asked = other.run(asks_to_end(addr)).await;
            assert!(process(pid).is_some(), "it is not theirs to end");
            stuck.cancel_actor().await?;
            asked
        })
        .await;
        let error = asked.expect_err("nobody has answered");
        assert!(
            error.to_string().contains("handshake") || error.to_string().contains("acknowledge"),
            "{error}"
        );
        other.cancel_actor().await?;
        Ok(())
    })
    .await
}

#[tractor::test]
async fn an_actor_that_computes_survives_the_cancellation_of_another_dialog() -> Result<()> {
    in_nursery(async |tree, an| {
        let worker = start(an, tree.name("w"), module_path!()).await?;
        for dropped in [false, true] {
            let other = async {
                if dropped {
                    let mut call = worker.run(idles());
                    assert!(poll_once(&mut call).await.is_pending());
                    return;
                }
                let left: Result<()> = worker
                    .open_context(cleans_up(0), async |_, ()| {
                        worker.run(computes(1)).await?;
                        let mut call = worker.run(computes(3_000));
                        assert!(poll_once(&mut call).await.is_pending());
                        Err(Error::NoRuntime)
                    })
                    .await;
                assert!(matches!(left, Err(Error::NoRuntime)), "{left:?}");
            };
            let (computed, ()) = tokio::join!(worker.run(computes(3_000)), other);
            assert_eq!(computed?, 3_000);
            assert_eq!(worker.run(id()).await?, pid_of(&worker).cast_unsigned());
        }
        worker.cancel_actor().await?;
        Ok(())
    })
    .await
}

#[tractor::test]
async fn an_actor_that_answers_keeps_the_time_of_its_cleanup() -> Result<()> {
    let limit = Duration::from_millis(300);
    in_nursery_with(with(Timeouts::default().unresponsive(limit)), async |tree, an| {
        let worker = start(an, tree.name("w"), module_path!()).await?;
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
        let worker = start(an, tree.name("w"), module_path!()).await?;
        let late = worker.run(computes(2_000)).deadline(Duration::from_millis(50)).await;
        assert!(matches!(late, Err(Error::DeadlineExceeded(_))), "{late:?}");
        assert_eq!(worker.run(id()).await?, pid_of(&worker).cast_unsigned());
        worker.cancel_actor().await?;
        Ok(())
    })
    .await
}

/// Every dialog on an actor that answers nothing ends as its death, once somebody waits for the end of one.
#[tractor::test]
async fn an_actor_that_answers_nothing_to_a_cancellation_is_ended() -> Result<()> {
    let timeouts = || with(hasty().unresponsive(Duration::from_millis(400)));
    for dropped in [false, true] {
        in_root_with(timeouts(), async |tree| {
            let nursery: Result<()> = tractor::open_nursery(async |an| {
                let worker = start(an, tree.name("w"), module_path!()).await?;
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
                for error in [call.expect_err("it idles"), dialog] {
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
                let worker = start(an, tree.name("w"), module_path!()).await?;
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

/// A stop alone is no reason to end anybody.
#[tractor::test]
async fn a_child_that_is_stopped_and_continued_goes_on() -> Result<()> {
    in_nursery_with(with(hasty().unresponsive(Duration::from_millis(200))), async |tree, an| {
        let worker = start(an, tree.name("w"), module_path!()).await?;
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

#[tractor::test]
async fn a_child_that_has_died_says_so_when_it_is_asked_to_end() -> Result<()> {
    tree(async |tree| {
        let nursery: Result<()> = tractor::open_nursery(async |an| {
            let supervisor = an.supervise(Supervision::one_for_one());
            let set_up = |child: tractor::StartActor| child.enable_module(module_path!());
            let worker = supervisor.child(tree.name("w"), set_up).temporary().await?;
            let portal = worker.portal().await?;
            kill_process(Pid::from_raw(pid_of(&portal)).expect("a pid"), Signal::KILL).expect("ours");
            let end = portal.cancel_actor().await?;
            // Asked in time or too late: it was not the ladder.
            let ActorEnd::Died(died) = &end else { panic!("{end:?}") };
            assert_eq!(died.signal(), Some(9));
            Ok(())
        })
        .await;
        nursery
    })
    .await
}
