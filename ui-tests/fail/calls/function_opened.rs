//! A function with one result has no dialog to open.

use tractor::Portal;

#[tractor::actor_fn]
async fn add(a: i64, b: i64) -> i64 {
    a + b
}

async fn open(portal: &Portal) -> tractor::Result<i64> {
    portal.open_context(add(1, 2), async |_ctx, _first| Ok(1)).await
}

fn main() {}
