//! The endpoints of the actor under test, and the events of their tasks.

use std::collections::HashMap;
use std::sync::{LazyLock, Mutex, PoisonError, mpsc as blocking};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;
use tokio::sync::mpsc;
use tractor::Overflow;
use tractor::prelude::*;

use super::step;

/// The module to enable.
pub(crate) const MODULE: &str = module_path!();

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Point {
    pub(crate) x: i64,
    pub(crate) y: i64,
}

#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Oops(String);

#[tractor::actor_fn]
pub(crate) async fn echo(value: i64) -> i64 {
    value
}

#[tractor::actor_fn]
pub(crate) async fn same(value: tractor::Value) -> tractor::Value {
    value
}

#[tractor::actor_fn]
pub(crate) async fn mirrored(point: Point) -> Point {
    Point { x: point.y, y: point.x }
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind")]
pub(crate) enum Turn {
    By { x: i64, y: i64 },
}

#[tractor::actor_fn]
pub(crate) async fn turned(turn: Turn) -> Turn {
    let Turn::By { x, y } = turn;
    Turn::By { x: y, y: x }
}

/// A value without `a` has names.
#[derive(Serialize, Deserialize)]
pub(crate) struct Sparse {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    a: Option<u8>,
    b: u8,
}

#[tractor::actor_fn]
pub(crate) async fn sparse(sparse: Sparse) -> Sparse {
    sparse
}

#[tractor::actor_fn]
pub(crate) async fn has_deadline() -> bool {
    tractor::current_deadline().is_some()
}

#[tractor::actor_fn]
pub(crate) async fn fails(text: String) -> Result<i64, Oops> {
    Err(Oops(text))
}

/// An error with the name `ValueError` in other actors.
#[derive(Debug, Serialize, thiserror::Error)]
#[error("{0} is bad")]
pub(crate) struct Bad(i64);

impl tractor::error::WireName for Bad {
    const NAME: &'static str = "ValueError";
}

#[tractor::actor_fn]
pub(crate) async fn refuses(value: i64) -> Result<i64, Bad> {
    Err(Bad(value))
}

#[tractor::actor_fn]
pub(crate) async fn panics() -> i64 {
    panic!("on purpose")
}

/// Runs until it is dropped; the test that watches `key` is notified.
#[tractor::actor_fn]
pub(crate) async fn holds(key: String) -> i64 {
    let _guard = Guard::new(key);
    std::future::pending().await
}

/// Like `holds`, but its destructor blocks until the test opens the gate.
#[tractor::actor_fn]
pub(crate) async fn holds_on(key: String) -> i64 {
    let _slow = SlowDrop(key.clone());
    tell(&key, "started");
    std::future::pending().await
}

#[tractor::context(pld_spec = i64)]
pub(crate) async fn holds_open(ctx: Context<i64>, key: String) -> tractor::Result<i64> {
    let _guard = Guard::new(key);
    let _ctx = ctx.started(0).await?;
    std::future::pending().await
}

/// Sends back each value doubled, and returns the count of values.
#[tractor::context(pld_spec = i64)]
pub(crate) async fn doubles(ctx: Context<i64>) -> tractor::Result<i64> {
    let ctx = ctx.started(0).await?;
    let mut stream = ctx.open_stream();
    let mut got = 0;
    while let Some(n) = stream.receive().await? {
        got += 1;
        stream.send(2 * n).await?;
    }
    Ok(got)
}

/// Receives `after` values, ends its half, and receives the rest; returns the sum.
#[tractor::context(pld_spec = i64)]
pub(crate) async fn finishes(ctx: Context<i64>, after: i64) -> tractor::Result<i64> {
    let ctx = ctx.started(0).await?;
    let mut stream = ctx.open_stream();
    let mut sum = 0;
    for _ in 0..after {
        sum += stream.receive().await?.unwrap_or_default();
    }
    stream.finish();
    while let Some(n) = stream.receive().await? {
        sum += n;
    }
    Ok(sum)
}

/// Opens a stream, reads it only after the test has opened the gate, and returns the sum.
#[tractor::context(pld_spec = i64)]
pub(crate) async fn reads_late(ctx: Context<i64>, key: String) -> tractor::Result<i64> {
    let mut gate = gate(&key);
    let ctx = ctx.started(0).await?;
    let mut stream = ctx.open_stream();
    gate.recv().await.expect("the test holds the key");
    let mut sum = 0;
    while let Some(n) = stream.receive().await? {
        sum += n;
    }
    Ok(sum)
}

/// Like `reads_late`, but refuses values when its inbox is full.
#[tractor::context(pld_spec = i64)]
pub(crate) async fn reads_refusing(ctx: Context<i64>, key: String) -> tractor::Result<i64> {
    let mut gate = gate(&key);
    let ctx = ctx.started(0).await?;
    let mut stream = ctx.open_stream_with(Overflow::Error);
    gate.recv().await.expect("the test holds the key");
    let mut got = 0;
    loop {
        match stream.receive().await {
            Ok(Some(_)) => got += 1,
            Ok(None) => return Ok(got),
            Err(error) => {
                tell(&key, if got == 64 { "read all" } else { "read too few" });
                return Err(error);
            }
        }
    }
}

/// Like `reads_late`, but keeps the newest values only.
#[tractor::context(pld_spec = i64)]
pub(crate) async fn reads_newest(ctx: Context<i64>, key: String) -> tractor::Result<i64> {
    let mut gate = gate(&key);
    let ctx = ctx.started(0).await?;
    let mut stream = ctx.open_stream_with(Overflow::DropOldest);
    gate.recv().await.expect("the test holds the key");
    let mut sum = 0;
    while let Some(n) = stream.receive().await? {
        sum += n;
    }
    Ok(sum)
}

/// Reads inside of a shield until the stream ends, and returns the count of values.
#[tractor::context(pld_spec = i64)]
pub(crate) async fn reads_shielded(ctx: Context<i64>, key: String) -> tractor::Result<i64> {
    let _guard = Guard::new(key);
    let ctx = ctx.started(0).await?;
    let mut stream = ctx.open_stream();
    let mut got = 0;
    tractor::shield(async {
        while stream.receive().await?.is_some() {
            got += 1;
        }
        Ok(got)
    })
    .await
}

#[tractor::context(pld_spec = i64)]
pub(crate) async fn returns_unstarted(_ctx: Context<i64>) -> i64 {
    7
}

#[tractor::context(pld_spec = i64)]
pub(crate) async fn dialogs_open(ctx: Context<i64>) -> tractor::Result<i64> {
    // A request is counted from its first wait on.
    tokio::task::yield_now().await;
    let open = i64::try_from(ctx.portal().dialogs_open()).unwrap_or(i64::MAX);
    ctx.started(open).await?;
    Ok(open)
}

/// Calls `echo` in the actor that opened this, over the same connection.
#[tractor::context(pld_spec = i64)]
pub(crate) async fn calls_back(ctx: Context<i64>) -> tractor::Result<i64> {
    let portal = ctx.portal();
    let _ctx = ctx.started(0).await?;
    portal.run(echo(5)).await
}

#[tractor::stream]
pub(crate) async fn counts(out: StreamSender<i64>, to: i64) -> tractor::Result<()> {
    for n in 0..to {
        out.send(n).await?;
    }
    Ok(())
}

/// Streams nothing, and runs until it is dropped.
#[tractor::stream]
pub(crate) async fn holds_stream(out: StreamSender<i64>, key: String) -> tractor::Result<()> {
    let _guard = Guard::new(key);
    let _out = out;
    std::future::pending().await
}

// ---- events for tests --------------------------------------------------------------------------------------------

static WATCHED: LazyLock<Mutex<HashMap<String, mpsc::UnboundedSender<&'static str>>>> =
    LazyLock::new(Mutex::default);
static GATES: LazyLock<Mutex<HashMap<String, mpsc::UnboundedReceiver<()>>>> = LazyLock::new(Mutex::default);
static SLOW: LazyLock<Mutex<HashMap<String, blocking::Receiver<()>>>> = LazyLock::new(Mutex::default);

/// The events of the task with one key.
pub(crate) struct Watch(mpsc::UnboundedReceiver<&'static str>);

pub(crate) fn watch(key: &str) -> Watch {
    let (tx, rx) = mpsc::unbounded_channel();
    let before = WATCHED.lock().unwrap_or_else(PoisonError::into_inner).insert(key.to_owned(), tx);
    assert!(before.is_none(), "{key} is watched twice");
    Watch(rx)
}

impl Watch {
    pub(crate) async fn expect(&mut self, event: &'static str) {
        assert_eq!(step(event, self.0.recv()).await, Some(event));
    }

    /// Waits until as many tasks were dropped as were started, and counts both.
    pub(crate) async fn balance(&mut self) -> (u32, u32) {
        let (mut started, mut dropped) = (0, 0);
        loop {
            let event = match self.0.try_recv() {
                Ok(event) => event,
                Err(_empty) if started == dropped => return (started, dropped),
                Err(_empty) => self.0.recv().await.expect("a watch is never closed"),
            };
            if event == "started" { started += 1 } else { dropped += 1 }
        }
    }

    /// Whether nothing has happened.
    pub(crate) fn is_quiet(&mut self) -> bool {
        self.0.try_recv().is_err()
    }
}

fn tell(key: &str, event: &'static str) {
    if let Some(tx) = WATCHED.lock().unwrap_or_else(PoisonError::into_inner).get(key) {
        // Fails if the test has ended.
        _ = tx.send(event);
    }
}

/// The key to a gate at which an endpoint waits.
pub(crate) fn lock_gate(key: &str) -> mpsc::UnboundedSender<()> {
    let (tx, rx) = mpsc::unbounded_channel();
    GATES.lock().unwrap_or_else(PoisonError::into_inner).insert(key.to_owned(), rx);
    tx
}

fn gate(key: &str) -> mpsc::UnboundedReceiver<()> {
    GATES.lock().unwrap_or_else(PoisonError::into_inner).remove(key).expect("the test made the gate")
}

/// The key to a gate at which a destructor blocks its thread.
pub(crate) fn lock_slow_drop(key: &str) -> blocking::Sender<()> {
    let (tx, rx) = blocking::channel();
    SLOW.lock().unwrap_or_else(PoisonError::into_inner).insert(key.to_owned(), rx);
    tx
}

/// Reports a task's start and end.
struct Guard(String);

impl Guard {
    fn new(key: String) -> Self {
        tell(&key, "started");
        Self(key)
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        tell(&self.0, "dropped");
    }
}

struct SlowDrop(String);

impl Drop for SlowDrop {
    fn drop(&mut self) {
        let gate = SLOW.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.0);
        tell(&self.0, "dropping");
        if let Some(gate) = gate {
            // The wait is bounded, so that a failing test ends.
            _ = gate.recv_timeout(Duration::from_secs(20));
        }
        tell(&self.0, "dropped");
    }
}

// ---- endpoints that call on ---------------------------------------------------------------------------------------

#[tractor::actor_fn]
pub(crate) async fn addresses() -> Vec<String> {
    tractor::current_actor().addrs().iter().map(ToString::to_string).collect()
}

#[tractor::actor_fn]
pub(crate) async fn process() -> u32 {
    std::process::id()
}

/// Connects to another actor and calls `process` there.
#[tractor::actor_fn]
pub(crate) async fn asks(addr: String) -> tractor::Result<u32> {
    let addr = addr.parse().expect("the test passes on what an actor has said");
    tractor::connect(&addr, async |portal| portal.run(process()).await).await
}

// ---- endpoints that fill their actor's memory ----------------------------------------------------------------------

#[tractor::actor_fn]
pub(crate) async fn waiting_bytes() -> usize {
    tractor::current_actor().waiting_bytes()
}

#[tractor::actor_fn]
pub(crate) async fn blob(bytes: usize) -> ByteBuf {
    ByteBuf::from(vec![7; bytes])
}

#[tractor::actor_fn]
pub(crate) async fn length(data: ByteBuf) -> usize {
    data.len()
}

/// Runs until it is dropped, and keeps its argument.
#[tractor::actor_fn]
pub(crate) async fn keeps(data: ByteBuf) -> usize {
    std::future::pending::<()>().await;
    data.len()
}

/// Opens its stream and reads nothing.
#[tractor::context(pld_spec = i64)]
pub(crate) async fn never_reads(ctx: Context<i64>) -> tractor::Result<i64> {
    let ctx = ctx.started(0).await?;
    let _stream = ctx.open_stream();
    std::future::pending().await
}

/// Opens a stream that buffers everything, and reads nothing.
#[tractor::context(pld_spec = ByteBuf, started = i64, returns = i64)]
pub(crate) async fn buffers_all(ctx: Context<i64, ByteBuf>) -> tractor::Result<i64> {
    let ctx = ctx.started(0).await?;
    let _stream = ctx.open_stream_with(Overflow::Buffer);
    std::future::pending().await
}
