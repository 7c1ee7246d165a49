//! The returned value is owned as well.

#[tractor::actor_fn]
async fn name() -> &'static str {
    "tractor"
}

fn main() {}
