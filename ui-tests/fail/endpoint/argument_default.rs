//! A default has the type of its argument.

use serde::{Deserialize, Serialize};

#[derive(Clone, Serialize, Deserialize)]
pub struct Point;

#[tractor::actor_fn]
async fn repeat(
    #[tractor(default = "two")] times: u8,
    #[tractor(default)] _at: Point,
    #[tractor(default = 1)] _text: &str,
) -> u8 {
    times
}

fn main() {}
