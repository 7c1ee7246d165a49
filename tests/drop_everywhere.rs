//! Every public future, dropped at each of its awaits: no task, process, dialog, endpoint or half a frame is left.
//!
//! A scenario runs again and again, each time up to one poll further, until it ends by itself; and each time twice, for
//! its future is dropped right where it waits, or where it would have gone on. What is left is looked for from both ends.

mod drop_support;
mod support;

use drop_support::{Alive, Cut, Witness, pause};
use serde::Serialize;
use serde_bytes::ByteBuf;
use support::{Spoiled, in_root, spoiled, tree};
use tractor::prelude::*;
use tractor::{ActorOptions, Error, Overflow, Result};

/// A quarter of a stream's window.
const BIG: usize = 64 * 1024;
const VALUES: u64 = 4;

#[tractor::actor_fn]
async fn adds(a: u64, b: u64) -> u64 {
    let _alive = Alive::new();
    pause().await;
    a + b
}

/// A first value, values both ways, a result, with a wait before each.
#[tractor::context(pld_spec = u64)]
async fn doubles(ctx: Context<u64>) -> tractor::Result<u64> {
    let _alive = Alive::new();
    pause().await;
    let mut ctx = ctx.started(0).await?;
    let mut stream = ctx.open_stream().await?;
    let mut count = 0;
    while let Some(value) = stream.receive().await? {
        count += 1;
        pause().await;
        stream.send(2 * value).await?;
    }
    stream.close().await?;
    pause().await;
    Ok(count)
}

/// Sends that many values, each after a wait, and returns their number.
#[tractor::context(pld_spec = u64)]
async fn counts(ctx: Context<u64>, to: u64) -> tractor::Result<u64> {
    let _alive = Alive::new();
    let mut ctx = ctx.started(0).await?;
    let stream = ctx.open_stream().await?;
    for value in 0..to {
        pause().await;
        stream.send(value).await?;
    }
    stream.finish()?;
    pause().await;
    Ok(to)
}

/// Reads slowly, and returns how many values came.
#[tractor::context(pld_spec = ByteBuf, started = (), returns = u64)]
async fn drains(ctx: Context<(), ByteBuf>) -> tractor::Result<u64> {
    let _alive = Alive::new();
    let mut ctx = ctx.started(()).await?;
    let mut stream = ctx.open_stream().await?;
    let mut count = 0;
    while stream.receive().await?.is_some() {
        count += 1;
        pause().await;
    }
    Ok(count)
}

/// Fails after a wait.
#[tractor::context(pld_spec = u64)]
async fn fails(ctx: Context<u64>) -> std::result::Result<u64, Spoiled> {
    let _alive = Alive::new();
    let Ok(_ctx) = ctx.started(0).await else { return spoiled("not started") };
    pause().await;
    spoiled("on purpose")
}

#[tractor::stream]
async fn ticks(out: StreamSender<u64>, to: u64) -> tractor::Result<()> {
    let _alive = Alive::new();
    for tick in 0..to {
        pause().await;
        out.send(tick).await?;
    }
    Ok(())
}

/// The arguments of `adds`, by name.
#[derive(Serialize)]
struct Sum {
    a: u64,
    b: u64,
}

fn options() -> ActorOptions {
    ActorOptions::new().enable_module(module_path!()).enable_module(drop_support::MODULE)
}

/// Runs the body with a second actor in this process.
async fn with_worker(body: impl AsyncFnOnce(&Portal, &Witness<'_>) -> Result<()>) -> Result<()> {
    tree(async |_| {
        in_root(async || {
            tractor::with_local_actor(options(), async |worker| {
                let witness = Witness::new(worker).await?;
                body(worker, &witness).await
            })
            .await
        })
        .await
    })
    .await
}

/// Everything that a dialog has.
async fn whole_dialog(worker: &Portal) -> Result<u64> {
    worker
        .open_context(doubles(), async |ctx, _first| {
            let mut stream = ctx.open_stream().await?;
            for value in 0..2 {
                stream.send(value).await?;
                assert_eq!(stream.receive().await?, Some(2 * value));
            }
            stream.close().await?;
            ctx.wait_for_result().await
        })
        .await
}

// ---- whole calls and scopes ----

#[tractor::test]
async fn calls() -> Result<()> {
    with_worker(async |worker, witness| {
        let cuts =
            witness.everywhere(async |cut| cut.drop_in(worker.run(adds(1, 2))).await.transpose()).await?;
        assert_eq!(cuts, 1, "it waits for its answer");
        let cuts = witness
            .everywhere(async |cut| {
                let call = worker.run_from_ns::<u64, _>(module_path!(), "adds", Sum { a: 1, b: 2 });
                cut.drop_in(call).await.transpose()
            })
            .await?;
        assert_eq!(cuts, 1, "it waits for its answer");
        let cuts = witness
            .everywhere(async |cut| {
                let three = (0..3).map(|n| worker.run(adds(n, n)));
                cut.drop_in(tractor::join_all(three)).await.transpose()
            })
            .await?;
        assert!(cuts >= 1, "it waits for three answers");
        Ok(())
    })
    .await
}

#[tractor::test]
async fn what_runs_here() -> Result<()> {
    with_worker(async |worker, witness| {
        let cuts = witness.everywhere(async |cut| Ok(cut.drop_in(adds(1, 2)).await)).await?;
        assert_eq!(cuts, 3, "a call that is awaited, not sent");
        let here = tractor::current_actor();
        let entered = async |cut: Cut| cut.drop_in(here.enter(worker.run(adds(1, 2)))).await.transpose();
        assert_eq!(witness.everywhere(entered).await?, 1);
        let shielded =
            async |cut: Cut| cut.drop_in(tractor::shield(worker.run(adds(1, 2)))).await.transpose();
        assert_eq!(witness.everywhere(shielded).await?, 1, "outside of an endpoint");
        Ok(())
    })
    .await
}

#[tractor::test]
async fn contexts() -> Result<()> {
    with_worker(async |worker, witness| {
        let cuts =
            witness.everywhere(async |cut| cut.drop_in(whole_dialog(worker)).await.transpose()).await?;
        assert!(cuts >= 4, "first value, two values, result: {cuts}");
        let cuts = witness
            .everywhere(async |cut| {
                // The body's error cancels the other side, whose end is waited for.
                let left = cut.drop_in(worker.open_context(doubles(), async |_, _| anyhow::bail!("ours")));
                Ok::<_, Error>(left.await.map(|left: anyhow::Result<()>| left.unwrap_err()))
            })
            .await?;
        assert!(cuts >= 2, "first value and end: {cuts}");
        let cuts = witness
            .everywhere(async |cut| {
                let scope = worker.open_context(fails(), async |_, _| -> Result<()> {
                    support::forever().await;
                    Ok(())
                });
                Ok(cut.drop_in(scope).await.map(Result::unwrap_err))
            })
            .await?;
        assert!(cuts >= 2, "first value and failure: {cuts}");
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
                    let scope = worker.open_stream_from(ticks(VALUES), async |stream| -> Result<()> {
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

// ---- what is awaited inside of a scope that goes on ----

#[tractor::test]
async fn receiving_loses_no_value() -> Result<()> {
    with_worker(async |worker, witness| {
        for split in [false, true] {
            let cuts = witness
                .everywhere(async |cut| {
                    worker
                        .open_context(counts(VALUES), async |ctx, _| {
                            let mut stream = ctx.open_stream().await?;
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
                            ctx.wait_for_result().await?;
                            Ok(first)
                        })
                        .await
                })
                .await?;
            assert_eq!(cuts, 1);
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
                        let mut stream = ctx.open_stream().await?;
                        let mut readers = [stream.subscribe()?, stream.subscribe()?];
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
        assert_eq!(cuts, 1);
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
                    .open_stream_from(ticks(VALUES), async |stream| {
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
        assert_eq!(cuts, 1);
        Ok(())
    })
    .await
}

/// Sends until there is no room, then once more up to the cut. Returns how many values were sent, and whether the last
/// one was.
async fn send_cut(stream: &mut MsgStream<ByteBuf>, cut: Cut) -> Result<(u64, bool)> {
    let big = || ByteBuf::from(vec![7; BIG]);
    let mut sent = 0;
    while let Some(done) = Cut::FIRST.drop_in(stream.send(big())).await {
        done?;
        sent += 1;
    }
    let last = cut.drop_in(stream.split().0.send(big())).await.transpose()?.is_some();
    Ok((sent + u64::from(last), last))
}

/// Fills the stream of its parent side, and returns what it has sent.
#[tractor::context(pld_spec = ByteBuf, started = (), returns = (u64, bool))]
async fn fills(ctx: Context<(), ByteBuf>, cut: Cut) -> tractor::Result<(u64, bool)> {
    let _alive = Alive::new();
    let mut ctx = ctx.started(()).await?;
    send_cut(&mut ctx.open_stream().await?, cut).await
}

#[tractor::test]
async fn a_dropped_send_has_sent_nothing() -> Result<()> {
    with_worker(async |worker, witness| {
        let cuts = witness
            .everywhere(async |cut| {
                worker
                    .open_context(drains(), async |ctx, ()| {
                        let mut stream = ctx.open_stream().await?;
                        let (sent, last) = send_cut(&mut stream, cut).await?;
                        stream.close().await?;
                        assert_eq!(ctx.wait_for_result().await?, sent);
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
                        let mut stream = ctx.open_stream().await?;
                        let mut got = 0;
                        while stream.receive().await?.is_some() {
                            got += 1;
                            pause().await;
                        }
                        let (sent, last) = ctx.wait_for_result().await?;
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
        assert_eq!(cuts, 1, "it waits for the end of the other side");
        Ok(())
    })
    .await
}

/// Opens and closes, with a cut at each step of this side. Returns how far it came.
#[tractor::context(pld_spec = u64)]
async fn steps(ctx: Context<u64>, cut: Cut) -> tractor::Result<u64> {
    let _alive = Alive::new();
    let Some(ctx) = cut.drop_in(ctx.started(0)).await else { return Ok(0) };
    let mut ctx = ctx?;
    let Some(stream) = cut.drop_in(ctx.open_stream_with(Overflow::Buffer)).await else { return Ok(1) };
    Ok(if cut.drop_in(stream?.close()).await.transpose()?.is_some() { 3 } else { 2 })
}

#[tractor::test]
async fn what_never_waits_needs_one_poll() -> Result<()> {
    with_worker(async |worker, witness| {
        let cuts = witness
            .everywhere(async |cut| {
                let opened = worker.open_context(steps(cut), async |ctx, _| {
                    let Some(stream) = cut.drop_in(ctx.open_stream()).await.transpose()? else {
                        return Ok(None);
                    };
                    let mut stream = stream;
                    let closed = cut.drop_in(stream.close()).await.transpose()?;
                    assert_eq!(ctx.wait_for_result().await?, 3);
                    Ok::<_, Error>(closed)
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

/// Sends with a cut at each value, and one more value at the end.
#[tractor::stream]
async fn ticks_cut(out: StreamSender<u64>, cut: Cut) -> tractor::Result<()> {
    let _alive = Alive::new();
    cut.drop_in(out.send(1)).await.transpose()?;
    out.send(2).await
}

/// Drops what it waits with in a shield, and then as a watcher, up to the cut.
#[tractor::context(pld_spec = u64, returns = ())]
async fn shields_and_watches(ctx: Context<u64>, cut: Cut) -> tractor::Result<()> {
    let _alive = Alive::new();
    let ctx = ctx.started(0).await?;
    cut.drop_in(tractor::shield(pause())).await;
    cut.drop_in(ctx.cancelled()).await;
    support::forever().await;
    Ok(())
}

#[tractor::test]
async fn what_only_endpoints_await() -> Result<()> {
    with_worker(async |worker, witness| {
        let cuts = witness
            .everywhere(async |cut| {
                worker
                    .open_stream_from(ticks_cut(cut), async |stream| {
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
