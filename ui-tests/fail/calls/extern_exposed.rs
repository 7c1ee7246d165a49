//! A function of another program cannot be exposed by this one, nor run in a child of it.

use tractor::ActorNursery;

#[tractor::actor_fn(extern, module = "images.service")]
async fn ping(n: i64) -> i64;

async fn start(an: &ActorNursery) -> tractor::Result<()> {
    an.start_actor("worker").expose(ping).await?;
    an.run_in_actor(ping(1)).await?;
    Ok(())
}

fn main() {}
