//! Endpoints are free functions.

struct Counter;

impl Counter {
    #[tractor::actor_fn]
    async fn count(&self, by: u64) -> u64 {
        by
    }
}

fn main() {}
