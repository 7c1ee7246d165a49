//! The first value has the type the attribute declares.

use tractor::Context;

#[tractor::context(started = i64, send = u8)]
async fn scale(ctx: Context<i64, u8, ()>) -> tractor::Result<u8> {
    ctx.started("text").await?;
    Ok(1)
}

fn main() {}
