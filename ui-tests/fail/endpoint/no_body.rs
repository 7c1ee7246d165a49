//! A function without a body lives in another program, and says so.

#[tractor::actor_fn]
async fn ping() -> i64;

#[tractor::main]
async fn main();
