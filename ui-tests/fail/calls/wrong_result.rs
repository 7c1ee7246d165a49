//! The result of a call has the type the function returns.

use tractor::Portal;

#[tractor::actor_fn]
async fn add(a: i64, b: i64) -> i64 {
    a + b
}

async fn run(portal: &Portal) -> tractor::Result<()> {
    let _sum: String = portal.run(add(1, 2)).await?;
    Ok(())
}

fn main() {}
