//! One runtime per `main`.

#[tractor::main]
#[tokio::main(flavor = "current_thread")]
async fn one() {}

#[tokio::main]
#[tractor::main]
async fn main() {}
