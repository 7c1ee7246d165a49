//! The attribute and the type of the context agree.

use tractor::Context;

#[tractor::context(pld_spec = u64)]
async fn scale(_ctx: Context<String>) -> u64 {
    1
}

fn main() {}
