//! Actors are processes, and they live and die as a tree: the root crashes, and nothing is left.
//!
//! Two chains of daemons print their names; then the root panics on purpose while they run, and exits with the code of
//! a panic. With `--wait` the root waits to be killed instead; then nothing is left either:
//!
//! ```sh
//! cargo run --example we_are_processes
//! target/debug/examples/we_are_processes --wait & sleep 1; kill -9 $!; sleep 1; pgrep -a _subactor
//! ```

#![allow(clippy::print_stdout, reason = "printing is what an example is for")]

use std::future::pending;

use tractor::prelude::*;

const BELOW: u32 = 2;

fn introduce() {
    // One write per line: standard output is line-buffered.
    println!("actor {} pid {}", tractor::current_actor().name(), std::process::id());
}

/// Prints its name, starts the daemons below it, and never ends by itself. It reports its start when the daemons below
/// it have started.
#[tractor::context(started = ())]
async fn daemon(ctx: Context<()>, below: u32) -> tractor::Result<()> {
    introduce();
    if below == 0 {
        ctx.started(()).await?;
        return pending().await;
    }
    tractor::open_nursery(async |an| {
        let name = format!("{}_{below}", tractor::current_actor().name());
        let next = an.start_actor(name).expose(daemon).await?;
        next.open_context(daemon(below - 1), async |_, ()| {
            ctx.started(()).await?;
            pending().await
        })
        .await
    })
    .await
}

#[tractor::main]
async fn main() -> tractor::Result<()> {
    let wait = std::env::args().any(|arg| arg == "--wait");
    tractor::open_nursery(async |an| {
        introduce();
        let left = an.start_actor("left").expose(daemon).await?;
        let right = an.start_actor("right").expose(daemon).await?;
        left.open_context(daemon(BELOW), async |_, ()| {
            right
                .open_context(daemon(BELOW), async |_, ()| -> tractor::Result<()> {
                    if wait {
                        pending().await
                    }
                    panic!("this process tree destroys itself")
                })
                .await
        })
        .await
    })
    .await
}
