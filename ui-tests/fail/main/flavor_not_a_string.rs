//! A flavor is a string.

#[tractor::main(flavor = current_thread)]
async fn main() {}
