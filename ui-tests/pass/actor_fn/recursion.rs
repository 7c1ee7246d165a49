//! In its own body an endpoint's name is the call, so that it can run itself elsewhere.

#![deny(warnings)]

#[tractor::actor_fn]
async fn factorial(n: u64) -> u64 {
    if n == 0 { 1 } else { n * factorial(n - 1).await }
}

#[tractor::test]
async fn works() {
    assert_eq!(factorial(5).await, 120);
}
