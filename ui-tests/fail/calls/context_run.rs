//! A context is opened, not run.

use tractor::{Context, Portal};

#[tractor::context(pld_spec = i64)]
async fn scale(_ctx: Context<i64>) -> tractor::Result<i64> {
    Ok(1)
}

async fn run(portal: &Portal) -> tractor::Result<i64> {
    portal.run(scale()).await
}

fn main() {}
