//! A pool runs functions, not contexts.

use tractor::{Context, Pool};

#[tractor::context(pld_spec = i64)]
async fn scale(_ctx: Context<i64>) -> tractor::Result<i64> {
    Ok(1)
}

async fn run(pool: &Pool) -> tractor::Result<i64> {
    pool.run(scale()).await
}

fn main() {}
