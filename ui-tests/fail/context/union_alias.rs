//! A union has each type once, also under an alias.

use tractor::Context;

type Id = u64;

#[tractor::context(pld_spec = u64 | Id)]
async fn scale(_ctx: Context<ScalePld>) -> ScalePld {
    ScalePld::U64(1)
}

fn main() {}
