//! One test attribute per function.

#[tractor::test]
#[test]
async fn works() {}

#[tractor::test]
#[tokio::test(flavor = "current_thread")]
async fn works_twice() {}

#[tokio::test]
#[tractor::test]
async fn works_on_another_runtime() {}

fn main() {}
