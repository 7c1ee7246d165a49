//! A test is async.

#[tractor::test]
fn works() {}

fn main() {}
