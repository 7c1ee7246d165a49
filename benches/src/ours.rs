//! What `tractor` itself is measured at: a single-threaded root actor and one child process.
//!
//! | id | one sample |
//! | --- | --- |
//! | `ours/spawn/uds` | start an actor and call it once, median milliseconds |
//! | `ours/call/{uds,tcp}` | a unary call, median microseconds |
//! | `ours/stream_ping_pong/{uds,tcp}` | one value there and back on an open stream, median microseconds |
//! | `ours/context/{uds,tcp}` | open a context and wait for its result, median microseconds |
//! | `ours/ticks/{uds,tcp}` | one-way stream of ticks, values per second |
//! | `ours/bytes/{uds,tcp}` | one-way stream of 64 KiB byte payloads, GB per second |
//! | `ours/calls64/{uds,tcp}` | calls per second with 64 in flight |
//!
//! `uds` is the channel between parent and child, `tcp` a connection over loopback with the tree's proof.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Instant;

use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;
use tokio::task::JoinSet;
use tractor::prelude::*;
use tractor::{Addr, Result};

use crate::link::Transport;
use crate::measure::{IN_FLIGHT, Measure, Scale, Unit, percentile};

/// Calls, round trips or contexts before the clock starts.
const WARM_UP: usize = 1_000;
const BULK_BYTES: usize = 64 * 1024;

macro_rules! both {
    ($($work:literal, $unit:ident, $take:ident;)*) => {
        &[
            Measure { id: "ours/spawn/uds", unit: Unit::Millis, take: spawn },
            $(
                Measure {
                    id: concat!("ours/", $work, "/uds"),
                    unit: Unit::$unit,
                    take: |scale| $take(Transport::Uds, scale),
                },
                Measure {
                    id: concat!("ours/", $work, "/tcp"),
                    unit: Unit::$unit,
                    take: |scale| $take(Transport::Tcp, scale),
                },
            )*
        ]
    };
}

/// All of ours.
pub(crate) const MEASURES: &[Measure] = both! {
    "call", Micros, call;
    "stream_ping_pong", Micros, stream_ping_pong;
    "context", Micros, context;
    "ticks", PerSecond, ticks;
    "bytes", GigabytesPerSecond, bulk;
    "calls64", PerSecond, calls_in_flight;
};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Tick {
    seq: u64,
    px: f64,
    sym: String,
}

#[tractor::actor_fn]
async fn add(a: i64, b: i64) -> i64 {
    a + b
}

#[tractor::actor_fn]
async fn addrs() -> Vec<String> {
    tractor::current_actor().addrs().iter().map(ToString::to_string).collect()
}

#[tractor::context(started = (), returns = i64)]
async fn empty(ctx: Context<(), (), ()>, value: i64) -> Result<i64> {
    ctx.started(()).await?;
    Ok(value)
}

#[tractor::context(started = (), send = u64, recv = u64, returns = ())]
async fn echo(ctx: Context<(), u64, u64>) -> Result<()> {
    let ctx = ctx.started(()).await?;
    let mut stream = ctx.open_stream();
    while let Some(value) = stream.receive().await? {
        stream.send(value).await?;
    }
    Ok(())
}

#[tractor::context(started = (), send = (), recv = Tick, returns = u64)]
async fn take_ticks(ctx: Context<(), (), Tick>) -> Result<u64> {
    let ctx = ctx.started(()).await?;
    let mut stream = ctx.open_stream();
    let mut count = 0;
    while let Some(tick) = stream.receive().await? {
        assert_eq!(tick.seq, count);
        count += 1;
    }
    Ok(count)
}

#[tractor::context(started = (), send = (), recv = ByteBuf, returns = u64)]
async fn take_bytes(ctx: Context<(), (), ByteBuf>) -> Result<u64> {
    let ctx = ctx.started(()).await?;
    let mut stream = ctx.open_stream();
    let mut bytes = 0;
    while let Some(chunk) = stream.receive().await? {
        bytes += chunk.len() as u64;
    }
    Ok(bytes)
}

/// Runs the body on a single-threaded runtime with a portal to one child process.
fn with_child(
    transport: Transport,
    body: impl AsyncFnOnce(&Portal) -> Result<f64> + 'static,
) -> io::Result<f64> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let measured: Result<f64> = runtime.block_on(tractor::open_nursery(async |an| {
        let child = an.start_actor("peer").enable_module(module_path!());
        let value = match transport {
            Transport::Uds => {
                let portal = child.await?;
                let value = body(&portal).await?;
                portal.cancel_actor().await?;
                value
            }
            Transport::Tcp => {
                let any_port = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
                let portal = child.bind(Addr::Tcp(any_port)).await?;
                let addr: Addr = portal.run(addrs()).await?[0].parse().expect("an address in text form");
                let value = tractor::connect(&addr, body).await?;
                portal.cancel_actor().await?;
                value
            }
        };
        Ok(value)
    }));
    measured.map_err(io::Error::other)
}

fn spawn(scale: Scale) -> io::Result<f64> {
    let count = scale.of(200) as usize;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let measured: Result<f64> =
        runtime.block_on(tractor::open_root_actor(tractor::ActorOptions::new(), async |_root| {
            let mut millis = Vec::with_capacity(count);
            for _ in 0..count {
                millis.push(one_spawn().await?);
            }
            Ok(percentile(&mut millis, 50))
        }));
    measured.map_err(io::Error::other)
}

/// One child from its start to its first reply, in milliseconds; it is gone when this returns.
async fn one_spawn() -> Result<f64> {
    tractor::open_nursery(async |an| {
        let start = Instant::now();
        let portal = an.start_actor("peer").enable_module(module_path!()).await?;
        assert_eq!(portal.run(add(1, 2)).await?, 3);
        let millis = start.elapsed().as_secs_f64() * 1e3;
        portal.cancel_actor().await?;
        Ok(millis)
    })
    .await
}

/// Times one thing done again and again.
struct Laps {
    micros: Vec<f64>,
    round: usize,
    rounds: usize,
    start: Instant,
}

impl Laps {
    fn new(count: usize) -> Self {
        Self { micros: Vec::with_capacity(count), round: 0, rounds: WARM_UP + count, start: Instant::now() }
    }

    /// Begins the next round, if there is one; ends the one before.
    fn next(&mut self) -> Option<usize> {
        if self.round > WARM_UP {
            self.micros.push(self.start.elapsed().as_secs_f64() * 1e6);
        }
        let round = (self.round < self.rounds).then_some(self.round);
        self.round += 1;
        self.start = Instant::now();
        round
    }

    fn median(mut self) -> f64 {
        percentile(&mut self.micros, 50)
    }
}

/// Runs a measurement as a task, as endpoints run: the future that `block_on` polls costs a look at the sockets more
/// per wake-up.
async fn as_task(measurement: impl Future<Output = Result<f64>> + Send + 'static) -> Result<f64> {
    tokio::spawn(measurement).await.expect("a measurement does not panic")
}

fn call(transport: Transport, scale: Scale) -> io::Result<f64> {
    let count = scale.of(20_000) as usize;
    with_child(transport, async move |portal| {
        let portal = portal.clone();
        as_task(async move {
            let mut laps = Laps::new(count);
            while let Some(round) = laps.next() {
                let a = round as i64;
                assert_eq!(portal.run(add(a, 1)).await?, a + 1);
            }
            Ok(laps.median())
        })
        .await
    })
}

fn context(transport: Transport, scale: Scale) -> io::Result<f64> {
    let count = scale.of(20_000) as usize;
    with_child(transport, async move |portal| {
        let portal = portal.clone();
        as_task(async move {
            let mut laps = Laps::new(count);
            while let Some(round) = laps.next() {
                let value = round as i64;
                let result: Result<i64> =
                    portal.open_context(empty(value), async |ctx, ()| ctx.wait_for_result().await).await;
                assert_eq!(result?, value);
            }
            Ok(laps.median())
        })
        .await
    })
}

fn stream_ping_pong(transport: Transport, scale: Scale) -> io::Result<f64> {
    let count = scale.of(20_000) as usize;
    with_child(transport, async move |portal| {
        let portal = portal.clone();
        as_task(async move {
            portal
                .open_context(echo(), async |ctx, ()| {
                    let mut stream = ctx.open_stream();
                    let mut laps = Laps::new(count);
                    while let Some(round) = laps.next() {
                        stream.send(round as u64).await?;
                        assert_eq!(stream.receive().await?, Some(round as u64));
                    }
                    stream.close();
                    Ok(laps.median())
                })
                .await
        })
        .await
    })
}

fn ticks(transport: Transport, scale: Scale) -> io::Result<f64> {
    let count = u64::from(scale.of(15_000_000));
    with_child(transport, async move |portal| {
        portal
            .open_context(take_ticks(), async |ctx, ()| {
                let handle = ctx.handle();
                let stream = ctx.open_stream();
                let mut tick = Tick { seq: 0, px: 101.25, sym: "TRACTOR1".to_owned() };
                let start = Instant::now();
                while tick.seq < count {
                    stream.send(&tick).await?;
                    tick.seq += 1;
                }
                stream.close();
                assert_eq!(handle.wait_for_result().await?, count);
                Ok(count as f64 / start.elapsed().as_secs_f64())
            })
            .await
    })
}

fn bulk(transport: Transport, scale: Scale) -> io::Result<f64> {
    let count = u64::from(scale.of(60_000));
    with_child(transport, async move |portal| {
        portal
            .open_context(take_bytes(), async |ctx, ()| {
                let handle = ctx.handle();
                let stream = ctx.open_stream();
                let chunk = ByteBuf::from(vec![7; BULK_BYTES]);
                let start = Instant::now();
                for _ in 0..count {
                    stream.send(&chunk).await?;
                }
                stream.close();
                let bytes = handle.wait_for_result().await?;
                assert_eq!(bytes, count * BULK_BYTES as u64);
                Ok(bytes as f64 / 1e9 / start.elapsed().as_secs_f64())
            })
            .await
    })
}

fn calls_in_flight(transport: Transport, scale: Scale) -> io::Result<f64> {
    let count = scale.of(1_500_000) as usize;
    with_child(transport, async move |portal| {
        for a in 0..WARM_UP as i64 {
            portal.run(add(a, 1)).await?;
        }
        let start = Instant::now();
        let mut callers = JoinSet::new();
        for _ in 0..IN_FLIGHT {
            let portal = portal.clone();
            callers.spawn(async move {
                for a in 0..(count / IN_FLIGHT) as i64 {
                    assert_eq!(portal.run(add(a, 1)).await?, a + 1);
                }
                Ok::<(), tractor::Error>(())
            });
        }
        while let Some(done) = callers.join_next().await {
            done.expect("callers do not panic")?;
        }
        let calls = count / IN_FLIGHT * IN_FLIGHT;
        Ok(calls as f64 / start.elapsed().as_secs_f64())
    })
}
