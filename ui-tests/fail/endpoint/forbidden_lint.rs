//! One lint cannot be forbidden, because the registration of an endpoint allows it.

#![forbid(non_upper_case_globals)]

#[tractor::actor_fn]
async fn add(a: i64, b: i64) -> i64 {
    a + b
}

fn main() {}
