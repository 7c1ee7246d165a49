//! `error` names the type that the function fails with.

use serde::{Deserialize, Serialize};

#[derive(Debug, Serialize, Deserialize)]
pub struct TooMuch;

#[tractor::actor_fn(error = TooMuch)]
async fn withdraw(amount: u32) -> Result<u32, String> {
    Ok(amount)
}

fn main() {}
