//! A function with one result has no dialog to open.

use tractor::Portal;

#[tractor::actor_fn]
async fn add(a: i64, b: i64) -> i64 {
    a + b
}

async fn open(portal: &Portal) -> tractor::Result<i64> {
    portal.open_context(add(1, 2), async |ctx, _first| ctx.wait_for_result().await).await
}

fn main() {}
