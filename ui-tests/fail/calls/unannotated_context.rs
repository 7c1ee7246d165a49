//! A context needs its attribute as well.

use tractor::{Context, Portal};

async fn scale(_ctx: Context<i64>, by: i64) -> tractor::Result<i64> {
    Ok(by)
}

async fn open(portal: &Portal, ctx: Context<i64>) -> tractor::Result<i64> {
    portal.open_context(scale(ctx, 3), async |ctx, _first| ctx.wait_for_result().await).await
}

fn main() {}
