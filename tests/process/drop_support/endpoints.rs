//! Endpoints at the other end of dropped futures.

use serde_bytes::ByteBuf;
use tractor::prelude::*;
use tractor::{MsgStream, Overflow, Result};

use super::{Alive, Cut, pause};
use support::{Spoiled, forever, spoiled};

/// The module to enable.
pub(crate) const MODULE: &str = module_path!();
/// A part of a stream's window.
const BIG: usize = 64 * 1024;

#[tractor::actor_fn]
pub(crate) async fn adds(a: u64, b: u64) -> u64 {
    let _alive = Alive::new();
    pause().await;
    a + b
}

/// Sends a first value, streams both ways and returns a result, with a wait before each step.
#[tractor::context(pld_spec = u64)]
pub(crate) async fn doubles(ctx: Context<u64>) -> tractor::Result<u64> {
    let _alive = Alive::new();
    pause().await;
    let ctx = ctx.started(0).await?;
    let mut stream = ctx.open_stream();
    let mut count = 0;
    while let Some(value) = stream.receive().await? {
        count += 1;
        pause().await;
        stream.send(2 * value).await?;
    }
    stream.close();
    pause().await;
    Ok(count)
}

/// Sends `to` values, each after a wait, and returns their number.
#[tractor::context(pld_spec = u64)]
pub(crate) async fn counts(ctx: Context<u64>, to: u64) -> tractor::Result<u64> {
    let _alive = Alive::new();
    let ctx = ctx.started(0).await?;
    let stream = ctx.open_stream();
    for value in 0..to {
        pause().await;
        stream.send(value).await?;
    }
    stream.finish();
    pause().await;
    Ok(to)
}

/// Reads slowly, and returns how many values came.
#[tractor::context(pld_spec = ByteBuf, started = (), returns = u64)]
pub(crate) async fn drains(ctx: Context<(), ByteBuf>) -> tractor::Result<u64> {
    let _alive = Alive::new();
    let ctx = ctx.started(()).await?;
    let mut stream = ctx.open_stream();
    let mut count = 0;
    while stream.receive().await?.is_some() {
        count += 1;
        pause().await;
    }
    Ok(count)
}

/// Fails after a wait.
#[tractor::context(pld_spec = u64)]
pub(crate) async fn fails(ctx: Context<u64>) -> std::result::Result<u64, Spoiled> {
    let _alive = Alive::new();
    let Ok(_ctx) = ctx.started(0).await else { return spoiled("not started") };
    pause().await;
    spoiled("on purpose")
}

#[tractor::stream]
pub(crate) async fn ticks(out: StreamSender<u64>, to: u64) -> tractor::Result<()> {
    let _alive = Alive::new();
    for tick in 0..to {
        pause().await;
        out.send(tick).await?;
    }
    Ok(())
}

/// Sends until there is no room, then once more up to the cut. Returns how many values were sent, and whether the last
/// one was.
pub(crate) async fn send_cut<R>(
    stream: &mut MsgStream<ByteBuf, ByteBuf, R>,
    cut: Cut,
) -> Result<(u64, bool)> {
    let big = || ByteBuf::from(vec![7; BIG]);
    let mut sent = 0;
    while let Some(done) = Cut::FIRST.drop_in(stream.send(big())).await {
        done?;
        sent += 1;
    }
    let last = cut.drop_in(stream.split().0.send(big())).await.transpose()?.is_some();
    Ok((sent + u64::from(last), last))
}

/// Fills the stream to its parent side, and returns the result of `send_cut`.
#[tractor::context(pld_spec = ByteBuf, started = (), returns = (u64, bool))]
pub(crate) async fn fills(ctx: Context<(), ByteBuf>, cut: Cut) -> tractor::Result<(u64, bool)> {
    let _alive = Alive::new();
    let ctx = ctx.started(()).await?;
    send_cut(&mut ctx.open_stream(), cut).await
}

/// Cuts `started`, then opens and closes its stream. Returns how far it came.
#[tractor::context(pld_spec = u64)]
pub(crate) async fn steps(ctx: Context<u64>, cut: Cut) -> tractor::Result<u64> {
    let _alive = Alive::new();
    let Some(ctx) = cut.drop_in(ctx.started(0)).await else { return Ok(0) };
    ctx?.open_stream_with(Overflow::Buffer).close();
    Ok(3)
}

/// Sends with a cut at each value, and one more value at the end.
#[tractor::stream]
pub(crate) async fn ticks_cut(out: StreamSender<u64>, cut: Cut) -> tractor::Result<()> {
    let _alive = Alive::new();
    cut.drop_in(out.send(1)).await.transpose()?;
    out.send(2).await
}

/// Drops a shield at the cut, and then a watcher.
#[tractor::context(pld_spec = u64, returns = ())]
pub(crate) async fn shields_and_watches(ctx: Context<u64>, cut: Cut) -> tractor::Result<()> {
    let _alive = Alive::new();
    let ctx = ctx.started(0).await?;
    cut.drop_in(tractor::shield(pause())).await;
    cut.drop_in(ctx.cancelled()).await;
    forever().await;
    Ok(())
}

/// Never answers.
#[tractor::actor_fn]
pub(crate) async fn sleeps() {
    let _alive = Alive::new();
    forever().await;
}

/// Starts, and never ends.
#[tractor::context(pld_spec = u64, returns = ())]
pub(crate) async fn sits(ctx: Context<u64>) -> tractor::Result<()> {
    let _alive = Alive::new();
    let _ctx = ctx.started(0).await?;
    forever().await;
    Ok(())
}
