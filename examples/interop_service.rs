//! A service for actors of the Python library of the same name: registrar, endpoints, and calls back into Python.
//!
//! Actors of that library cannot prove the tree's secret over TCP, so the service allows them in explicitly; it listens
//! on this host only. They find the service under the name `interop`, and it finds them under their names, because all
//! use one registry. The page *with Python actors* of the guide has the other side. Run it with `cargo run --example
//! interop_service 127.0.0.1:1616`, until Ctrl-C.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "printing is what an example is for")]

use std::future::pending;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tractor::{ActorOptions, error::WireName, prelude::*};

tractor::actor_local! {
    /// How often `slow` was cancelled.
    static CANCELLED: AtomicU64 = AtomicU64::new(0);
}

/// Counts its drop.
struct Counted(Arc<AtomicU64>);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

#[tractor::actor_fn(module = "interop_service")]
async fn echo(n: i64) -> i64 {
    n
}

#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Failure(String);

/// A name that Python knows, so that actors there keep it when they pass the failure on.
impl WireName for Failure {
    const NAME: &'static str = "ValueError";
}

#[tractor::actor_fn(module = "interop_service")]
async fn fail(msg: String) -> Result<(), Failure> {
    Err(Failure(msg))
}

/// Never returns: a cancellation drops it.
#[tractor::actor_fn(module = "interop_service")]
async fn slow() {
    let _counted = Counted(CANCELLED.get());
    pending().await
}

#[tractor::actor_fn(module = "interop_service")]
async fn cancelled() -> u64 {
    CANCELLED.get().load(Ordering::Relaxed)
}

/// Sends back twice each value, and returns the number of values.
#[tractor::context(module = "interop_service", pld_spec = i64)]
async fn doubler(ctx: Context<i64>) -> tractor::Result<i64> {
    let ctx = ctx.started(0).await?;
    let mut stream = ctx.open_stream();
    let mut seen = 0;
    while let Some(n) = stream.receive().await? {
        seen += 1;
        stream.send(n * 2).await?;
    }
    Ok(seen)
}

/// A function of the Python module `py_side`.
#[tractor::actor_fn(extern, module = "py_side")]
async fn py_echo(n: i64) -> i64;

/// Finds an actor through the registrar and calls it.
#[tractor::actor_fn(module = "interop_service")]
async fn call_back(name: String, n: i64) -> tractor::Result<i64> {
    tractor::find_actor(&name, async |py: &Portal| py.run(py_echo(n)).await).await
}

#[tractor::main]
async fn main() -> tractor::Result<ExitCode> {
    let addr = std::env::args().nth(1).and_then(|addr| addr.parse::<SocketAddr>().ok());
    let Some(addr) = addr else {
        eprintln!("usage: interop_service ADDR:PORT");
        return Ok(ExitCode::from(2));
    };
    let options = ActorOptions::new()
        .name("interop")
        .registry(addr.into())
        .ensure_registry()
        .allow_unauthenticated_peers()
        .enable_module("interop_service");
    tractor::open_root_actor(options, async |service| -> tractor::Result<()> {
        println!("interop is registrar at {addr}");
        service.cancelled().await;
        Ok(())
    })
    .await?;
    Ok(ExitCode::SUCCESS)
}
