//! What is called `Result` is one.

type Result = u8;

#[tractor::actor_fn]
async fn one() -> Result {
    1
}

fn main() {}
