//! A function that keeps streams of any endpoint takes a `MsgStream`, into which that of the parent side is made.

use tractor::{Context, MsgStream, ParentContext};

#[tractor::context(send = u8, recv = String)]
async fn scale(_ctx: Context<(), u8, String>) {}

async fn drains(mut stream: MsgStream<String, u8>) -> tractor::Result<()> {
    while stream.receive().await?.is_some() {}
    Ok(())
}

async fn body(ctx: &mut ParentContext<scale>) -> tractor::Result<()> {
    let stream = ctx.open_stream().await?;
    drains(stream).await
}

fn main() {}
