//! Unions are not there yet.

use tractor::Context;

#[tractor::context(pld_spec = u64 | String)]
async fn scale(ctx: Context<u64>) -> u64 {
    1
}

fn main() {}
