//! Arguments travel by name: every pattern is reported.

#[tractor::actor_fn]
async fn add((a, b): (i64, i64), _: u8, ref c: u8) -> i64 {
    a + b + i64::from(*c)
}

fn main() {}
