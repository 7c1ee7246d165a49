//! The error of a `Result` is an error type or text.

struct Failure;

#[tractor::actor_fn]
async fn fail() -> Result<u8, Failure> {
    Err(Failure)
}

fn main() {}
