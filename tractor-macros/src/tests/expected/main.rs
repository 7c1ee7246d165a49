//! The expansion of `#[main]`.

fn main() {
    async fn main() {
        run().await
    }
    ::tractor::__private::run_main(
        ::tractor::__private::RuntimeOptions {
            setup: || {},
            multi_thread: true,
            worker_threads: ::core::option::Option::None,
        },
        main,
    )
}
