//! A rule is about a direction that has a type.

use tractor::Context;

#[tractor::context(send = u64, validate = small, validate_recv = small)]
async fn scale(ctx: Context<(), u64, ()>) {}

fn small(_n: &u64) -> Result<(), String> {
    Ok(())
}

fn main() {}
