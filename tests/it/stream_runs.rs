//! Streams whose values come in batches: readers that stop in the middle of a batch.

use futures_util::TryStreamExt;
use support::with_local;
use tractor::prelude::*;
use tractor::{Portal, Result};

/// More than any window holds.
const COUNT: u64 = 20_000;

/// Sends the numbers up to `to`, and returns how many it has sent.
#[tractor::context(started = (), send = u64, recv = (), returns = u64)]
async fn counts_up(ctx: Context<(), u64, ()>, to: u64) -> Result<u64> {
    let ctx = ctx.started(()).await?;
    let stream = ctx.open_stream();
    for number in 0..to {
        stream.send(number).await?;
    }
    Ok(to)
}

#[tractor::test]
async fn a_reader_that_subscribes_in_the_middle_leaves_the_rest_to_all() -> Result<()> {
    with_local(module_path!(), async |portal: &Portal| {
        let sent = portal
            .open_context(counts_up(COUNT), async |ctx, ()| -> Result<u64> {
                let mut stream = ctx.open_stream();
                for number in 0..3 {
                    assert_eq!(stream.receive().await?, Some(number));
                }
                let mut other = stream.subscribe();
                for number in 3..COUNT {
                    assert_eq!(stream.receive().await?, Some(number));
                    assert_eq!(other.receive().await?, Some(number));
                }
                assert_eq!(other.receive().await?, None);
                stream.wait_for_result().await
            })
            .await?;
        assert_eq!(sent, COUNT);
        Ok(())
    })
    .await
}

#[tractor::test]
async fn an_endpoint_whose_reader_goes_in_the_middle_goes_on() -> Result<()> {
    with_local(module_path!(), async |portal: &Portal| {
        for read in [1, 20, 3000] {
            let sent = portal
                .open_context(counts_up(COUNT), async |ctx, ()| -> Result<u64> {
                    let mut stream = ctx.open_stream();
                    for number in 0..read {
                        assert_eq!(stream.receive().await?, Some(number));
                    }
                    stream.wait_for_result().await
                })
                .await?;
            assert_eq!(sent, COUNT, "{read} were read");
        }
        Ok(())
    })
    .await
}

#[tractor::test]
async fn half_a_stream_that_goes_in_the_middle_loses_nothing() -> Result<()> {
    with_local(module_path!(), async |portal: &Portal| {
        portal
            .open_context(counts_up(COUNT), async |ctx, ()| -> Result<u64> {
                let mut stream = ctx.open_stream();
                let mut number = 0;
                while number < COUNT {
                    let (_tx, mut rx) = stream.split();
                    assert_eq!(rx.receive().await?, Some(number));
                    assert_eq!(rx.try_next().await?, Some(number + 1));
                    drop(rx);
                    assert_eq!(stream.try_next().await?, Some(number + 2));
                    assert_eq!(stream.receive().await?, Some(number + 3));
                    number += 4;
                }
                assert_eq!(stream.receive().await?, None);
                stream.wait_for_result().await
            })
            .await?;
        Ok(())
    })
    .await
}
