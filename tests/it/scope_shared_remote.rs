//! Resources that the tasks of an actor share, with a second actor behind them.

use futures_util::future::try_join_all;
use support::journal::{NoteOnDrop, entries, note, seen};
use support::{forever, with_local};
use tokio::sync::Barrier;
use tractor::prelude::*;
use tractor::{Error, Result, Sharing, maybe_open_context};

#[tractor::test]
async fn an_exit_error_takes_the_place_of_a_cancellation() -> Result<()> {
    with_local(module_path!(), async |worker| {
        let open = async |sharing: Sharing<()>, ()| -> Result<()> {
            sharing.until_unused(()).await;
            Err(Error::NoRuntime)
        };
        let left: Result<()> = maybe_open_context(open, (), async |_, ()| {
            let (cancelled, asked) = tokio::join!(worker.run(waits()), async {
                worker.run(seen("waits".to_owned())).await?;
                worker.cancel_actor().await
            });
            assert!(cancelled.as_ref().is_err_and(Error::is_cancelled) && asked?.is_in_order());
            cancelled
        })
        .await;
        assert!(matches!(left, Err(Error::NoRuntime)), "{left:?}");
        Ok(())
    })
    .await
}

#[tractor::actor_fn]
async fn waits() {
    note("waits");
    forever().await;
}

#[tractor::context(pld_spec = u64, started = u64)]
async fn shared_dialog(ctx: Context<u64, u64>) -> tractor::Result<u64> {
    let _note = NoteOnDrop("dialog over");
    note("dialog");
    let ctx = ctx.started(5).await?;
    let mut stream = ctx.open_stream();
    while stream.receive().await?.is_some() {}
    Ok(0)
}

/// One dialog that all tasks share, and its first value.
async fn open_dialog(sharing: Sharing<u64>, portal: Portal) -> Result<()> {
    let opened = portal.open_context(shared_dialog(), async |ctx, first| {
        let handle = ctx.handle();
        let stream = ctx.open_stream();
        sharing.until_unused(first).await;
        stream.close();
        handle.wait_for_result().await.map(drop)
    });
    opened.await
}

#[tractor::test]
async fn tasks_share_one_context_into_another_actor() -> Result<()> {
    with_local(module_path!(), async |portal| {
        let all = Barrier::new(4);
        let users = (0..4).map(|_| {
            maybe_open_context(open_dialog, portal.clone(), async |hit, first| -> Result<bool> {
                all.wait().await;
                assert_eq!((first, portal.dialogs_open()), (5, 1));
                Ok(hit)
            })
        });
        let hits = try_join_all(users).await?;
        assert_eq!(hits.iter().filter(|hit| !**hit).count(), 1);
        assert_eq!(portal.run(entries()).await?, ["dialog", "dialog over"]);
        Ok(())
    })
    .await
}
