//! A key is given once.

use tractor::Context;

#[tractor::context(pld_spec = u64, pld_spec = String)]
async fn scale(ctx: Context<u64>) -> u64 {
    1
}

fn main() {}
