//! There are two flavors; nothing else is reported.

#[tractor::main(flavor = "threaded")]
async fn main() {}
