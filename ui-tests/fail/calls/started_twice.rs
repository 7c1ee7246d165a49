//! A context is started once.

use tractor::Context;

#[tractor::context(pld_spec = i64)]
async fn again(ctx: Context<i64>) -> tractor::Result<i64> {
    let ctx = ctx.started(1).await?;
    ctx.started(2).await?;
    Ok(1)
}

#[tractor::context(pld_spec = i64)]
async fn moved(ctx: Context<i64>) -> tractor::Result<i64> {
    ctx.started(1).await?;
    ctx.started(2).await?;
    Ok(1)
}

fn main() {}
