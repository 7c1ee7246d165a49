//! No failure is lost on its way through the tree, and a failure ends everything beside it.
//!
//! * An error of a grandchild arrives with its type, its text and the path it took.
//! * A panic also arrives, with its message and place.
//! * The first failure in a nursery cancels the other actors in it, and the nursery returns this failure.
//!
//! Run it with `cargo run --example remote_error_propagation`. The panic message on standard error is part of the
//! demonstration.

#![allow(clippy::print_stdout, reason = "printing is what an example is for")]

use std::fmt;

use tractor::error::RemoteKind;

/// Any error type will do.
#[derive(Debug)]
struct OutOfStock {
    item: String,
}

impl fmt::Display for OutOfStock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "there is no {} left", self.item)
    }
}

impl std::error::Error for OutOfStock {}

#[tractor::actor_fn]
async fn pick(item: String) -> Result<u32, OutOfStock> {
    Err(OutOfStock { item })
}

/// Calls an actor of its own and passes its error on.
#[tractor::actor_fn]
async fn order(item: String) -> tractor::Result<u32> {
    tractor::open_nursery(async |an| {
        let warehouse = an.start_actor("warehouse").expose(pick).await?;
        warehouse.run(pick(item)).await
    })
    .await
}

#[tractor::actor_fn]
async fn share(amount: u32, among: u32) -> u32 {
    assert!(among > 0, "{amount} cannot be shared among nobody");
    amount / among
}

#[tractor::actor_fn]
async fn work_for_ever() {
    std::future::pending().await
}

async fn error_of_a_grandchild() {
    let error = tractor::open_nursery(async |an| {
        let shop = an.start_actor("shop").expose(order).await?;
        shop.run(order("tea".to_owned())).await
    })
    .await
    .expect_err("the warehouse is empty");
    let remote = error.as_remote().expect("the error is remote");
    let path: Vec<_> = remote.relay_path().iter().map(|actor| actor.name()).collect();
    println!("error:   {error}");
    println!("         a `{}` that came through {}", remote.src_type(), path.join(" -> "));
    assert_eq!((remote.src_type(), remote.message()), ("OutOfStock", "there is no tea left"));
    assert_eq!((remote.src_uid().name(), path), ("warehouse", vec!["warehouse", "shop"]));
}

async fn panic_of_a_child() -> tractor::Result<()> {
    tractor::open_nursery(async |an| {
        let worker = an.start_actor("worker").expose(share).await?;
        let error = worker.run(share(7, 0)).await.expect_err("it panics");
        let remote = error.as_remote().expect("the error is remote");
        println!("panic:   {error}");
        assert_eq!((remote.kind(), remote.message()), (RemoteKind::Panic, "7 cannot be shared among nobody"));
        assert!(remote.trace().contains("remote_error_propagation.rs"));
        // Only the task has ended; the actor still runs.
        assert_eq!(worker.run(share(7, 2)).await?, 3);
        worker.cancel_actor().await?;
        Ok(())
    })
    .await
}

async fn end_of_the_siblings() {
    let mut siblings = Vec::new();
    let error = tractor::open_nursery(async |an| -> tractor::Result<()> {
        for name in ["left", "right"] {
            siblings.push(an.run_in_actor(work_for_ever()).name(name).await?);
        }
        an.run_in_actor(share(1, 0)).name("middle").await?;
        std::future::pending().await // dropped here, when `middle` fails
    })
    .await
    .expect_err("one of the three fails");
    println!("nursery: {error}");
    assert_eq!(error.as_remote().map(|remote| remote.src_uid().name()), Some("middle"));
    for sibling in siblings {
        let end = sibling.wait_for_result().await.expect_err("it was cancelled");
        println!("sibling: {end}");
        assert!(end.is_cancelled());
    }
}

#[tractor::main]
async fn main() -> tractor::Result<()> {
    error_of_a_grandchild().await;
    panic_of_a_child().await?;
    end_of_the_siblings().await;
    Ok(())
}
