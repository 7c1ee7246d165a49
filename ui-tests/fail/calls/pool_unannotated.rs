//! A pool runs only functions with the attribute.

use tractor::Pool;

async fn add(a: i64, b: i64) -> i64 {
    a + b
}

async fn run(pool: &Pool) -> tractor::Result<i64> {
    pool.run(add(1, 2)).await
}

fn main() {}
