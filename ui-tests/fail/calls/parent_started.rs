//! The first value comes from the endpoint.

use tractor::{Context, Portal};

#[tractor::context(started = u64)]
async fn scale(_ctx: Context<u64, (), ()>) {}

async fn open(portal: &Portal) -> tractor::Result<()> {
    portal
        .open_context(scale(), async |ctx, _first| {
            ctx.started(1).await?;
            ctx.wait_for_result().await
        })
        .await
}

fn main() {}
