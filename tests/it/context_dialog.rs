//! Contexts without failures: first value, two-way stream, its closing by either side, result.

use std::future::poll_fn;
use std::pin::pin;

use serde::{Deserialize, Serialize};
use support::journal::{note, seen};
use support::{with_local, with_process};
use tractor::Error;
use tractor::prelude::*;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Point {
    x: i64,
    y: i64,
}

#[tractor::context(pld_spec = Point)]
async fn scale(ctx: Context<Point>, by: i64) -> tractor::Result<Point> {
    let ctx = ctx.started(Point { x: by, y: by }).await?;
    let mut stream = ctx.open_stream();
    let mut last = Point { x: 0, y: 0 };
    while let Some(point) = stream.receive().await? {
        last = Point { x: point.x * by, y: point.y * by };
        stream.send(last.clone()).await?;
    }
    Ok(last)
}

/// Answers when it has received all values.
#[tractor::context(started = (), send = u64, recv = u64)]
async fn sorts(ctx: Context<(), u64, u64>) -> tractor::Result<usize> {
    let ctx = ctx.started(()).await?;
    let mut stream = ctx.open_stream();
    let mut numbers = Vec::new();
    while let Some(number) = stream.receive().await? {
        numbers.push(number);
    }
    numbers.sort_unstable();
    for number in &numbers {
        stream.send(*number).await?;
    }
    Ok(numbers.len())
}

#[tractor::context(pld_spec = u64, returns = String)]
async fn counts(ctx: Context<u64>, to: u64) -> tractor::Result<String> {
    let ctx = ctx.started(to).await?;
    let stream = ctx.open_stream();
    for number in 0..to {
        stream.send(number).await?;
    }
    drop(stream);
    Ok("counted".to_owned())
}

/// Closes its stream long before it returns.
#[tractor::context(pld_spec = u64, returns = u64)]
async fn closes_early(ctx: Context<u64>) -> tractor::Result<u64> {
    let ctx = ctx.started(0).await?;
    let stream = ctx.open_stream();
    stream.send(1).await?;
    stream.finish();
    assert!(matches!(stream.send(2).await, Err(Error::Messaging(_))), "a closed half sends nothing");
    stream.close();
    note("closed");
    seen("go".to_owned()).await;
    Ok(7)
}

/// Answers when the parent side has finished, closes its own half, and goes on.
#[tractor::context(pld_spec = u64)]
async fn answers_and_waits(ctx: Context<u64>) -> tractor::Result<u64> {
    let ctx = ctx.started(0).await?;
    let mut stream = ctx.open_stream();
    let mut sum = 0;
    while let Some(number) = stream.receive().await? {
        sum += number;
    }
    stream.send(sum).await?;
    stream.close();
    seen("go".to_owned()).await;
    Ok(sum)
}

#[tractor::actor_fn]
async fn go() {
    note("go");
}

#[tractor::context(pld_spec = u64)]
async fn forgets_started(ctx: Context<u64>) -> tractor::Result<u64> {
    drop(ctx);
    Ok(1)
}

#[tractor::context(pld_spec = u64, returns = ())]
async fn never_streams(ctx: Context<u64>) -> tractor::Result<()> {
    let _ctx = ctx.started(0).await?;
    seen("go".to_owned()).await;
    Ok(())
}

#[tractor::test]
async fn a_dialog_has_a_first_value_a_stream_and_a_result() -> tractor::Result<()> {
    with_process(module_path!(), async |worker| {
        let last = worker
            .open_context(scale(3), async |ctx, first| -> tractor::Result<Point> {
                assert_eq!(first, Point { x: 3, y: 3 });
                assert_eq!(ctx.peer(), worker.uid());
                let handle = ctx.handle();
                let mut stream = ctx.open_stream();
                for n in 1..4 {
                    stream.send(Point { x: n, y: -n }).await?;
                    assert_eq!(stream.receive().await?, Some(Point { x: 3 * n, y: -3 * n }));
                }
                stream.close();
                let result = handle.wait_for_result().await?;
                assert_eq!(handle.wait_for_result().await?, result, "a second wait gets the same result");
                Ok(result)
            })
            .await?;
        assert_eq!(last, Point { x: 9, y: -9 });
        assert_eq!(worker.dialogs_open(), 0);
        Ok(())
    })
    .await
}

#[tractor::test]
async fn twenty_thousand_values_keep_their_order() -> tractor::Result<()> {
    const COUNT: u64 = 20_000;
    with_process(module_path!(), async |worker| {
        worker
            .open_context(counts(COUNT), async |ctx, first| {
                assert_eq!(first, COUNT);
                let handle = ctx.handle();
                let mut stream = ctx.open_stream();
                for expected in 0..COUNT {
                    assert_eq!(stream.receive().await?, Some(expected));
                }
                assert_eq!(stream.receive().await?, None);
                assert_eq!(handle.wait_for_result().await?, "counted");
                Ok(())
            })
            .await
    })
    .await
}

#[tractor::test]
async fn both_directions_stream_at_the_same_time() -> tractor::Result<()> {
    const COUNT: i64 = 20_000;
    with_process(module_path!(), async |worker| {
        let last = worker
            .open_context(scale(2), async |ctx, _| {
                let mut stream = ctx.open_stream();
                let (tx, mut rx) = stream.split();
                let sends = async {
                    for n in 0..COUNT {
                        tx.send(Point { x: n, y: 0 }).await?;
                    }
                    tx.finish();
                    Ok::<_, tractor::Error>(())
                };
                let receives = async {
                    for n in 0..COUNT {
                        assert_eq!(rx.receive().await?, Some(Point { x: 2 * n, y: 0 }));
                    }
                    rx.receive().await
                };
                let (sent, received) = tokio::join!(sends, receives);
                sent?;
                assert_eq!(received?, None);
                stream.wait_for_result().await
            })
            .await?;
        assert_eq!(last, Point { x: 2 * (COUNT - 1), y: 0 });
        Ok(())
    })
    .await
}

#[tractor::test]
async fn a_finished_half_leaves_the_other_open() -> tractor::Result<()> {
    with_process(module_path!(), async |worker| {
        let count = worker
            .open_context(sorts(), async |ctx, ()| {
                let handle = ctx.handle();
                let mut stream = ctx.open_stream();
                for number in [3, 1, 2] {
                    stream.send(number).await?;
                }
                stream.finish();
                assert!(matches!(stream.send(4).await, Err(Error::Messaging(_))), "this half is finished");
                for number in [1, 2, 3] {
                    assert_eq!(stream.receive().await?, Some(number));
                }
                assert_eq!(stream.receive().await?, None);
                handle.wait_for_result().await
            })
            .await?;
        assert_eq!(count, 3);
        Ok(())
    })
    .await
}

#[tractor::test]
async fn each_half_is_closed_on_its_own() -> tractor::Result<()> {
    with_process(module_path!(), async |worker| {
        worker
            .open_context(answers_and_waits(), async |ctx, _| {
                let handle = ctx.handle();
                let mut stream = ctx.open_stream();
                stream.send(20).await?;
                stream.send(22).await?;
                stream.finish();
                let error = stream.send(1).await.unwrap_err();
                assert!(matches!(error, tractor::Error::Messaging(_)), "{error:?}");
                assert_eq!(stream.receive().await?, Some(42));
                assert_eq!(stream.receive().await?, None, "closed long before the result");
                worker.run(go()).await?;
                assert_eq!(handle.wait_for_result().await?, 42);
                Ok(())
            })
            .await
    })
    .await
}

#[tractor::test]
async fn dropping_the_stream_closes_it() -> tractor::Result<()> {
    with_process(module_path!(), async |worker| {
        let last = worker
            .open_context(scale(5), async |ctx, _| {
                let handle = ctx.handle();
                let mut stream = ctx.open_stream();
                stream.send(Point { x: 1, y: 1 }).await?;
                assert!(stream.receive().await?.is_some());
                drop(stream);
                handle.wait_for_result().await
            })
            .await?;
        assert_eq!(last, Point { x: 5, y: 5 });
        Ok(())
    })
    .await
}

#[tractor::test]
async fn values_queued_before_the_result_can_still_be_read() -> tractor::Result<()> {
    with_process(module_path!(), async |worker| {
        worker
            .open_context(counts(100), async |ctx, _| {
                let handle = ctx.handle();
                let mut stream = ctx.open_stream();
                // The answer to a later call comes after everything that the context has sent.
                worker.run(go()).await?;
                for expected in 0..100 {
                    assert_eq!(stream.receive().await?, Some(expected));
                }
                assert_eq!(stream.receive().await?, None);
                assert_eq!(stream.receive().await?, None, "further calls return the end, too");
                assert_eq!(handle.wait_for_result().await?, "counted");
                Ok(())
            })
            .await
    })
    .await
}

#[tractor::test]
async fn a_reader_that_always_finds_a_value_gives_others_a_turn() -> tractor::Result<()> {
    with_process(module_path!(), async |worker| {
        worker
            .open_context(counts(1000), async |ctx, _| {
                let handle = ctx.handle();
                let mut stream = ctx.open_stream();
                // The result comes after all values.
                handle.wait_for_result().await?;
                let other = tokio::spawn(async {});
                for expected in 0..1000 {
                    assert_eq!(stream.receive().await?, Some(expected));
                }
                assert!(other.is_finished(), "a thousand values were received without a yield");
                Ok(())
            })
            .await
    })
    .await
}

#[tractor::test]
async fn a_parent_side_that_never_opens_its_stream_gets_the_result() -> tractor::Result<()> {
    const COUNT: u64 = 50_000; // far more than the stream's window holds
    with_process(module_path!(), async |worker| {
        let waited = worker.open_context(counts(COUNT), async |ctx, _| ctx.wait_for_result().await).await?;
        assert_eq!(waited, "counted");
        worker.open_context(counts(COUNT), async |_, _| -> tractor::Result<()> { Ok(()) }).await
    })
    .await
}

/// Receives until the stream ends. Returns the number of values.
#[tractor::context(started = (), recv = u8, returns = u64)]
async fn receives_all(ctx: Context<(), (), u8>) -> tractor::Result<u64> {
    let mut stream = ctx.started(()).await?.open_stream();
    let mut count = 0;
    while stream.receive().await?.is_some() {
        count += 1;
    }
    Ok(count)
}

#[tractor::test]
async fn a_stream_that_can_never_be_opened_has_ended_for_the_endpoint() -> tractor::Result<()> {
    with_process(module_path!(), async |worker| {
        let waited = worker.open_context(receives_all(), async |ctx, ()| ctx.wait_for_result().await).await?;
        assert_eq!(waited, 0);
        let waited = worker.open_context(receives_all(), async |ctx, ()| {
            let handle = ctx.handle();
            drop(ctx);
            handle.wait_for_result().await
        });
        assert_eq!(waited.await?, 0);
        worker.open_context(receives_all(), async |_, ()| -> tractor::Result<()> { Ok(()) }).await
    })
    .await
}

#[tractor::test]
async fn a_parent_side_that_closes_at_once_gets_the_result() -> tractor::Result<()> {
    with_process(module_path!(), async |worker| {
        let result = worker
            .open_context(counts(50_000), async |ctx, _| {
                let handle = ctx.handle();
                let mut stream = ctx.open_stream();
                assert_eq!(stream.receive().await?, Some(0));
                stream.close();
                handle.wait_for_result().await
            })
            .await?;
        assert_eq!(result, "counted");
        Ok(())
    })
    .await
}

#[tractor::test]
async fn a_child_side_that_closes_early_still_returns() -> tractor::Result<()> {
    with_process(module_path!(), async |worker| {
        let result = worker
            .open_context(closes_early(), async |ctx, _| {
                let handle = ctx.handle();
                let mut stream = ctx.open_stream();
                assert_eq!(stream.receive().await?, Some(1));
                assert_eq!(stream.receive().await?, None);
                let mut waiting = pin!(handle.wait_for_result());
                let early = poll_fn(|cx| std::task::Poll::Ready(waiting.as_mut().poll(cx).is_ready())).await;
                assert!(!early, "it has not returned");
                worker.run(seen("closed".to_owned())).await?;
                worker.run(go()).await?;
                waiting.await
            })
            .await?;
        assert_eq!(result, 7);
        Ok(())
    })
    .await
}

#[tractor::test]
async fn a_result_without_a_first_value_breaks_the_order() -> tractor::Result<()> {
    with_process(module_path!(), async |worker| {
        let opened: tractor::Result<()> = worker
            .open_context(forgets_started(), async |_, first| panic!("there is no first value: {first}"))
            .await;
        let error = opened.expect_err("it returned before it started");
        assert!(matches!(error, Error::Messaging(_)), "{error:?}");
        assert!(error.to_string().contains("returned before started"), "{error}");
        assert_eq!(worker.run(support::journal::entries()).await?, [""; 0], "the actor goes on");
        Ok(())
    })
    .await
}

#[tractor::test]
async fn a_stream_whose_other_side_was_never_opened_is_reported_as_cut() -> tractor::Result<()> {
    with_local(module_path!(), async |worker| {
        worker
            .open_context(never_streams(), async |ctx, _| {
                let mut stream = ctx.open_stream();
                stream.send(1).await?;
                worker.run(go()).await?;
                let error = stream.receive().await.expect_err("nobody closed the stream");
                assert!(matches!(error, Error::Messaging(_)), "{error:?}");
                Ok(())
            })
            .await
    })
    .await
}

#[tractor::test]
async fn contexts_on_one_connection_do_not_mix() -> tractor::Result<()> {
    with_process(module_path!(), async |worker| {
        worker
            .open_context(scale(2), async |double, _| -> tractor::Result<()> {
                let mut doubles = double.open_stream();
                worker
                    .open_context(scale(3), async |triple, _| -> tractor::Result<()> {
                        let mut triples = triple.open_stream();
                        assert_ne!(doubles.cid(), triples.cid());
                        for n in 0..100 {
                            doubles.send(Point { x: n, y: 0 }).await?;
                            triples.send(Point { x: n, y: 1 }).await?;
                        }
                        for n in 0..100 {
                            assert_eq!(triples.receive().await?, Some(Point { x: 3 * n, y: 3 }));
                            assert_eq!(doubles.receive().await?, Some(Point { x: 2 * n, y: 0 }));
                        }
                        Ok(())
                    })
                    .await?;
                doubles.send(Point { x: 50, y: 50 }).await?;
                assert_eq!(doubles.receive().await?, Some(Point { x: 100, y: 100 }));
                Ok(())
            })
            .await
    })
    .await
}
