//! The returned value is owned, too.

#[tractor::actor_fn]
async fn name() -> &'static str {
    "tractor"
}

fn main() {}
