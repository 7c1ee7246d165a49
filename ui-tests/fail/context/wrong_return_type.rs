//! The attribute and the returned type agree.

use tractor::Context;

#[tractor::context(pld_spec = u64)]
async fn scale(_ctx: Context<u64>) -> tractor::Result<String> {
    Ok(String::new())
}

fn main() {}
