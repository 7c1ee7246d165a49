//! The context is an argument.

#[tractor::context(pld_spec = u64)]
async fn scale(by: u64) -> u64 {
    by
}

fn main() {}
