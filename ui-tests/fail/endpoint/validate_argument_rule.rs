//! The rule of an argument takes a reference to it, and returns a verdict.

#[tractor::actor_fn]
async fn pad(#[tractor(validate = small)] width: u64, #[tractor(validate = short)] text: &str) -> String {
    format!("{text:width$}", width = width as usize)
}

fn small(_width: &u8) -> Result<(), String> {
    Ok(())
}

fn short(text: &str) -> bool {
    text.len() < 8
}

fn main() {}
