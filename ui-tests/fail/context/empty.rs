//! A context declares its types.

use tractor::Context;

#[tractor::context]
async fn scale(ctx: Context<u64>, by: u64) -> u64 {
    by
}

fn main() {}
