//! One type for all directions; the call takes the arguments without the context.

#![deny(warnings)]

use tractor::prelude::*;

#[tractor::context(pld_spec = i64)]
async fn scale(ctx: Context<i64>, by: i64) -> tractor::Result<i64> {
    let ctx = ctx.started(0).await?;
    let mut stream = ctx.open_stream();
    let mut last = 0;
    while let Some(value) = stream.receive().await? {
        last = value * by;
        stream.send(last).await?;
    }
    Ok(last)
}

#[test]
fn works() {
    let _call: tractor::Call<scale> = scale(3);
}
