//! One test attribute per function.

#[tractor::test]
#[test]
async fn works() {}

fn main() {}
