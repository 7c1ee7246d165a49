//! A one-shot actor runs only endpoints.

use tractor::ActorNursery;

async fn add(a: i64, b: i64) -> i64 {
    a + b
}

async fn run(nursery: &ActorNursery) -> tractor::Result<()> {
    let _result = nursery.run_in_actor(add(1, 2)).await?;
    Ok(())
}

fn main() {}
