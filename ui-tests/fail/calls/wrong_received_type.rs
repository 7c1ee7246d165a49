//! A received value has the type the attribute declares.

use tractor::Context;

#[tractor::context(send = u8, recv = String)]
async fn scale(ctx: Context<(), u8, String>) -> tractor::Result<()> {
    let ctx = ctx.started(()).await?;
    let mut stream = ctx.open_stream();
    while let Some(number) = stream.receive().await? {
        stream.send(number).await?;
    }
    Ok(())
}

fn main() {}
