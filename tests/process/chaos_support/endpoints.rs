//! Endpoints of every actor of the chaos test: they own children and open dialogs into other actors.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde::{Deserialize, Serialize};
use tractor::prelude::*;
use tractor::{Addr, Error};

use support::forever;

/// The module to enable for everything in here.
pub(crate) const MODULE: &str = module_path!();

/// A running actor.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Born {
    pub(crate) addr: String,
    pub(crate) pid: u32,
}

/// A dialog with another actor. Without a number of rounds it goes on until it is ended.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) enum Dialog {
    Call { rounds: Option<u32> },
    Stream { rounds: Option<u32> },
    Context { rounds: Option<u32> },
}

tractor::actor_local! {
    static LIVE: Arc<AtomicUsize> = Arc::default();
}

/// Counts an endpoint of the running actor while it runs.
struct Live(Arc<AtomicUsize>);

fn live() -> Live {
    let count: Arc<AtomicUsize> = (*LIVE.get()).clone();
    count.fetch_add(1, Ordering::Relaxed);
    Live(count)
}

impl Drop for Live {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Counts the endpoints that run in this actor and the open dialogs on this connection, except this request.
#[tractor::context(started = (usize, usize))]
pub(crate) async fn open(ctx: Context<(usize, usize), (), ()>) -> tractor::Result<()> {
    // A request is counted from its first wait on.
    tokio::task::yield_now().await;
    let counts = (LIVE.get().load(Ordering::Relaxed), ctx.portal().dialogs_open() - 1);
    ctx.started(counts).await?;
    Ok(())
}

#[tractor::actor_fn]
pub(crate) async fn born() -> Born {
    Born { addr: tractor::current_actor().addrs()[0].to_string(), pid: std::process::id() }
}

/// Owns one child until the child dies or this is cancelled.
#[tractor::context(started = Born)]
pub(crate) async fn tends(ctx: Context<Born, (), ()>, name: String) -> tractor::Result<()> {
    let _live = live();
    tractor::open_nursery(async |an| {
        let kid = start(an, name).await?;
        let _ctx = ctx.started(kid.run(born()).await?).await?;
        forever().await;
        Ok(())
    })
    .await
}

pub(crate) async fn start(an: &ActorNursery, name: String) -> tractor::Result<Portal> {
    an.start_actor(name).enable_module(MODULE).listen().await
}

/// Opens a dialog into the actor that listens there, and sees it through.
#[tractor::actor_fn]
pub(crate) async fn dials(addr: String, dialog: Dialog) -> tractor::Result<u32> {
    let _live = live();
    dial(&addr, dialog).await
}

/// Opens a dialog in the actor at this address, and runs it to its end.
pub(crate) async fn dial(addr: &str, dialog: Dialog) -> tractor::Result<u32> {
    let addr: Addr = addr.parse().expect("`born` made it");
    tractor::connect(&addr, async |there| converse(there, dialog).await).await
}

async fn converse(there: &Portal, dialog: Dialog) -> tractor::Result<u32> {
    match dialog {
        Dialog::Call { rounds } => there.run(chews(rounds)).await,
        Dialog::Stream { rounds } => {
            let read = async |mut stream: tractor::ReceiveStream<u32>| {
                let mut count = 0;
                while let Some(value) = stream.receive().await? {
                    assert_eq!(value, count, "values come in order");
                    count += 1;
                }
                Ok::<_, Error>(count)
            };
            there.open_stream_from(pours(rounds), read).await
        }
        Dialog::Context { rounds } => {
            let talk = async |ctx: tractor::ParentContext<echoes>, first: u32| {
                let mut stream = ctx.open_stream();
                let mut count = first;
                while rounds.is_none_or(|rounds| count < rounds) {
                    stream.send(count).await?;
                    let Some(echo) = stream.receive().await? else { break };
                    assert_eq!(echo, count, "values come in order");
                    count += 1;
                }
                stream.finish();
                while stream.receive().await?.is_some() {}
                stream.wait_for_result().await
            };
            there.open_context(echoes(), talk).await
        }
    }
}

#[tractor::actor_fn]
async fn chews(rounds: Option<u32>) -> u32 {
    let _live = live();
    let Some(rounds) = rounds else { return std::future::pending().await };
    for _ in 0..rounds {
        tokio::task::yield_now().await;
    }
    rounds
}

#[tractor::stream]
async fn pours(out: StreamSender<u32>, rounds: Option<u32>) -> tractor::Result<()> {
    let _live = live();
    for value in 0..rounds.unwrap_or(u32::MAX) {
        out.send(value).await?;
        if rounds.is_none() {
            // Goes on for ever, but slowly, because other actors need the processor as well.
            tokio::time::sleep(std::time::Duration::from_millis(1)).await;
        }
    }
    Ok(())
}

/// Sends back each value, and returns the count of values.
#[tractor::context(started = u32, send = u32, recv = u32, returns = u32)]
async fn echoes(ctx: Context<u32, u32, u32>) -> tractor::Result<u32> {
    let _live = live();
    let ctx = ctx.started(0).await?;
    let mut stream = ctx.open_stream();
    let mut count = 0;
    while let Some(value) = stream.receive().await? {
        stream.send(value).await?;
        count += 1;
        if count % 64 == 0 {
            tokio::time::sleep(std::time::Duration::from_millis(1)).await;
        }
    }
    stream.finish();
    Ok(count)
}
