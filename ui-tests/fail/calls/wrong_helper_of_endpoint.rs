//! A helper for the streams of one endpoint.

use tractor::{Context, ParentStream};

#[tractor::context(send = u8, recv = String)]
async fn scale(_ctx: Context<(), u8, String>) {}

async fn greet(stream: &ParentStream<scale>) -> tractor::Result<()> {
    stream.send(1).await
}

fn main() {}
