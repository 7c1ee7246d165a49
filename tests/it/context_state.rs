//! The state of a context: its canceller, the acknowledgement, and its outcome.

use support::journal::{note, seen};
use support::{Spoiled, forever, spoiled, tree, with_local, with_process};
use tractor::prelude::*;
use tractor::{ContextHandle, ContextState, Error, Result, Uid};

/// Waits until its parent side has sent `go`, and then ends as `how` says.
#[tractor::context(pld_spec = u64, returns = u64)]
async fn ends(ctx: Context<u64>, how: String) -> std::result::Result<u64, Spoiled> {
    let ctx = ctx.started(0).await.or_else(|_| spoiled("not started"))?;
    let handle = ctx.handle();
    let stream = ctx.open_stream();
    let ctx = handle;
    assert_eq!((ctx.state(), ctx.cancel_called(), ctx.canceller()), (ContextState::Streaming, false, None));
    stream.close();
    assert_eq!(ctx.state(), ContextState::StreamingFinished);
    seen("go".to_owned()).await;
    match &*how {
        "returns" => Ok(42),
        "fails" => spoiled("on purpose"),
        "cancels" => {
            ctx.cancel();
            assert_eq!((ctx.state(), ctx.cancel_called()), (ContextState::SelfCancelled, true));
            assert_eq!(ctx.canceller().as_ref(), Some(tractor::current_actor().uid()));
            Ok(1)
        }
        "ends its actor" => {
            tractor::current_actor().cancel_soon();
            forever().await;
            Ok(1)
        }
        _ => {
            forever().await;
            Ok(1)
        }
    }
}

#[tractor::actor_fn]
async fn go() {
    note("go");
}

#[derive(Debug, PartialEq, Eq)]
struct Known {
    state: ContextState,
    called: bool,
    acked: bool,
    canceller: Option<Uid>,
    outcome: Option<std::result::Result<u64, String>>,
}

fn known(ctx: &ContextHandle<u64>) -> Known {
    let outcome = ctx.outcome();
    assert_eq!(outcome.is_some(), ctx.has_outcome());
    let shown = |error: Error| match error {
        Error::Cancelled(told) => {
            format!("cancelled by {}", told.canceller().expect("it was cancelled").name())
        }
        Error::Remote(failed) => failed.message().to_owned(),
        other => panic!("{other:?}"),
    };
    Known {
        state: ctx.state(),
        called: ctx.cancel_called(),
        acked: ctx.cancel_acked(),
        canceller: ctx.canceller(),
        outcome: outcome.map(|outcome| outcome.map_err(shown)),
    }
}

/// Ends a context in this way, and returns what its parent side then knows.
async fn after(worker: &Portal, how: &str, parent_cancels: bool) -> Result<Known> {
    let mut at_the_end = None;
    let opened: Result<()> = worker
        .open_context(ends(how.to_owned()), async |ctx, _| {
            let fresh = Known {
                state: ContextState::Started,
                called: false,
                acked: false,
                canceller: None,
                outcome: None,
            };
            assert_eq!(known(&ctx), fresh);
            let handle = ctx.handle();
            let stream = ctx.open_stream();
            let ctx = handle;
            assert_eq!(known(&ctx), Known { state: ContextState::Streaming, ..fresh });
            drop(stream);
            assert_eq!(ctx.state(), ContextState::StreamingFinished);
            if how != "waits" {
                worker.run(go()).await?;
            }
            if parent_cancels {
                ctx.cancel().await?;
            }
            _ = ctx.wait_for_result().await;
            assert!(format!("{ctx:?}").contains(&format!("{:?}", ctx.state())));
            at_the_end = Some(known(&ctx));
            Ok(())
        })
        .await;
    let known = at_the_end.expect("the body has ended");
    let quiet = known.acked || matches!(known.outcome, Some(Ok(_)));
    assert_eq!(opened.is_ok(), quiet, "{known:?}");
    Ok(known)
}

#[tractor::test]
async fn a_parent_side_knows_how_its_context_ended() -> Result<()> {
    tree(async |_| {
        let there = "local";
        for (how, parent_cancels, state, acked, canceller, outcome) in [
            ("waits", true, ContextState::SelfCancelled, true, Some("root"), Err("cancelled by root")),
            ("returns", false, ContextState::ResultReturned, false, None, Ok(42)),
            ("fails", false, ContextState::Errored, false, Some(there), Err("on purpose")),
            ("cancels", false, ContextState::PeerCancelled, false, Some(there), Err("cancelled by local")),
            (
                "ends its actor",
                false,
                ContextState::PeerCancelled,
                false,
                Some(there),
                Err("cancelled by local"),
            ),
        ] {
            with_local(module_path!(), async |worker| {
                let known = after(worker, how, parent_cancels).await?;
                assert_eq!((known.state, known.called, known.acked), (state, parent_cancels, acked), "{how}");
                assert_eq!(known.canceller.as_ref().map(Uid::name), canceller, "{how}");
                assert_eq!(known.outcome, Some(outcome.map_err(str::to_owned)), "{how}");
                Ok(())
            })
            .await?;
        }
        Ok(())
    })
    .await
}

#[tractor::test]
async fn a_request_that_came_too_late_was_called_but_not_acknowledged() -> Result<()> {
    with_process(module_path!(), async |worker| {
        worker
            .open_context(ends("returns".to_owned()), async |ctx, _| -> Result<()> {
                worker.run(go()).await?;
                assert_eq!(ctx.handle().wait_for_result().await?, 42);
                assert!(ctx.cancel().await?, "it has ended");
                let known = known(&ctx);
                assert_eq!(
                    (known.state, known.called, known.acked),
                    (ContextState::ResultReturned, true, false)
                );
                assert_eq!((known.canceller, known.outcome), (None, Some(Ok(42))));
                Ok(())
            })
            .await
    })
    .await
}

#[tractor::test]
async fn ending_the_actor_is_no_cancellation_of_the_context() -> Result<()> {
    with_local(module_path!(), async |worker| {
        let opened: Result<()> = worker
            .open_context(ends("waits".to_owned()), async |ctx, _| {
                // The actor acknowledges when its tasks have ended; it has reported their ends before.
                assert!(worker.cancel_actor().await?.is_in_order());
                let known = known(&ctx);
                assert_eq!(
                    (known.state, known.called, known.acked),
                    (ContextState::ActorCancelled, false, false)
                );
                assert_eq!(known.canceller.as_ref(), Some(tractor::current_actor().uid()));
                Ok(())
            })
            .await;
        assert!(opened.unwrap_err().is_cancelled());
        Ok(())
    })
    .await
}
