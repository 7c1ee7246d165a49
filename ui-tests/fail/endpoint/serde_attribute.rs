//! An argument is no field: its name and its default are ours, the rest is its type's.

#[tractor::actor_fn]
async fn pad(text: String, #[serde(default = "eight")] width: usize) -> String {
    format!("{text:<width$}")
}

fn main() {}
