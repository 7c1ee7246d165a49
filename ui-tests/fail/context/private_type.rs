//! A public context has public types.

use serde::{Deserialize, Serialize};
use tractor::Context;

#[derive(Serialize, Deserialize)]
struct User {
    id: u64,
}

#[tractor::context(pld_spec = User)]
pub async fn edit(_ctx: Context<User>, user: u64) -> User {
    User { id: user }
}

fn main() {}
