//! Endpoints that notice their cancellation, and streams in tasks of their own that notice the end of their context.

use support::journal::{NoteOnDrop, entries, note, seen};
use support::{forever, poll_once, with_local, with_process};
use tokio::sync::oneshot;
use tokio::task::yield_now;
use tractor::prelude::*;
use tractor::{ContextState, Error, MsgStream, Result, shield};

/// Records the canceller, and the state.
fn note_end<S, Tx, Rx, State>(ctx: &Context<S, Tx, Rx, State>) {
    let canceller = ctx.canceller().expect("it was cancelled");
    note(format!("{} by {}", ctx.state(), canceller.name()));
}

#[tractor::context(started = ())]
async fn notices(ctx: Context<(), (), ()>) -> tractor::Result<()> {
    let _note = NoteOnDrop("dropped");
    let cancelled = ctx.cancelled();
    assert_eq!((ctx.state(), ctx.canceller()), (ContextState::PreStarted, None));
    let ctx = ctx.started(()).await?;
    note(ctx.state().to_string());
    cancelled.await;
    ctx.cancelled().await;
    note_end(&ctx);
    forever().await;
    Ok(())
}

/// Is cancelled after its waiting future was polled.
#[tractor::context(started = ())]
async fn notices_at_the_last_moment(ctx: Context<(), (), ()>) -> tractor::Result<()> {
    let ctx = ctx.started(()).await?;
    let watches = async {
        ctx.cancelled().await;
        note_end(&ctx);
        shield(yield_now()).await;
        note("cleaned up");
        forever().await;
    };
    let cancels = async {
        ctx.cancel();
        forever().await;
    };
    tokio::join!(watches, cancels);
    Ok(())
}

/// Does not watch for its end: its next await is the last one.
#[tractor::context(started = ())]
async fn does_not_look(ctx: Context<(), (), ()>) -> tractor::Result<()> {
    let ctx = ctx.started(()).await?;
    drop(ctx.cancelled());
    ctx.cancel();
    assert!(ctx.cancel_called());
    yield_now().await;
    note("went on");
    Ok(())
}

/// Has a watcher that it does not poll, and so gets one more poll.
#[tractor::context(started = ())]
async fn looks_away(ctx: Context<(), (), ()>) -> tractor::Result<()> {
    let ctx = ctx.started(()).await?;
    let mut cancelled = ctx.cancelled();
    assert!(support::poll_once(&mut cancelled).await.is_pending());
    ctx.cancel();
    loop {
        note("polled");
        yield_now().await;
    }
}

/// Is polled again and again.
#[tractor::context(started = ())]
async fn is_busy(ctx: Context<(), (), ()>) -> tractor::Result<()> {
    let ctx = ctx.started(()).await?;
    let busy = async {
        loop {
            yield_now().await;
        }
    };
    tokio::select! {
        biased;
        () = ctx.cancelled() => note("noticed"),
        () = busy => {}
    }
    shield(async {
        for _ in 0..3 {
            yield_now().await;
        }
        note("cleaned up");
    })
    .await;
    Ok(())
}

/// Waits for its own end in another task.
#[tractor::context(started = ())]
async fn is_watched_from_elsewhere(ctx: Context<(), (), ()>) -> tractor::Result<()> {
    let ctx = ctx.started(()).await?;
    let actor = tractor::current_actor();
    tokio::spawn(async move {
        ctx.cancelled().await;
        actor.enter(async { note(format!("seen: {}", ctx.state())) }).await;
    });
    yield_now().await;
    Ok(())
}

/// Opens a context that ends by itself, and returns what its actor has recorded.
async fn journal_of<E>(worker: &Portal, call: tractor::Call<E>) -> Result<(Vec<String>, Error)>
where
    E: tractor::ContextEndpoint<Started = (), Returns = ()>,
{
    let ended = worker.open_context(call, async |ctx, ()| ctx.wait_for_result().await).await;
    Ok((worker.run(entries()).await?, ended.err().unwrap_or(Error::NoRuntime)))
}

#[tractor::context(pld_spec = u8, returns = ())]
async fn hands_on(ctx: Context<u8>) -> Result<()> {
    let ctx = ctx.started(0).await?;
    let stream = ctx.open_stream();
    let actor = tractor::current_actor();
    let (polled, is_polled) = oneshot::channel();
    tokio::spawn(async move {
        actor
            .enter(async {
                let end = receive_late(stream, polled).await;
                note(if end.is_err() { "told" } else { "misled" });
            })
            .await;
    });
    is_polled.await.expect("the task waits");
    Ok(())
}

#[tractor::context(pld_spec = u8, returns = ())]
async fn stays(ctx: Context<u8>) -> Result<()> {
    let _ctx = ctx.started(0).await?;
    forever().await;
    Ok(())
}

/// Waits for a value, and records that it does.
async fn receive_late<R>(
    mut stream: MsgStream<u8, u8, R>,
    polled: oneshot::Sender<()>,
) -> Result<Option<u8>> {
    let mut receive = Box::pin(stream.receive());
    assert!(poll_once(&mut receive).await.is_pending());
    polled.send(()).expect("the body waits");
    receive.await
}

#[tractor::test]
async fn an_endpoint_notices_that_it_is_cancelled_and_by_whom() -> Result<()> {
    with_process(module_path!(), async |worker| {
        let root = tractor::current_actor();
        worker
            .open_context(notices(), async |ctx, ()| -> Result<()> {
                assert!(ctx.cancel().await?);
                Ok(())
            })
            .await?;
        let by_root = format!("peer-cancelled by {}", root.name());
        assert_eq!(worker.run(entries()).await?, ["started", &by_root, "dropped"]);
        Ok(())
    })
    .await
}

#[tractor::test]
async fn a_cancellation_after_the_look_is_noticed_as_well() -> Result<()> {
    with_local(module_path!(), async |worker| {
        let (noted, error) = journal_of(worker, notices_at_the_last_moment()).await?;
        assert_eq!(noted, ["self-cancelled by local", "cleaned up"]);
        assert!(error.is_cancelled(), "{error:?}");
        Ok(())
    })
    .await
}

#[tractor::test]
async fn an_endpoint_that_does_not_watch_does_not_go_on() -> Result<()> {
    with_local(module_path!(), async |worker| {
        let (noted, error) = journal_of(worker, does_not_look()).await?;
        assert_eq!(noted, [""; 0]);
        assert!(error.is_cancelled(), "{error:?}");
        Ok(())
    })
    .await
}

#[tractor::test]
async fn a_watcher_that_nobody_polls_does_not_keep_an_endpoint() -> Result<()> {
    with_local(module_path!(), async |worker| {
        let (noted, error) = journal_of(worker, looks_away()).await?;
        assert_eq!(noted, ["polled", "polled"]);
        assert!(error.is_cancelled(), "{error:?}");
        Ok(())
    })
    .await
}

#[tractor::test]
async fn a_watcher_in_another_task_sees_a_regular_end_too() -> Result<()> {
    with_local(module_path!(), async |worker| {
        worker.open_context(is_watched_from_elsewhere(), async |ctx, ()| ctx.wait_for_result().await).await?;
        worker.run(seen("seen: result-returned".to_owned())).await?;
        Ok(())
    })
    .await
}

/// On several threads the request may come after any number of polls; the endpoint's first and last steps always
/// happen.
#[tractor::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_several_threads_no_cancellation_goes_unnoticed() -> Result<()> {
    with_local(module_path!(), async |worker| {
        const ROUNDS: usize = 500;
        for round in 0..ROUNDS {
            worker
                .open_context(is_busy(), async |ctx, ()| -> Result<()> {
                    for _ in 0..round % 7 {
                        yield_now().await;
                    }
                    ctx.cancel().await?;
                    assert!(ctx.cancel_acked(), "{}", ctx.state());
                    Ok(())
                })
                .await?;
        }
        let noted = worker.run(entries()).await?;
        let count = |line| noted.iter().filter(|noted| *noted == line).count();
        assert_eq!((count("noticed"), count("cleaned up")), (ROUNDS, ROUNDS));
        Ok(())
    })
    .await
}

#[tractor::test]
async fn a_stream_in_a_task_of_its_own_learns_that_its_endpoint_has_ended() -> Result<()> {
    with_local(module_path!(), async |portal| {
        let result = portal.open_context(hands_on(), async |ctx, _| ctx.wait_for_result().await).await;
        result?;
        portal.run(seen("told".to_owned())).await
    })
    .await
}

#[tractor::test]
async fn a_stream_in_a_task_of_its_own_learns_that_its_scope_was_left() -> Result<()> {
    with_local(module_path!(), async |portal| {
        let mut reader = None;
        let failed: Result<()> = portal
            .open_context(stays(), async |ctx, _| {
                let (polled, is_polled) = oneshot::channel();
                reader = Some(tokio::spawn(receive_late(ctx.open_stream(), polled)));
                is_polled.await.expect("the task waits");
                Err(Error::NoRuntime)
            })
            .await;
        assert!(matches!(failed, Err(Error::NoRuntime)), "{failed:?}");
        let end = reader.expect("spawned").await.expect("it does not panic");
        assert!(matches!(end, Err(Error::Cancelled(_))), "{end:?}");
        Ok(())
    })
    .await
}
