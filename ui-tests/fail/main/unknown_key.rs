//! Unknown keys are reported with the allowed ones.

#[tractor::main(threads = 4)]
async fn main() {}
