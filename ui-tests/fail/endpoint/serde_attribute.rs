//! An argument is no field: `tractor` sets its name and default, its type decides the rest.

#[tractor::actor_fn]
async fn pad(text: String, #[serde(default = "eight")] width: usize) -> String {
    format!("{text:<width$}")
}

fn main() {}
