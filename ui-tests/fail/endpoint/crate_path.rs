//! The library's path is a path.

#[tractor::actor_fn(crate = "actors")]
async fn add(a: i64, b: i64) -> i64 {
    a + b
}

#[tractor::actor_fn(crate = actors)]
async fn subtract(a: i64, b: i64) -> i64 {
    a - b
}

fn main() {}
