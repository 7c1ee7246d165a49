//! A function without a body must be declared `extern`.

#[tractor::actor_fn]
async fn ping() -> i64;

#[tractor::main]
async fn main();
