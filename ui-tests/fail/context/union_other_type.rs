//! A union allows its own types only, from either side.

use tractor::{Context, Portal};

#[tractor::context(pld_spec = u64 | String | None)]
async fn scale(ctx: Context<ScalePld>) -> tractor::Result<ScalePld> {
    let ctx = ctx.started('a').await?;
    let stream = ctx.open_stream();
    stream.send(0.5).await?;
    Ok(ScalePld::None)
}

async fn open(portal: &Portal) -> tractor::Result<ScalePld> {
    let body = async |ctx: tractor::ParentContext<scale>, _first| {
        let stream = ctx.open_stream();
        stream.send(&String::new()).await?;
        ctx.wait_for_result().await
    };
    portal.open_context(scale(), body).await
}

fn main() {}
