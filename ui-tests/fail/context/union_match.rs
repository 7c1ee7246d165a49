//! A `match` on a union is exhaustive.

use tractor::Context;

#[tractor::context(pld_spec = u64 | String | None)]
async fn scale(_ctx: Context<ScalePld>) -> ScalePld {
    ScalePld::None
}

fn count(value: ScalePld) -> u64 {
    match value {
        ScalePld::U64(count) => count,
        ScalePld::None => 0,
    }
}

fn main() {}
