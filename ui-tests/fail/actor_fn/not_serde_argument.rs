//! Arguments are serde types.

struct Handle;

#[tractor::actor_fn]
async fn take(count: u8, handle: Handle) -> u8 {
    let _ = handle;
    count
}

fn main() {}
