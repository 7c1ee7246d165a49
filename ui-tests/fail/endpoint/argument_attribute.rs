//! The options of an argument.

#[tractor::actor_fn]
async fn repeat(
    #[tractor] a: u8,
    #[tractor(name = "x")] b: u8,
    #[tractor(rename = x)] c: u8,
    #[tractor(rename = "a")] d: u8,
) -> u8 {
    a + b + c + d
}

fn main() {}
