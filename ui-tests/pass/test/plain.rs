//! Tests are tests, with the usual attributes.

#![deny(warnings)]

#[tractor::test]
async fn works() -> tractor::Result<()> {
    Ok(())
}

#[tractor::test(flavor = "multi_thread", worker_threads = 2)]
#[should_panic(expected = "no")]
#[ignore = "only compiled here"]
async fn panics() {
    panic!("no");
}
