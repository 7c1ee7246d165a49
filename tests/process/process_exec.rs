//! An actor that becomes another program ends with its tree and with the processes that it has started, and leaves no
//! zombie.

use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::time::Duration;

use rustix::process::Signal;
use tractor::Error;
use tractor::prelude::*;

use crate::process_support::endpoints::process;
use crate::process_support::{bounded, eventually, pid_of, signal, state};

/// Longer than any test.
const FOR_LONG: &str = "313";
const BECOMES: Duration = Duration::from_secs(5);

fn sleeps() -> Command {
    let mut command = Command::new("sleep");
    command.arg(FOR_LONG).stdin(Stdio::null());
    command
}

/// Sends the pids of this actor, an actor below it and a program, then becomes a program itself.
#[tractor::context(started = Vec<u32>)]
async fn becomes(ctx: Context<Vec<u32>, (), ()>) -> tractor::Result<()> {
    tractor::open_nursery(async |an| -> tractor::Result<()> {
        let below = an.start_actor("below").expose(process).await?;
        let program = sleeps().spawn().expect("it is installed").id();
        let _ctx = ctx.started(vec![std::process::id(), pid_of(&below), program]).await?;
        tokio::time::sleep(Duration::from_millis(50)).await;
        panic!("{}", sleeps().exec());
    })
    .await
}

/// Sends its pid, and those that the actor below sends, which becomes a program.
#[tractor::context(started = Vec<u32>)]
async fn is_above(ctx: Context<Vec<u32>, (), ()>) -> tractor::Result<()> {
    tractor::open_nursery(async |an| -> tractor::Result<()> {
        let worker = an.start_actor("worker").expose(becomes).await?;
        worker
            .open_context(becomes(), async |_ctx, mut pids| -> tractor::Result<()> {
                pids.insert(0, std::process::id());
                let _ctx = ctx.started(pids).await?;
                std::future::pending().await
            })
            .await
    })
    .await
}

async fn has_become_a_program(pid: u32) {
    let comm = || std::fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
    eventually("it becomes a program", BECOMES, || comm().trim() == "sleep").await;
}

/// Waits until the processes are gone, even as zombies.
#[track_caller]
fn nothing_is_left(pids: &[u32]) {
    let left: Vec<_> = pids.iter().filter_map(|pid| Some((*pid, state(*pid)?))).collect();
    assert_eq!(left, []);
}

#[tractor::test]
async fn an_actor_that_became_a_program_ends_with_the_actors_below() {
    let mut pids = Vec::new();
    let result = bounded(tractor::open_nursery(async |an| -> tractor::Result<()> {
        let worker = an.start_actor("worker").expose(becomes).await?;
        worker
            .open_context(becomes(), async |_ctx, started| {
                pids = started;
                std::future::pending().await
            })
            .await
    }))
    .await;
    assert!(matches!(result, Err(Error::Died(_))), "{result:?}");
    assert_eq!(pids.len(), 3);
    nothing_is_left(&pids);
}

#[tractor::test]
async fn an_actor_that_became_a_program_ends_with_the_actor_above() {
    let mut pids = Vec::new();
    let result = bounded(tractor::open_nursery(async |an| -> tractor::Result<()> {
        let middle = an.start_actor("middle").expose(is_above).await?;
        middle
            .open_context(is_above(), async |_ctx, started| {
                pids = started;
                has_become_a_program(pids[1]).await;
                signal(pids[0], Signal::KILL);
                std::future::pending().await
            })
            .await
    }))
    .await;
    assert!(matches!(result, Err(Error::Died(_))), "{result:?}");
    assert_eq!(pids.len(), 4);
    nothing_is_left(&pids);
}
