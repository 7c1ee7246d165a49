//! A rule says what is wrong with the value.

#[tractor::actor_fn(validate = small)]
async fn double(n: u64) -> u64 {
    2 * n
}

fn small(n: &u64) -> bool {
    *n < 100
}

fn main() {}
