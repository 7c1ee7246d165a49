//! The started context is the one `started` returns.

use tractor::Context;

#[tractor::context(pld_spec = i64)]
async fn scale(ctx: Context<i64>) -> tractor::Result<i64> {
    ctx.started(1).await?;
    let _stream = ctx.open_stream();
    Ok(1)
}

fn main() {}
