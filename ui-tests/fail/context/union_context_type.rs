//! The context names the enum, not its types.

use tractor::Context;

#[tractor::context(pld_spec = u64 | String)]
async fn scale(_ctx: Context<u64>) -> u64 {
    1
}

fn main() {}
