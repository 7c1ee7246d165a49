//! Unknown keys are reported with the allowed ones.

use tractor::Context;

#[tractor::context(pld_spec = u64, returned = String)]
async fn scale(_ctx: Context<u64>) -> u64 {
    1
}

fn main() {}
