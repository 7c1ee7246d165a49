//! Names on the wire are texts that are not empty.

#[tractor::actor_fn(name = sum, module = "")]
async fn add(a: i64, b: i64) -> i64 {
    a + b
}

fn main() {}
