//! An endpoint is exposed by its name, not by a call.

use tractor::ActorNursery;

#[tractor::actor_fn]
async fn add(a: i64, b: i64) -> i64 {
    a + b
}

async fn start(nursery: &ActorNursery) -> tractor::Result<()> {
    nursery.start_actor("worker").expose(add(1, 2)).await?;
    Ok(())
}

fn main() {}
