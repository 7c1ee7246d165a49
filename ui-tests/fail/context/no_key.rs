//! A bare type has no key.

use tractor::Context;

#[tractor::context(u64)]
async fn scale(ctx: Context<u64>) -> u64 {
    1
}

fn main() {}
