//! Values take the type of the payload contract: literals and items of a container need no annotation, and references
//! work.

#![deny(warnings)]
#![allow(dead_code, reason = "compiling is the test")]

use tractor::prelude::*;

#[tractor::context(started = u64, send = f32, recv = Option<String>)]
async fn child(ctx: Context<u64, f32, Option<String>>) -> tractor::Result<u8> {
    let ctx = ctx.started(0).await?;
    let stream = ctx.open_stream();
    stream.send(1.5).await?;
    stream.send(&2.5).await?;
    Ok(5)
}

#[tractor::context(pld_spec = u64)]
async fn numbers(ctx: Context<u64>) -> tractor::Result<u64> {
    let ctx = ctx.started(1).await?;
    let stream = ctx.open_stream();
    stream.send(5).await?;
    stream.send(1 + 1).await?;
    Ok(7)
}

#[tractor::stream]
async fn pairs(out: StreamSender<(u8, Vec<i64>)>) -> tractor::Result<()> {
    let last = (1, vec![2, 3]);
    out.send(&last).await?;
    out.send(last).await
}

async fn parent(portal: &Portal) -> tractor::Result<u8> {
    let body = async |ctx: tractor::ParentContext<child>, first: u64| {
        let mut stream = ctx.open_stream();
        stream.send(None).await?;
        stream.send(Some("text".into())).await?;
        let (tx, _rx) = stream.split();
        tx.send(Some(first.to_string())).await?;
        stream.wait_for_result().await
    };
    portal.open_context(child(), body).await
}
