//! Only annotated functions can be exposed.

use tractor::ActorNursery;

async fn add(a: i64, b: i64) -> i64 {
    a + b
}

fn now() -> u64 {
    1
}

async fn start(nursery: &ActorNursery) -> tractor::Result<()> {
    nursery.start_actor("worker").expose(add).await?;
    nursery.start_actor("clock").expose(now).await?;
    Ok(())
}

fn main() {}
