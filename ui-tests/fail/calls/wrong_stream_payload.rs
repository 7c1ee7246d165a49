//! A stream carries the type the attribute declares; so do its halves and its subscribers.

use tractor::Context;

#[tractor::context(send = u8, recv = String)]
async fn scale(ctx: Context<(), u8, String>) -> tractor::Result<()> {
    let ctx = ctx.started(()).await?;
    let mut stream = ctx.open_stream();
    let subscriber = stream.subscribe();
    subscriber.send(1.0).await?;
    let (half, _) = stream.split();
    half.send(vec![1]).await?;
    stream.send("text".to_owned()).await
}

fn main() {}
