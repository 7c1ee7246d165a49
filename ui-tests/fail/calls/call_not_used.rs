//! A call that is neither awaited nor handed over is a mistake.

#![deny(unused_must_use)]

#[tractor::actor_fn]
async fn add(a: i64, b: i64) -> i64 {
    a + b
}

fn main() {
    add(1, 2);
}
