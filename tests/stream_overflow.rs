//! What happens to a stream whose receiver does not keep up, by the policy it was opened with.

mod support;

use serde_bytes::ByteBuf;
use support::journal::{note, seen};
use support::with_local;
use tractor::prelude::*;
use tractor::{Overflow, Result};

/// Forty times what a sender may have on its way by default.
const VALUES: usize = 1000;
const BYTES: usize = 10 * 1024;

fn value(number: usize) -> ByteBuf {
    ByteBuf::from(vec![(number % 251) as u8; BYTES])
}

/// Sends this many values once it has received one.
#[tractor::context(pld_spec = ByteBuf, started = (), returns = usize)]
async fn sends(ctx: Context<(), ByteBuf>, count: usize) -> tractor::Result<usize> {
    let mut ctx = ctx.started(()).await?;
    let mut stream = ctx.open_stream().await?;
    stream.receive().await?;
    for number in 0..count {
        stream.send(value(number)).await?;
    }
    note("sent");
    Ok(count)
}

/// Sends before anybody asks.
#[tractor::context(pld_spec = ByteBuf, started = (), returns = ())]
async fn sends_at_once(ctx: Context<(), ByteBuf>) -> tractor::Result<()> {
    let mut ctx = ctx.started(()).await?;
    let stream = ctx.open_stream().await?;
    for number in 0..VALUES {
        if number == 10 {
            note("ten");
        }
        stream.send(value(number)).await?;
    }
    note("sent");
    Ok(())
}

/// Receives nothing until it is told to.
#[tractor::context(pld_spec = ByteBuf, started = (), returns = usize)]
async fn buffers(ctx: Context<(), ByteBuf>) -> tractor::Result<usize> {
    let mut ctx = ctx.started(()).await?;
    let mut stream = ctx.open_stream_with(Overflow::Buffer).await?;
    seen("read".to_owned()).await;
    let mut count = 0;
    while let Some(received) = stream.receive().await? {
        assert_eq!(received, value(count));
        count += 1;
    }
    Ok(count)
}

#[tractor::actor_fn]
async fn read_now() {
    note("read");
}

#[tractor::test]
async fn a_sender_into_a_buffer_never_waits() -> Result<()> {
    with_local(module_path!(), async |portal| {
        portal
            .open_context(sends(VALUES), async |ctx, ()| {
                let mut stream = ctx.open_stream_with(Overflow::Buffer).await?;
                stream.send(value(0)).await?;
                portal.run(seen("sent".to_owned())).await?;
                for number in 0..VALUES {
                    assert_eq!(stream.receive().await?, Some(value(number)));
                }
                assert_eq!(stream.receive().await?, None);
                assert_eq!(ctx.wait_for_result().await?, VALUES);
                Ok(())
            })
            .await
    })
    .await
}

#[tractor::test]
async fn a_child_side_buffers_too() -> Result<()> {
    with_local(module_path!(), async |portal| {
        portal
            .open_context(buffers(), async |ctx, ()| {
                let stream = ctx.open_stream().await?;
                for number in 0..VALUES {
                    stream.send(value(number)).await?;
                }
                stream.finish()?;
                portal.run(read_now()).await?;
                assert_eq!(ctx.wait_for_result().await?, VALUES);
                Ok(())
            })
            .await
    })
    .await
}

#[tractor::test]
async fn a_sender_that_waits_already_goes_on_when_the_buffer_opens() -> Result<()> {
    with_local(module_path!(), async |portal| {
        portal
            .open_context(sends_at_once(), async |ctx, ()| {
                portal.run(seen("ten".to_owned())).await?;
                let mut stream = ctx.open_stream_with(Overflow::Buffer).await?;
                portal.run(seen("sent".to_owned())).await?;
                for number in 0..VALUES {
                    assert_eq!(stream.receive().await?, Some(value(number)));
                }
                ctx.wait_for_result().await
            })
            .await
    })
    .await
}
