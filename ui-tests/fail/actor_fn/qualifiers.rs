//! `unsafe` and a foreign ABI are both reported.

#[tractor::actor_fn]
unsafe extern "C" fn add(a: i64, b: i64) -> i64 {
    a + b
}

fn main() {}
