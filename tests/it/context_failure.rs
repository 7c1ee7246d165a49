//! Contexts with one side that fails: the errors of both sides, and their order.

use std::sync::Mutex;
use std::time::Duration;

use support::journal::{NoteOnDrop, entries, note, seen};
use support::{Spoiled, forever, in_nursery, in_root, poll_once, spoiled, start, with_local, with_process};
use tokio::sync::Notify;
use tractor::error::RemoteKind;
use tractor::prelude::*;
use tractor::{ActorOptions, Error, Limits, Result};

#[tractor::context(pld_spec = u64)]
async fn fails_before_started(ctx: Context<u64>) -> std::result::Result<u64, Spoiled> {
    drop(ctx);
    spoiled("not even started")
}

#[tractor::context(pld_spec = u64)]
async fn fails_after(ctx: Context<u64>, count: u64) -> anyhow::Result<u64> {
    let ctx = ctx.started(count).await?;
    let stream = ctx.open_stream();
    for number in 0..count {
        stream.send(number).await?;
    }
    seen("go".to_owned()).await;
    Ok(spoiled("fell over")?)
}

#[tractor::context(pld_spec = u64)]
async fn panics_after_started(ctx: Context<u64>) -> tractor::Result<u64> {
    let _ctx = ctx.started(1).await?;
    seen("go".to_owned()).await;
    panic!("on purpose: {}", 7);
}

/// Streams its values, then waits for its end.
#[tractor::context(pld_spec = u64)]
async fn sits(ctx: Context<u64>) -> tractor::Result<u64> {
    let _note = NoteOnDrop("dropped");
    let ctx = ctx.started(1).await?;
    let stream = ctx.open_stream();
    stream.send(5).await?;
    note("sitting");
    forever().await;
    Ok(0)
}

#[tractor::actor_fn]
async fn go() {
    note("go");
}

/// Opens `fails_after` in a child of its own, and passes the failure on.
#[tractor::context(pld_spec = u64)]
async fn fails_further_down(ctx: Context<u64>, name: String) -> tractor::Result<u64> {
    let _ctx = ctx.started(1).await?;
    tractor::open_nursery(async |an| {
        let below = start(an, name, module_path!()).await?;
        below.open_context(fails_before_started(), async |_, first| Ok(first)).await
    })
    .await
}

/// An application's own error.
#[derive(Debug)]
enum Trouble {
    Ours(&'static str),
    Theirs(Error),
}

impl From<Error> for Trouble {
    fn from(error: Error) -> Self {
        Self::Theirs(error)
    }
}

#[track_caller]
fn assert_message(error: &Error, text: &str) {
    assert_eq!(error.as_remote().map(|remote| remote.message()), Some(text), "{error:?}");
}

#[track_caller]
fn assert_spoiled(error: &Error, text: &str) {
    let remote = error.as_remote().unwrap_or_else(|| panic!("{error:?}"));
    assert_eq!((remote.kind(), remote.src_type(), remote.message()), (RemoteKind::Error, "Spoiled", text));
}

#[tractor::test]
async fn a_failure_before_the_first_value_comes_out_of_open_context() -> Result<()> {
    with_process(module_path!(), async |worker| {
        let opened: Result<()> = worker
            .open_context(fails_before_started(), async |_, first| panic!("there is no value: {first}"))
            .await;
        assert_spoiled(&opened.unwrap_err(), "not even started");
        Ok(())
    })
    .await
}

#[tractor::test]
async fn a_failure_is_received_after_the_values_before_it() -> Result<()> {
    with_process(module_path!(), async |worker| {
        let mut received = Vec::new();
        let opened: Result<()> = worker
            .open_context(fails_after(100), async |ctx, _| {
                let mut stream = ctx.open_stream();
                worker.run(go()).await?;
                // From here on the body waits in `receive` only, so `receive` returns the failure.
                loop {
                    match stream.receive().await {
                        Ok(Some(number)) => received.push(number),
                        Ok(None) => panic!("the stream was not closed"),
                        Err(error) => {
                            received.push(1000);
                            return Err(error);
                        }
                    }
                }
            })
            .await;
        assert_message(&opened.unwrap_err(), "fell over");
        assert_eq!(received, (0..100).chain([1000]).collect::<Vec<_>>());
        Ok(())
    })
    .await
}

#[tractor::test]
async fn the_body_is_dropped_where_it_waits_when_the_child_side_fails() -> Result<()> {
    with_process(module_path!(), async |worker| {
        let opened: Result<()> = worker
            .open_context(fails_after(0), async |_, _| {
                let _note = NoteOnDrop("body dropped");
                worker.run(go()).await?;
                forever().await;
                panic!("`forever` has returned")
            })
            .await;
        assert_message(&opened.unwrap_err(), "fell over");
        assert_eq!(entries().await, ["body dropped"], "in the journal of this actor");
        Ok(())
    })
    .await
}

#[tractor::test]
async fn a_failure_after_a_clean_body_is_raised() -> Result<()> {
    with_process(module_path!(), async |worker| {
        let opened = worker
            .open_context(fails_after(3), async |_, _| -> Result<&str> {
                worker.run(go()).await?;
                Ok("fine here")
            })
            .await;
        assert!(opened.unwrap_err().to_string().contains("fell over"));
        Ok(())
    })
    .await
}

#[tractor::test]
async fn the_body_s_error_wins_and_cancels_the_child_side() -> Result<()> {
    with_process(module_path!(), async |worker| {
        let opened: std::result::Result<(), Trouble> = worker
            .open_context(sits(), async |_, _| {
                worker.run(seen("sitting".to_owned())).await?;
                Err(Trouble::Ours("own trouble"))
            })
            .await;
        assert!(matches!(opened, Err(Trouble::Ours("own trouble"))), "{opened:?}");
        // The scope has waited for the other side's end.
        assert_eq!(worker.run(entries()).await?, ["sitting", "dropped"]);
        assert_eq!(worker.dialogs_open(), 0);

        let opened: std::result::Result<(), Trouble> =
            worker.open_context(fails_before_started(), async |_, _| Ok(())).await;
        let Err(Trouble::Theirs(error)) = opened else { panic!("{opened:?}") };
        assert_spoiled(&error, "not even started");
        Ok(())
    })
    .await
}

#[tractor::test]
async fn the_body_s_error_wins_over_a_failure_at_the_same_time() -> Result<()> {
    with_local(module_path!(), async |worker| {
        let opened: anyhow::Result<()> = worker
            .open_context(fails_after(0), async |ctx, _| {
                worker.run(go()).await?;
                assert!(ctx.wait_for_result().await.is_err());
                anyhow::bail!("own trouble")
            })
            .await;
        assert_eq!(opened.unwrap_err().to_string(), "own trouble");
        Ok(())
    })
    .await
}

#[tractor::test]
async fn a_panic_of_the_child_side_is_raised_with_its_place() -> Result<()> {
    with_process(module_path!(), async |worker| {
        let opened: Result<()> = worker
            .open_context(panics_after_started(), async |ctx, _| {
                worker.run(go()).await?;
                ctx.wait_for_result().await.map(drop)
            })
            .await;
        let error = opened.unwrap_err();
        let remote = error.as_remote().expect("the endpoint panicked");
        assert_eq!((remote.kind(), remote.message()), (RemoteKind::Panic, "on purpose: 7"));
        assert!(remote.trace().contains(file!()), "{}", remote.trace());
        assert_eq!(worker.run(entries()).await?, ["go"], "the actor goes on");
        Ok(())
    })
    .await
}

#[tractor::test]
async fn a_failure_passed_on_keeps_its_source_and_its_way() -> Result<()> {
    in_nursery(async |tree, an| {
        let worker = start(an, tree.name("worker"), module_path!()).await?;
        let opened: Result<()> = worker
            .open_context(fails_further_down(tree.name("below")), async |ctx, _| {
                ctx.wait_for_result().await.map(drop)
            })
            .await;
        let error = opened.unwrap_err();
        assert_spoiled(&error, "not even started");
        let remote = error.as_remote().expect("checked above");
        assert_eq!(remote.src_uid().name(), tree.name("below"));
        assert_eq!(remote.boxed_type(), "RemoteActorError");
        assert!(remote.is_inception());
        let way: Vec<_> = remote.relay_path().iter().map(|uid| uid.name().to_owned()).collect();
        assert_eq!(way, [tree.name("below"), tree.name("worker")]);
        worker.cancel_actor().await?;
        Ok(())
    })
    .await
}

#[tractor::test]
async fn dropping_the_scope_cancels_the_child_side() -> Result<()> {
    with_process(module_path!(), async |worker| {
        let scope = worker.open_context(sits(), async |_, _| {
            forever().await;
            Ok::<_, Error>(())
        });
        tokio::select! {
            biased;
            left = scope => panic!("its body waits for ever: {left:?}"),
            sitting = worker.run(seen("sitting".to_owned())) => sitting?,
        }
        worker.run(seen("dropped".to_owned())).await
    })
    .await
}

#[tractor::test]
async fn a_timeout_around_the_scope_cancels_the_child_side() -> Result<()> {
    with_local(module_path!(), async |worker| {
        tokio::time::pause();
        let scope = worker.open_context(sits(), async |ctx, _| -> Result<()> {
            let mut stream = ctx.open_stream();
            assert_eq!(stream.receive().await?, Some(5));
            stream.receive().await?;
            Ok(())
        });
        assert!(tokio::time::timeout(Duration::from_secs(5), scope).await.is_err());
        worker.run(seen("dropped".to_owned())).await?;
        tokio::time::resume();
        Ok(())
    })
    .await
}

#[tractor::test]
async fn a_timeout_while_the_first_value_is_awaited_cancels_the_child_side() -> Result<()> {
    #[tractor::context(pld_spec = u64)]
    async fn never_starts(ctx: Context<u64>) -> tractor::Result<u64> {
        let _note = NoteOnDrop("dropped");
        forever().await;
        ctx.started(1).await?;
        Ok(1)
    }

    with_local(module_path!(), async |worker| {
        tokio::time::pause();
        let scope = worker.open_context(never_starts(), async |_, _| -> Result<()> { Ok(()) });
        assert!(tokio::time::timeout(Duration::from_secs(5), scope).await.is_err());
        worker.run(seen("dropped".to_owned())).await?;
        tokio::time::resume();
        Ok(())
    })
    .await
}

#[tractor::test]
async fn an_actor_opens_no_context_to_itself() -> Result<()> {
    let addr = tractor::socket_addr("self-context")?;
    let options = ActorOptions::new().bind(addr.clone()).enable_module(module_path!());
    tractor::open_root_actor(options, async |_| {
        tractor::connect(&addr, async |portal| {
            let opened: Result<()> = portal.open_context(sits(), async |_, _| Ok(())).await;
            let text = opened.expect_err("the request is refused").to_string();
            assert!(text.contains("Invalid Operation"), "{text}");
            Ok(())
        })
        .await
    })
    .await
}

/// A context that another endpoint has to start.
static LENT: Mutex<Option<Context<(), (), ()>>> = Mutex::new(None);
static IS_LENT: Notify = Notify::const_new();
static IS_OVER: Notify = Notify::const_new();

#[tractor::context(started = ())]
async fn lends(ctx: Context<(), (), ()>) -> tractor::Result<()> {
    *LENT.lock().expect("the lock is not poisoned") = Some(ctx);
    IS_LENT.notify_one();
    forever().await;
    Ok(())
}

/// Sends more than the limit of waiting bytes, which ends the connection, and before that starts the other context in a
/// task of its own.
#[tractor::context(started = String)]
async fn overflows(ctx: Context<String, (), ()>, bytes: usize) -> tractor::Result<()> {
    let _ctx = ctx.started("x".repeat(bytes)).await?;
    let lent =
        LENT.lock().expect("the lock is not poisoned").take().expect("the other endpoint has stored it");
    let mut late = Box::pin(lent.started(()));
    assert!(poll_once(&mut late).await.is_pending(), "the error has the reason why the connection has ended");
    tokio::spawn(async move {
        assert!(late.await.is_err());
        IS_OVER.notify_one();
    });
    forever().await;
    Ok(())
}

#[tractor::test]
async fn a_task_that_starts_a_context_too_late_is_told_with_its_endpoint() -> Result<()> {
    let limits = Limits::default().write_backlog_bytes_max(32 * 1024);
    let options = ActorOptions::new().enable_module(module_path!()).limits(limits);
    in_root(async |_| {
        tractor::with_local_actor(options, async |portal| {
            let lending = portal.open_context(lends(), async |_, ()| Ok::<_, Error>(()));
            let overflowing = async {
                IS_LENT.notified().await;
                portal.open_context(overflows(1 << 20), async |_, _| Ok::<_, Error>(())).await
            };
            let (lent, overflowed) = tokio::join!(lending, overflowing);
            assert!(lent.is_err() && overflowed.is_err());
            IS_OVER.notified().await;
            Ok(())
        })
        .await
    })
    .await
}
