//! The smallest program: start a child process, call a function in it, end it.
//!
//! Run it with `cargo run --example hello`.

#![allow(clippy::print_stdout, reason = "printing is what an example is for")]

use tractor::prelude::*;

/// Runs in the actor that is asked to run it.
#[tractor::actor_fn]
async fn greet(name: String) -> String {
    format!("hello {name}, this is process {}", std::process::id())
}

async fn ask(worker: &Portal) -> tractor::Result<()> {
    println!("{}", greet("here".to_owned()).await); // awaited: runs here
    println!("{}", worker.run(greet("there".to_owned())).await?); // handed to a portal: runs there
    Ok(())
}

#[tractor::main]
async fn main() -> tractor::Result<()> {
    tractor::open_nursery(async |an| {
        let worker = an.start_actor("worker").expose(greet).await?;
        ask(&worker).await?;
        worker.cancel_actor().await?;
        Ok(())
    })
    .await
}
