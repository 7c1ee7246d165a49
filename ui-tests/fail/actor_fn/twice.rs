//! One endpoint attribute per function.

#[tractor::actor_fn]
#[tractor::stream]
async fn add(a: i64, b: i64) -> i64 {
    a + b
}

fn main() {}
