//! The endpoints of the child process.

use bytes::Bytes;
use tractor::Result;
use tractor::prelude::*;

use crate::peers::Tick;

/// The module to enable.
pub(super) const PATH: &str = module_path!();

#[tractor::actor_fn]
pub(super) async fn add_one(value: u64) -> u64 {
    value + 1
}

#[tractor::actor_fn]
pub(super) async fn count(data: Bytes) -> u64 {
    data.len() as u64
}

#[tractor::actor_fn]
pub(super) async fn addrs() -> Vec<String> {
    tractor::current_actor().addrs().iter().map(ToString::to_string).collect()
}

#[tractor::context(started = (), returns = u64)]
pub(super) async fn empty(ctx: Context<(), (), ()>, value: u64) -> Result<u64> {
    ctx.started(()).await?;
    Ok(value)
}

#[tractor::context(started = (), send = u64, recv = u64, returns = ())]
pub(super) async fn echo(ctx: Context<(), u64, u64>) -> Result<()> {
    let mut stream = ctx.started(()).await?.open_stream();
    while let Some(value) = stream.receive().await? {
        stream.send(value).await?;
    }
    Ok(())
}

#[tractor::stream]
pub(super) async fn ticks(out: StreamSender<Tick>, count: u64) -> Result<()> {
    for seq in 0..count {
        out.send(Tick::new(seq)).await?;
    }
    Ok(())
}

/// Streams payloads: a fresh one for each message, or the same one.
#[tractor::stream]
pub(super) async fn blobs(out: StreamSender<Bytes>, count: u64, bytes: u64, fresh: bool) -> Result<()> {
    let same = Bytes::from(vec![7; bytes as usize]);
    for _ in 0..count {
        if fresh {
            out.send(Bytes::from(vec![7; bytes as usize])).await?;
        } else {
            out.send(&same).await?;
        }
    }
    Ok(())
}
