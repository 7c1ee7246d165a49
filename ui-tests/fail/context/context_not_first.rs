//! The context is the first argument.

use tractor::Context;

#[tractor::context(pld_spec = u64)]
async fn scale(by: u64, ctx: Context<u64>) -> u64 {
    by
}

fn main() {}
