//! Every public future, dropped at each of its awaits: no task, process, dialog, endpoint or half a frame is left.
//!
//! A scenario runs repeatedly, each time for one poll more, until it ends by itself. Each length runs twice: the future
//! is dropped right after its last poll, or when it would be polled again. Both ends are searched for leftovers.

use std::pin::Pin;

use support::{forever, in_root};
use tractor::prelude::*;
use tractor::{ActorOptions, DynCall, Error, Result};

use crate::drop_support::endpoints::{
    self, adds, counts, doubles, drains, fails, fills, send_cut, shields_and_watches, sits, sleeps, steps,
    ticks, ticks_cut,
};
use crate::drop_support::{Cut, Witness, pause};

use crate::drop_support;

const VALUES: u64 = 4;

fn options() -> ActorOptions {
    ActorOptions::new().enable_module(endpoints::MODULE).enable_module(drop_support::MODULE)
}

/// Runs the body with a second actor in this process.
async fn with_worker(body: impl AsyncFnOnce(&Portal, &Witness<'_>) -> Result<()>) -> Result<()> {
    in_root(async |_| {
        tractor::with_local_actor(options(), async |worker| {
            let witness = Witness::new(worker).await?;
            body(worker, &witness).await
        })
        .await
    })
    .await
}

/// All parts of a dialog.
async fn whole_dialog(worker: &Portal) -> Result<u64> {
    worker
        .open_context(doubles(), async |ctx, _first| {
            let handle = ctx.handle();
            let mut stream = ctx.open_stream();
            for value in 0..2 {
                stream.send(value).await?;
                assert_eq!(stream.receive().await?, Some(2 * value));
            }
            stream.close();
            handle.wait_for_result().await
        })
        .await
}

// ---- whole calls and scopes ----

#[tractor::test]
async fn calls() -> Result<()> {
    with_worker(async |worker, witness| {
        let cuts =
            witness.everywhere(async |cut| cut.drop_in(worker.run(adds(1, 2))).await.transpose()).await?;
        assert!(cuts >= 1, "it waits for its answer");
        let cuts = witness
            .everywhere(async |cut| {
                let call =
                    worker.run_dyn::<u64>(DynCall::new(endpoints::MODULE, "adds").arg("a", 1).arg("b", 2));
                cut.drop_in(call).await.transpose()
            })
            .await?;
        assert!(cuts >= 1, "it waits for its answer");
        let cuts = witness
            .everywhere(async |cut| {
                let three = (0..3).map(|n| worker.run(adds(n, n)));
                cut.drop_in(futures_util::future::try_join_all(three)).await.transpose()
            })
            .await?;
        assert!(cuts >= 1, "it waits for three answers");
        Ok(())
    })
    .await
}

#[tractor::test]
async fn calls_that_run_here() -> Result<()> {
    with_worker(async |worker, witness| {
        let cuts = witness.everywhere(async |cut| Ok(cut.drop_in(adds(1, 2)).await)).await?;
        assert_eq!(cuts, 3, "a call that is awaited, not sent");
        let here = tractor::current_actor();
        let entered = async |cut: Cut| cut.drop_in(here.enter(worker.run(adds(1, 2)))).await.transpose();
        assert!(witness.everywhere(entered).await? >= 1);
        let shielded =
            async |cut: Cut| cut.drop_in(tractor::shield(worker.run(adds(1, 2)))).await.transpose();
        assert!(witness.everywhere(shielded).await? >= 1, "a shield outside of an endpoint waits");
        Ok(())
    })
    .await
}

#[tractor::test]
async fn contexts() -> Result<()> {
    with_worker(async |worker, witness| {
        let cuts =
            witness.everywhere(async |cut| cut.drop_in(whole_dialog(worker)).await.transpose()).await?;
        assert!(cuts >= 2, "first value, two values, result: {cuts}");
        let cuts = witness
            .everywhere(async |cut| {
                // The body's error cancels the other side, and the scope waits for its end.
                let left = cut.drop_in(worker.open_context(doubles(), async |_, _| anyhow::bail!("ours")));
                Ok::<_, Error>(left.await.map(|left: anyhow::Result<()>| left.unwrap_err()))
            })
            .await?;
        assert!(cuts >= 1, "first value and end: {cuts}");
        let cuts = witness
            .everywhere(async |cut| {
                let scope = worker.open_context(fails(), async |_, _| -> Result<()> {
                    forever().await;
                    Ok(())
                });
                Ok(cut.drop_in(scope).await.map(Result::unwrap_err))
            })
            .await?;
        assert!(cuts >= 1, "first value and failure: {cuts}");
        Ok(())
    })
    .await
}

#[tractor::test]
async fn one_way_streams() -> Result<()> {
    with_worker(async |worker, witness| {
        for reads in [0, 2, VALUES] {
            let cuts = witness
                .everywhere(async |cut| {
                    let scope = worker.open_stream_from(ticks(VALUES), async |mut stream| -> Result<()> {
                        for tick in 0..reads {
                            assert_eq!(stream.receive().await?, Some(tick));
                        }
                        Ok(())
                    });
                    cut.drop_in(scope).await.transpose()
                })
                .await?;
            assert!(cuts > 0, "it waits at least for the end");
        }
        Ok(())
    })
    .await
}

/// A call and scopes whose other side never ends by itself.
fn endless(worker: &Portal) -> [Pin<Box<dyn Future<Output = Result<()>> + '_>>; 4] {
    let quiet = worker.open_context(sits(), async |_, _| Ok(()));
    let talking = worker.open_context(sits(), async |ctx, _| {
        ctx.open_stream().receive().await?;
        Ok(())
    });
    let reading = worker.open_stream_from(ticks(u64::MAX), async |mut stream| -> Result<()> {
        while stream.receive().await?.is_some() {}
        Ok(())
    });
    [Box::pin(worker.run(sleeps())), Box::pin(quiet), Box::pin(talking), Box::pin(reading)]
}

#[tractor::test]
async fn scopes_whose_other_side_never_ends() -> Result<()> {
    with_worker(async |worker, witness| {
        for scope in endless(worker) {
            assert!(Cut::FIRST.drop_in(scope).await.is_none());
            witness.nothing_left().await?;
        }
        for scope in endless(worker) {
            tokio::select! {
                biased;
                left = scope => panic!("it never ends: {left:?}"),
                alive = witness.endpoint_alive() => alive?,
            }
            witness.nothing_left().await?;
        }
        Ok(())
    })
    .await
}

// ---- futures that are awaited inside of a scope that goes on ----

#[tractor::test]
async fn receiving_loses_no_value() -> Result<()> {
    with_worker(async |worker, witness| {
        for split in [false, true] {
            let cuts = witness
                .everywhere(async |cut| {
                    worker
                        .open_context(counts(VALUES), async |ctx, _| {
                            let handle = ctx.handle();
                            let mut stream = ctx.open_stream();
                            let first = match split {
                                false => cut.drop_in(stream.receive()).await,
                                true => cut.drop_in(stream.split().1.receive()).await,
                            };
                            let first = first.transpose()?;
                            let mut got = Vec::from_iter(first.flatten());
                            while let Some(value) = stream.receive().await? {
                                got.push(value);
                            }
                            assert_eq!(got, Vec::from_iter(0..VALUES));
                            handle.wait_for_result().await?;
                            Ok(first)
                        })
                        .await
                })
                .await?;
            assert!(cuts >= 1);
        }
        Ok(())
    })
    .await
}

#[tractor::test]
async fn receiving_as_one_of_several_loses_no_value_for_anybody() -> Result<()> {
    with_worker(async |worker, witness| {
        let cuts = witness
            .everywhere(async |cut| {
                worker
                    .open_context(counts(VALUES), async |ctx, _| {
                        let mut stream = ctx.open_stream();
                        let mut readers = [stream.subscribe(), stream.subscribe()];
                        let first = cut.drop_in(readers[0].receive()).await.transpose()?;
                        let mut got = [Vec::from_iter(first.flatten()), Vec::new()];
                        for (reader, got) in readers.iter_mut().zip(&mut got) {
                            while let Some(value) = reader.receive().await? {
                                got.push(value);
                            }
                            assert_eq!(*got, Vec::from_iter(0..VALUES));
                        }
                        Ok::<_, Error>(first)
                    })
                    .await
            })
            .await?;
        assert!(cuts >= 1);
        Ok(())
    })
    .await
}

#[tractor::test]
async fn receiving_from_a_one_way_stream_loses_no_value() -> Result<()> {
    with_worker(async |worker, witness| {
        let cuts = witness
            .everywhere(async |cut| {
                worker
                    .open_stream_from(ticks(VALUES), async |mut stream| {
                        let first = cut.drop_in(stream.receive()).await.transpose()?;
                        let mut got = Vec::from_iter(first.flatten());
                        while let Some(tick) = stream.receive().await? {
                            got.push(tick);
                        }
                        assert_eq!(got, Vec::from_iter(0..VALUES));
                        Ok::<_, Error>(first)
                    })
                    .await
            })
            .await?;
        assert!(cuts >= 1);
        Ok(())
    })
    .await
}

#[tractor::test]
async fn a_dropped_send_has_sent_nothing() -> Result<()> {
    with_worker(async |worker, witness| {
        let cuts = witness
            .everywhere(async |cut| {
                worker
                    .open_context(drains(), async |ctx, ()| {
                        let handle = ctx.handle();
                        let mut stream = ctx.open_stream();
                        let (sent, last) = send_cut(&mut stream, cut).await?;
                        stream.close();
                        assert_eq!(handle.wait_for_result().await?, sent);
                        Ok::<_, Error>(last.then_some(()))
                    })
                    .await
            })
            .await?;
        assert!(cuts >= 1, "it waits for room");
        let cuts = witness
            .everywhere(async |cut| {
                worker
                    .open_context(fills(cut), async |ctx, ()| {
                        let handle = ctx.handle();
                        let mut stream = ctx.open_stream();
                        let mut got = 0;
                        while stream.receive().await?.is_some() {
                            got += 1;
                            pause().await;
                        }
                        let (sent, last) = handle.wait_for_result().await?;
                        assert_eq!(got, sent);
                        Ok::<_, Error>(last.then_some(()))
                    })
                    .await
            })
            .await?;
        assert!(cuts >= 1, "it waits for room");
        Ok(())
    })
    .await
}

#[tractor::test]
async fn waiting_for_the_result_can_be_taken_up_again() -> Result<()> {
    with_worker(async |worker, witness| {
        let cuts = witness
            .everywhere(async |cut| {
                worker
                    .open_context(counts(VALUES), async |ctx, _| {
                        let ctx = ctx.handle();
                        let first = cut.drop_in(ctx.wait_for_result()).await.transpose()?;
                        assert_eq!(ctx.wait_for_result().await?, VALUES);
                        Ok::<_, Error>(first)
                    })
                    .await
            })
            .await?;
        assert!(cuts >= 1);
        Ok(())
    })
    .await
}

#[tractor::test]
async fn a_request_to_cancel_that_was_polled_stays_sent() -> Result<()> {
    with_worker(async |worker, witness| {
        let cuts = witness
            .everywhere(async |cut| {
                worker
                    .open_context(counts(VALUES), async |ctx, _| {
                        let acked = cut.drop_in(ctx.cancel()).await.transpose()?;
                        assert_eq!(ctx.cancel_called(), cut.polls > 0);
                        Ok::<_, Error>(acked)
                    })
                    .await
            })
            .await?;
        assert!(cuts >= 1, "it waits for the end of the other side");
        Ok(())
    })
    .await
}

#[tractor::test]
async fn started_never_waits() -> Result<()> {
    with_worker(async |worker, witness| {
        let cuts = witness
            .everywhere(async |cut| {
                let opened = worker.open_context(steps(cut), async |ctx, _| {
                    assert_eq!(ctx.open_stream().wait_for_result().await?, 3);
                    Ok::<_, Error>(Some(()))
                });
                match opened.await {
                    // Dropped before its first poll, `started` has sent nothing.
                    Err(Error::Messaging(_)) if cut.polls == 0 => Ok(None),
                    other => other,
                }
            })
            .await?;
        assert_eq!(cuts, 0);
        Ok(())
    })
    .await
}

#[tractor::test]
async fn futures_of_endpoints_leave_nothing() -> Result<()> {
    with_worker(async |worker, witness| {
        let cuts = witness
            .everywhere(async |cut| {
                worker
                    .open_stream_from(ticks_cut(cut), async |mut stream| {
                        let first = stream.receive().await?;
                        assert_eq!(first, Some(if cut.polls == 0 { 2 } else { 1 }));
                        Ok::<_, Error>((cut.polls > 0).then_some(()))
                    })
                    .await
            })
            .await?;
        assert_eq!(cuts, 0, "there is room");
        witness
            .everywhere(async |cut| {
                // Cancelled as soon as it has begun, which is before its shield has ended.
                worker.open_context(shields_and_watches(cut), async |ctx, _| ctx.cancel().await).await?;
                Ok((cut.polls > 5).then_some(()))
            })
            .await?;
        Ok(())
    })
    .await
}
