//! An endpoint has concrete types.

#[tractor::actor_fn]
async fn echo<T>(value: T) -> T {
    value
}

fn main() {}
