//! Actors that stop answering in various ways, and actors that are only slow.

#![allow(unreachable_pub, reason = "a private module of the test binary")]

use std::path::PathBuf;
use std::time::{Duration, Instant};

use rustix::process::{Signal, getpgid, getpid, getppid, kill_process, setpgid};
use support::processes::{pid_of, process};
use support::{forever, start, until};
use tractor::{ActorOptions, Context, Error, Portal, Result, Timeouts};

/// The module of these endpoints.
pub const MODULE: &str = module_path!();

/// The ways in which a child stops answering.
pub const WAYS: [&str; 5] = ["spins", "blocks", "stops", "leaves its group", "ignores SIGTERM"];
/// The time limit of each step of the ladder in these tests.
pub const RUNG: Duration = Duration::from_millis(150);
/// Far more than all steps together.
pub const BOUND: Duration = Duration::from_secs(20);

/// Answers nothing from now on.
#[tractor::context(started = ())]
pub async fn falls_silent(ctx: Context<(), (), ()>, how: String) -> tractor::Result<()> {
    let _ctx = ctx.started(()).await?;
    tokio::time::sleep(Duration::from_millis(1)).await; // the first value leaves
    fall_silent(&how)
}

/// The file that a child makes when it stops answering. The pid alone is not unique: the file of an earlier process may
/// be left.
fn mark(pid: i32) -> PathBuf {
    let begun = process(pid).expect("it was not waited for").begun;
    std::env::temp_dir().join(format!("tractor-silent-{pid}-{begun}"))
}

/// Waits until a child has stopped answering.
pub async fn has_fallen_silent(portal: &Portal, how: &str) {
    let pid = pid_of(portal);
    let mark = mark(pid);
    until(|| std::fs::remove_file(&mark).is_ok()).await;
    if how == "stops" {
        until(|| process(pid).is_some_and(|process| process.is_stopped())).await;
    }
}

fn fall_silent(how: &str) -> ! {
    let mark = || {
        std::fs::write(mark(std::process::id().cast_signed()), "")
            .expect("the temporary directory is writable");
    };
    match how {
        "leaves its group" => {
            let parent = getpgid(getppid()).expect("the process lives");
            setpgid(None, Some(parent)).expect("it is in our session");
        }
        "stops" => {
            mark();
            kill_process(getpid(), Signal::STOP).expect("a process may signal itself");
        }
        "ignores SIGTERM" => {
            let handler = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate());
            std::mem::forget(handler.expect("a handler can be set"));
        }
        _ => {}
    }
    mark();
    loop {
        if how == "spins" {
            std::hint::spin_loop();
        } else {
            std::thread::park();
        }
    }
}

/// Blocks the thread of its actor for a while.
#[tractor::actor_fn]
pub async fn computes(millis: u64) -> u64 {
    let end = Instant::now() + Duration::from_millis(millis);
    while Instant::now() < end {
        std::hint::spin_loop();
    }
    millis
}

#[tractor::actor_fn]
pub async fn idles() {
    forever().await;
}

#[tractor::actor_fn]
pub async fn id() -> u32 {
    std::process::id()
}

#[tractor::actor_fn]
pub async fn address() -> String {
    tractor::current_actor().addrs()[0].to_string()
}

/// Ends slowly, while its actor answers.
#[tractor::context(started = ())]
pub async fn cleans_up(ctx: Context<(), (), ()>, millis: u64) -> tractor::Result<()> {
    let ctx = ctx.started(()).await?;
    ctx.cancelled().await;
    tractor::shield(tokio::time::sleep(Duration::from_millis(millis))).await;
    support::journal::note("clean");
    Ok(())
}

/// Returns, and leaves a callback that never returns.
#[tractor::actor_fn]
pub async fn never_exits() {
    let hangs = || loop {
        std::thread::park();
    };
    assert!(tractor::current_actor().on_exit(hangs).is_ok(), "the actor runs");
}

/// Keeps an actor below this one that answers nothing.
#[tractor::context(started = ())]
pub async fn keeps_a_silent_one(ctx: Context<(), (), ()>, name: String) -> tractor::Result<()> {
    tractor::open_nursery(async |an| {
        let below = start(an, name, MODULE).await?;
        let (_, dialog) = silenced(&below, "spins", async move || {
            _ = ctx.started(()).await?;
            forever().await;
            Ok::<_, Error>(())
        })
        .await;
        Err(dialog)
    })
    .await
}

/// Ends the actor at this address.
#[tractor::actor_fn]
pub async fn asks_to_end(addr: String) -> tractor::Result<()> {
    let addr = addr.parse().expect("`address` made it");
    tractor::connect(&addr, async |guest| guest.cancel_actor().await.map(drop)).await
}

pub fn hasty() -> Timeouts {
    Timeouts::default().actor_cancel(RUNG).nursery_cancel(RUNG).terminate(RUNG)
}

pub fn with(timeouts: Timeouts) -> ActorOptions {
    ActorOptions::new().timeouts(timeouts)
}

/// Makes a child stop answering in this way, and runs the body while a dialog with it is open. Returns both results.
pub async fn silenced<T>(portal: &Portal, how: &str, body: impl AsyncFnOnce() -> T) -> (T, Error) {
    let (asleep, fallen) = tokio::sync::oneshot::channel();
    let dialog = portal.open_context(falls_silent(how.to_owned()), async |_, ()| -> Result<()> {
        asleep.send(()).expect("the receiver waits");
        forever().await;
        Ok(())
    });
    let body = async {
        fallen.await.expect("it starts");
        has_fallen_silent(portal, how).await;
        body().await
    };
    let (dialog, value) = tokio::join!(dialog, body);
    (value, dialog.expect_err("the dialog itself was not cancelled"))
}
