//! Returned values are serde types, also inside a `Result`.

struct Handle;

#[tractor::actor_fn]
async fn open() -> tractor::Result<Handle> {
    Ok(Handle)
}

fn main() {}
