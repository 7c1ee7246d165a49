//! A context has one stream.

use tractor::Context;

#[tractor::context(pld_spec = u64)]
async fn echo(ctx: Context<u64>) -> tractor::Result<u64> {
    let ctx = ctx.started(0).await?;
    let requests = ctx.open_stream();
    let answers = ctx.open_stream();
    answers.send(1).await?;
    drop(requests);
    Ok(0)
}

#[tractor::context(pld_spec = u64)]
async fn asks(ctx: Context<u64>) -> tractor::Result<u64> {
    let ctx = ctx.started(0).await?;
    ctx.portal()
        .open_context(echo(), async |echoing, _first| {
            let first = echoing.open_stream();
            first.close();
            echoing.open_stream().wait_for_result().await
        })
        .await
}

fn main() {}
