//! A reference argument is copied into the call.

use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
pub struct Point {
    x: i64,
}

#[tractor::actor_fn]
async fn norm(point: &Point) -> i64 {
    point.x
}

fn main() {}
