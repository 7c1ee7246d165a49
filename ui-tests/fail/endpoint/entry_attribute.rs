//! An endpoint cannot be an entry point, not even one of another runtime.

#[tractor::actor_fn]
#[tokio::main]
async fn add(a: i64, b: i64) -> i64 {
    a + b
}

#[tractor::stream]
#[tokio::test]
async fn ticks(_out: tractor::StreamSender<u8>) {}

fn main() {}
