//! The parent side sends what the endpoint receives.

use tractor::Context;

#[tractor::context(send = u8, recv = String)]
async fn scale(_ctx: Context<(), u8, String>) {}

#[tractor::main]
async fn main() -> tractor::Result<()> {
    tractor::open_nursery(async |an| -> tractor::Result<()> {
        let portal = an.start_actor("worker").enable_module(module_path!()).await?;
        let body = portal.open_context(scale(), async |ctx, ()| -> tractor::Result<()> {
            let mut stream = ctx.open_stream();
            let (half, _) = stream.split();
            half.send(vec![1]).await?;
            stream.subscribe().send('c').await?;
            stream.send(1).await
        });
        body.await
    })
    .await
}
