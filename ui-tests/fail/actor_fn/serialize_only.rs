//! A payload goes both ways: half of serde is not enough.

use serde::Serialize;

#[derive(Serialize)]
struct Report {
    lines: usize,
}

#[tractor::actor_fn]
async fn report() -> Report {
    Report { lines: 1 }
}

fn main() {}
