//! A portal takes a call, with its arguments.

use tractor::Portal;

#[tractor::actor_fn]
async fn add(a: i64, b: i64) -> i64 {
    a + b
}

async fn run(portal: &Portal) -> tractor::Result<i64> {
    portal.run(add).await
}

fn main() {}
