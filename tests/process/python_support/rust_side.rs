//! Endpoints that Python actors call.

use std::future::pending;
use std::sync::Mutex;

use tractor::error::WireName;
use tractor::prelude::*;
use tractor::{DynCall, Value};

pub(crate) const MODULE: &str = "rust_side";

/// The endpoints that were cancelled in this process, in order.
static ENDED: Mutex<Vec<&str>> = Mutex::new(Vec::new());

struct Ended(&'static str);

impl Drop for Ended {
    fn drop(&mut self) {
        ENDED.lock().expect("the lock is not poisoned").push(self.0);
    }
}

#[tractor::actor_fn(module = "rust_side")]
pub(crate) async fn echo(n: i64) -> i64 {
    n
}

#[tractor::actor_fn(module = "rust_side")]
pub(crate) async fn same(value: Value) -> Value {
    value
}

/// An error with a name that Python knows, and therefore keeps when it passes the failure on.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Failure(String);

impl WireName for Failure {
    const NAME: &'static str = "ValueError";
}

#[tractor::actor_fn(module = "rust_side")]
pub(crate) async fn fails(text: String) -> Result<(), Failure> {
    Err(Failure(text))
}

#[tractor::actor_fn(module = "rust_side")]
pub(crate) async fn panics() {
    panic!("on purpose")
}

#[tractor::actor_fn(module = "rust_side")]
pub(crate) async fn wrong() -> String {
    "no number".to_owned()
}

#[tractor::actor_fn(module = "rust_side")]
pub(crate) async fn hangs() {
    let _ended = Ended("function");
    pending().await
}

/// Waits until an endpoint was cancelled, and returns all cancelled endpoints.
#[tractor::actor_fn(module = "rust_side")]
pub(crate) async fn ended() -> Vec<String> {
    support::until(|| !ENDED.lock().expect("the lock is not poisoned").is_empty()).await;
    ENDED.lock().expect("the lock is not poisoned").drain(..).map(str::to_owned).collect()
}

#[tractor::stream(module = "rust_side")]
pub(crate) async fn counts(out: StreamSender<i64>, n: i64) -> tractor::Result<()> {
    let _ended = Ended("stream");
    for i in 0..n {
        out.send(i).await?;
        tokio::task::yield_now().await;
    }
    Ok(())
}

#[tractor::context(module = "rust_side", pld_spec = i64)]
pub(crate) async fn doubler(ctx: Context<i64>) -> tractor::Result<i64> {
    let ctx = ctx.started(0).await?;
    let mut stream = ctx.open_stream();
    let mut seen = 0;
    while let Some(n) = stream.receive().await? {
        seen += 1;
        stream.send(n * 2).await?;
    }
    Ok(seen)
}

#[tractor::context(module = "rust_side", pld_spec = i64)]
pub(crate) async fn holds(ctx: Context<i64>) -> tractor::Result<i64> {
    let _ended = Ended("context");
    let _ctx = ctx.started(0).await?;
    pending().await
}

#[tractor::context(module = "rust_side", pld_spec = i64)]
pub(crate) async fn fails_later(ctx: Context<i64>, text: String) -> Result<i64, Failure> {
    let ctx = ctx.started(0).await.expect("it is open");
    let _first = ctx.open_stream().receive().await;
    Err(Failure(text))
}

#[tractor::context(module = "rust_side", pld_spec = i64)]
pub(crate) async fn cancels_itself(ctx: Context<i64>) -> tractor::Result<i64> {
    let ctx = ctx.started(0).await?;
    ctx.cancel();
    pending().await
}

/// Never reads.
#[tractor::context(module = "rust_side", pld_spec = i64)]
pub(crate) async fn deaf(ctx: Context<i64>) -> tractor::Result<i64> {
    let _stream = ctx.started(0).await?.open_stream();
    pending().await
}

#[tractor::context(module = "rust_side", pld_spec = i64)]
pub(crate) async fn floods(ctx: Context<i64>, n: i64) -> tractor::Result<i64> {
    let stream = ctx.started(0).await?.open_stream();
    for i in 0..n {
        stream.send(i).await?;
    }
    pending().await
}

#[tractor::context(module = "rust_side", pld_spec = String)]
pub(crate) async fn starts_wrong(ctx: Context<String>) -> tractor::Result<String> {
    let _ctx = ctx.started("no number".to_owned()).await?;
    pending().await
}

#[tractor::context(module = "rust_side", started = i64, send = String)]
pub(crate) async fn streams_wrong(ctx: Context<i64, String, ()>) -> tractor::Result<()> {
    let stream = ctx.started(0).await?.open_stream();
    stream.send("no number".to_owned()).await?;
    pending().await
}

/// Calls `py_echo` of the actor with this name.
#[tractor::actor_fn(module = "rust_side")]
pub(crate) async fn call_back(name: String, n: i64) -> tractor::Result<i64> {
    let call = DynCall::new("py_side", "py_echo").arg("n", n);
    tractor::find_actor(&name, async |py: &Portal| py.run_dyn(call).await).await
}
