//! The main function is async.

#[tractor::main]
fn main() {}
