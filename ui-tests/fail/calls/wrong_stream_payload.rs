//! A stream carries the type the attribute declares.

use tractor::Context;

#[tractor::context(pld_spec = i64)]
async fn scale(ctx: Context<i64>) -> tractor::Result<i64> {
    let mut ctx = ctx.started(0).await?;
    let mut stream = ctx.open_stream().await?;
    stream.send("text").await?;
    Ok(1)
}

fn main() {}
