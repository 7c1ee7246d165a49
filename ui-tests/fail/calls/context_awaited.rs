//! A context needs its other side: its call cannot be awaited here.

use tractor::Context;

#[tractor::context(pld_spec = i64)]
async fn scale(_ctx: Context<i64>) -> tractor::Result<i64> {
    Ok(1)
}

#[tractor::main]
async fn main() {
    let _ = scale().await;
}
