//! A `Context` belongs to another macro.

use tractor::Context;

#[tractor::actor_fn]
async fn scale(ctx: Context<u64>, by: u64) -> u64 {
    by
}

fn main() {}
