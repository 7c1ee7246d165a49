//! `impl Trait` is generic in disguise.

#[tractor::actor_fn]
async fn sum(values: impl Iterator<Item = u64>) -> u64 {
    values.sum()
}

fn main() {}
