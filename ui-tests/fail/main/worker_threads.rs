//! Worker threads need the multi-thread runtime, and are at least one.

#[tractor::main(flavor = "current_thread", worker_threads = 2)]
async fn main() {
    zero();
}

#[tractor::main(worker_threads = 0)]
async fn zero() {}
