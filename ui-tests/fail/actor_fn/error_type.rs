//! The error of a `Result` is an error type or text.

struct Broken;

#[tractor::actor_fn]
async fn fail() -> Result<u8, Broken> {
    Err(Broken)
}

fn main() {}
