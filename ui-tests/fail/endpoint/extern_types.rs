//! The types of a declaration agree with each other.

use tractor::Context;

#[tractor::context(extern, module = "images.service", started = u8, send = u64, returns = u32)]
async fn scale(ctx: Context<(), u64, ()>) -> tractor::Result<u64>;

fn main() {}
