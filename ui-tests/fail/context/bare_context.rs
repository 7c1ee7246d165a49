//! The context names its types.

use tractor::Context;

#[tractor::context(started = u8, send = u16, recv = u32)]
async fn scale(ctx: Context) -> u64 {
    1
}

fn main() {}
