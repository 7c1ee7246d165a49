//! A missing `async` is the only error: the callers still compile.

#[tractor::actor_fn]
fn add(a: i64, b: i64) -> i64 {
    a + b
}

#[tractor::main]
async fn main() {
    assert_eq!(add(1, 2).await, 3);
}
