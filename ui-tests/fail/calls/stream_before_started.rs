//! A context has no stream before `started`.

use tractor::Context;

#[tractor::context(pld_spec = i64)]
async fn scale(ctx: Context<i64>) -> tractor::Result<i64> {
    let _stream = ctx.open_stream();
    Ok(1)
}

fn main() {}
