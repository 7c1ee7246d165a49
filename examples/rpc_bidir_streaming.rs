//! Both ends of a context send and receive at the same time; neither waits for the other.
//!
//! `split` gives each direction a handle of its own. A direction holds a bounded number of bytes, so a sender that is
//! too fast waits. Each end keeps receiving meanwhile, so the two cannot block each other.
//!
//! Run it with `cargo run --example rpc_bidir_streaming`.

#![allow(clippy::print_stdout, reason = "printing is what an example is for")]

use tractor::MsgStream;
use tractor::prelude::*;

const NUMBERS: u64 = 100_000;

/// Streams the odd numbers, and returns the sum of the numbers that it received.
#[tractor::context(pld_spec = u64)]
async fn exchange(ctx: Context<u64>, count: u64) -> tractor::Result<u64> {
    let ctx = ctx.started(count).await?;
    let mut stream = ctx.open_stream();
    send_and_sum(&mut stream, (0..count).map(|n| 2 * n + 1)).await
}

/// Sends all of `numbers`, and meanwhile sums up those of the other end. Both ends run this code.
async fn send_and_sum<R>(
    stream: &mut MsgStream<u64, u64, R>,
    numbers: impl Iterator<Item = u64>,
) -> tractor::Result<u64> {
    let (tx, mut rx) = stream.split();
    let send = async {
        for number in numbers {
            tx.send(number).await?;
        }
        tx.finish(); // the other end's `receive` gives `None`; ours continues
        Ok::<_, tractor::Error>(())
    };
    let sum = async {
        let mut sum = 0;
        while let Some(number) = rx.receive().await? {
            sum += number;
        }
        Ok(sum)
    };
    let ((), sum) = tokio::try_join!(send, sum)?;
    Ok(sum)
}

#[tractor::main]
async fn main() -> tractor::Result<()> {
    tractor::open_nursery(async |an| {
        let worker = an.start_actor("worker").expose(exchange).await?;
        let (evens, odds) = worker
            .open_context(exchange(NUMBERS), async |ctx, count| -> tractor::Result<_> {
                let mut stream = ctx.open_stream();
                let odds = send_and_sum(&mut stream, (0..count).map(|n| 2 * n)).await?;
                Ok((stream.wait_for_result().await?, odds))
            })
            .await?;
        println!("{NUMBERS} numbers in each direction at once");
        println!("the worker's sum of our even numbers: {evens}");
        println!("our sum of the worker's odd numbers:  {odds}");
        assert_eq!((evens, odds), (NUMBERS * (NUMBERS - 1), NUMBERS * NUMBERS));
        worker.cancel_actor().await?;
        Ok(())
    })
    .await
}
