//! The parent side sends what the endpoint receives.

use tractor::{Context, Portal};

#[tractor::context(send = u8, recv = String)]
async fn scale(_ctx: Context<(), u8, String>) {}

async fn open(portal: &Portal) -> tractor::Result<()> {
    let body = async |ctx: &mut tractor::ParentContext<scale>, ()| {
        let mut stream = ctx.open_stream().await?;
        let (half, _) = stream.split();
        half.send(vec![1]).await?;
        stream.send(1).await
    };
    portal.open_context(scale(), body).await
}

fn main() {}
