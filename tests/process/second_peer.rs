//! A peer in another language, written from `PROTOCOL.md` alone, talks to an actor.

use std::future::pending;
use std::io::ErrorKind;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use support::Spoiled;
use tokio::process::Command;
use tractor::ActorOptions;
use tractor::prelude::*;

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/process/second_peer.py");
/// Far longer than an ended dialog stays in its table.
const SOON: Duration = Duration::from_secs(10);

#[tractor::actor_fn]
async fn add(a: i64, b: i64) -> i64 {
    a + b
}

#[tractor::actor_fn]
async fn fails(text: String) -> Result<(), Spoiled> {
    support::spoiled(&text)
}

#[tractor::stream]
async fn texts(out: StreamSender<String>, count: usize, length: usize) -> tractor::Result<()> {
    for _ in 0..count {
        out.send("x".repeat(length)).await?;
    }
    Ok(())
}

/// Answers each text with its length, and returns the count of texts.
#[tractor::context(started = usize, send = usize, recv = String)]
async fn measures(ctx: Context<usize, usize, String>, unit: usize) -> tractor::Result<usize> {
    let ctx = ctx.started(unit).await?;
    let mut stream = ctx.open_stream();
    let mut came = 0;
    while let Some(text) = stream.receive().await? {
        came += 1;
        stream.send(text.len() / unit).await?;
    }
    Ok(came)
}

/// Running calls of `waits`.
static WAITING: AtomicUsize = AtomicUsize::new(0);

struct Waiting;

impl Drop for Waiting {
    fn drop(&mut self) {
        WAITING.fetch_sub(1, Ordering::Relaxed);
    }
}

#[tractor::actor_fn]
async fn waits() {
    WAITING.fetch_add(1, Ordering::Relaxed);
    let _waiting = Waiting;
    pending().await
}

/// Waits until no call of `waits` runs and no other dialog is open, for a while. Returns both counts.
#[tractor::context(started = (usize, usize))]
async fn left_open(ctx: Context<(usize, usize), (), ()>) -> tractor::Result<()> {
    let portal = ctx.portal();
    let counts = || (WAITING.load(Ordering::Relaxed), portal.dialogs_open() - 1);
    // A dialog that has just ended may still be counted, and a request is counted from its first wait on.
    tokio::task::yield_now().await;
    let _elapsed = tokio::time::timeout(SOON, support::until(|| counts() == (0, 0))).await;
    ctx.started(counts()).await?;
    Ok(())
}

const PRINTED: &str = "\
actor: root
call: 42
error: Spoiled no luck
stream: 40 values, 800000 bytes
started: 1000
answers: 60 61 62 63 64 65 66 67
result: 8
cancelled: ContextCancelled by this peer
acknowledged: True
left open: [0, 0]
";

#[tractor::test]
async fn a_peer_written_from_the_page_goes_through_every_kind_of_dialog() {
    let addr = tractor::socket_addr("second-peer").expect("a short name");
    let path = addr.uds_path().expect("it is a socket");
    let options = ActorOptions::new().bind(addr.clone()).enable_module(module_path!());
    let scope = support::in_root_with(options, async |_| {
        for extensions in [&[][..], &["credit"]] {
            let mut script = Command::new("python3");
            script.arg(SCRIPT).arg(&path).arg(module_path!()).args(extensions).kill_on_drop(true);
            let output = match script.output().await {
                Err(error) if error.kind() == ErrorKind::NotFound => {
                    eprintln!("there is no python3: nothing was tested");
                    return Ok(());
                }
                output => output.expect("the script runs"),
            };
            let printed = String::from_utf8_lossy(&output.stdout);
            let errors = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "{extensions:?}: {printed}{errors}");
            assert_eq!(printed, PRINTED, "{extensions:?}: {errors}");
        }
        Ok(())
    });
    scope.await.expect("the actor ends well");
}
