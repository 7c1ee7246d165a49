//! A public endpoint has public types: its callers need them.

use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
struct User {
    id: u64,
}

#[tractor::actor_fn]
pub async fn keep(user: User) -> Result<User, String> {
    Ok(user)
}

fn main() {}
