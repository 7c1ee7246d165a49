//! The expansion of `#[test(flavor = "multi_thread", worker_threads = 2)]`.

#[ignore = "slow"]
#[::core::prelude::v1::test]
fn works() -> Result<()> {
    async fn works() -> Result<()> {
        Ok(())
    }
    ::tractor::__private::run_test(
        ::tractor::__private::RuntimeOptions {
            setup: || {},
            multi_thread: true,
            worker_threads: ::core::option::Option::Some(2usize),
        },
        ::core::concat!(::core::module_path!(), "::", "works"),
        works,
    )
}
