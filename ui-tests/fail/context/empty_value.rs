//! A key has a value.

use tractor::Context;

#[tractor::context(pld_spec =, send = u8)]
async fn scale(ctx: Context<u64>) -> u64 {
    1
}

fn main() {}
