//! A type called `Result` is a `Result`.

type Result = u8;

#[tractor::actor_fn]
async fn one() -> Result {
    1
}

fn main() {}
