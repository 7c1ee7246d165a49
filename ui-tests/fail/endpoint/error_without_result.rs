//! `error` is about a function that can fail.

#[tractor::actor_fn(error = String)]
async fn withdraw(amount: u32) -> u32 {
    amount
}

fn main() {}
