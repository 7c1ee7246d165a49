//! A union has each type once.

use tractor::Context;

#[tractor::context(pld_spec = u64 | String | u64)]
async fn scale(ctx: Context<ScalePld>) -> ScalePld {
    ScalePld::U64(1)
}

fn main() {}
