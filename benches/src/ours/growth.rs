//! Costs that grow with the number of things that are open at the same time.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::try_join_all;
use tokio::sync::{Barrier, Notify};
use tokio::task::JoinSet;
use tractor::prelude::*;
use tractor::{ActorNursery, Addr};

use super::endpoints::{self, echo, ticks};
use super::{call, take_ticks};
use crate::cpu::resident_bytes;
use crate::meter::{IN_FLIGHT, Meter, Numbers};
use crate::peers::Tick;

/// Concurrent streams, of which some are not read.
const STREAMS: u64 = 100;
/// The values that are read of a stream after a pause: more than its window holds.
const LATER: u64 = 50_000;
/// How long a stream is not read.
const UNREAD: Duration = Duration::from_secs(10);

/// Memory of this process and of the other one.
#[derive(Clone, Copy)]
struct Memory(f64, f64);

impl Memory {
    fn now(meter: Meter) -> Self {
        Self(resident_bytes(std::process::id()), resident_bytes(meter.other))
    }

    /// The growth of both processes since then, divided by the count.
    fn each(self, meter: Meter, count: u64) -> Numbers {
        let now = Self::now(meter);
        vec![
            ("memory_here", (now.0 - self.0) / count as f64),
            ("memory_there", (now.1 - self.1) / count as f64),
        ]
    }
}

/// A call beside open contexts, each in a task of its own, that have passed a value and wait.
pub(super) async fn contexts(portal: &Portal, count: u64, meter: Meter) -> anyhow::Result<Numbers> {
    let (memory, begun) = (Memory::now(meter), Instant::now());
    let (over, mut tasks) = (Arc::new(Notify::new()), JoinSet::new());
    let all = Arc::new(Barrier::new(usize::try_from(count)? + 1));
    for value in 0..count {
        let (portal, over, all) = (portal.clone(), Arc::clone(&over), Arc::clone(&all));
        tasks.spawn(async move {
            portal
                .open_context(echo(), async |ctx, ()| {
                    let mut stream = ctx.open_stream();
                    stream.send(value).await?;
                    anyhow::ensure!(stream.receive().await? == Some(value));
                    let over = over.notified();
                    all.wait().await;
                    over.await;
                    Ok(())
                })
                .await
        });
    }
    all.wait().await;
    let open = begun.elapsed().as_nanos() as f64 / count as f64;
    let kept = memory.each(meter, count);
    let mut numbers = meter.one_by_one(async |arg| call(portal, arg).await.expect("it answers")).await;
    over.notify_waiters();
    end(tasks).await?;
    numbers.push(("open", open));
    numbers.extend(kept);
    Ok(numbers)
}

async fn end(mut tasks: JoinSet<anyhow::Result<()>>) -> anyhow::Result<()> {
    while let Some(ended) = tasks.join_next().await {
        ended??;
    }
    Ok(())
}

/// Calls over this many connections to one actor, with at least one call in flight on each.
pub(super) async fn connections(addr: &Addr, count: u64, meter: Meter) -> anyhow::Result<Numbers> {
    let connections = usize::try_from(count)?;
    let (memory, begun) = (Memory::now(meter), Instant::now());
    let (all, over) = (Barrier::new(connections + 1), Barrier::new(connections + 1));
    let portals = std::sync::Mutex::new(Vec::new());
    // These futures are no tasks of tokio, because such tasks belong to no actor, and only an actor can connect.
    let connected = try_join_all((0..count).map(|_| {
        tractor::connect(addr, async |portal: &Portal| {
            call(portal, 1).await?;
            portals.lock().expect("the lock is not poisoned").push(portal.clone());
            all.wait().await;
            over.wait().await;
            anyhow::Ok(())
        })
    }));
    let measured = async {
        all.wait().await;
        let open = begun.elapsed().as_nanos() as f64 / count as f64;
        let kept = memory.each(meter, count);
        let portals = std::mem::take(&mut *portals.lock().expect("the lock is not poisoned"));
        let one = move |caller: usize, arg| {
            let portal = portals[caller % portals.len()].clone();
            async move { call(&portal, arg).await }
        };
        let mut numbers = meter.at_once(IN_FLIGHT.max(connections), one).await;
        numbers.push(("open", open));
        numbers.extend(kept);
        over.wait().await;
        numbers
    };
    let (connected, numbers) = tokio::join!(connected, measured);
    connected?;
    Ok(numbers)
}

/// A call to one of this many children; the others were started concurrently, and are idle.
pub(super) async fn actors(
    an: &ActorNursery,
    portal: &Portal,
    count: u64,
    meter: Meter,
) -> anyhow::Result<Numbers> {
    let (others, begun) = (count - 1, Instant::now());
    let portals = try_join_all((0..others).map(|number| async move {
        let portal = an.start_actor(format!("idle{number}")).enable_module(endpoints::PATH).await?;
        call(&portal, 1).await?;
        anyhow::Ok(portal)
    }))
    .await?;
    let open = begun.elapsed().as_nanos() as f64 / others as f64;
    let mut numbers = meter.one_by_one(async |arg| call(portal, arg).await.expect("it answers")).await;
    if others > 0 {
        numbers.push(("open", open));
    }
    try_join_all(portals.iter().map(|portal| async { portal.cancel_actor().await.map(drop) })).await?;
    Ok(numbers)
}

/// Ticks over this many concurrent streams; the cost of one.
pub(super) async fn streams(portal: &Portal, count: u64, meter: Meter) -> anyhow::Result<Numbers> {
    meter.messages(async |ticks| all_ticks(portal, count, ticks.div_ceil(count)).await).await
}

async fn all_ticks(portal: &Portal, streams: u64, each: u64) -> anyhow::Result<()> {
    let mut tasks = JoinSet::new();
    for _ in 0..streams {
        let portal = portal.clone();
        tasks.spawn(async move { take_ticks(&portal, each).await });
    }
    end(tasks).await
}

/// Ticks over 100 streams, of which this many are not read.
pub(super) async fn stalled(portal: &Portal, count: u64, meter: Meter) -> anyhow::Result<Numbers> {
    let over = Arc::new(Notify::new());
    let unread = Unread::open(portal, count, &over);
    // Waits until their windows are full.
    meter.idle().await;
    let moving = STREAMS - count;
    let numbers =
        meter.messages(async |ticks| all_ticks(portal, moving, ticks.div_ceil(moving)).await).await?;
    over.notify_waiters();
    unread.read_on().await?;
    Ok(numbers)
}

/// Streams of which one value was read.
struct Unread(JoinSet<anyhow::Result<()>>);

impl Unread {
    /// Reads them again after `over`, for a while.
    fn open(portal: &Portal, count: u64, over: &Arc<Notify>) -> Self {
        let mut tasks = JoinSet::new();
        for _ in 0..count {
            let (portal, over) = (portal.clone(), Arc::clone(over));
            tasks.spawn(async move {
                portal
                    .open_stream_from(ticks(u64::MAX), async |mut stream| {
                        let mut over = std::pin::pin!(over.notified());
                        over.as_mut().enable();
                        let mut next = 0;
                        while let Some(Tick { seq, .. }) = stream.receive().await? {
                            anyhow::ensure!(seq == next, "{seq} came instead of {next}");
                            if next == 0 {
                                over.as_mut().await;
                            }
                            if next == LATER {
                                break;
                            }
                            next += 1;
                        }
                        anyhow::ensure!(next == LATER, "the stream has ended after {next}");
                        Ok(())
                    })
                    .await
            });
        }
        Self(tasks)
    }

    /// Fails if a value is missing.
    async fn read_on(self) -> anyhow::Result<()> {
        end(self.0).await
    }
}

/// One of 100 streams is not read for ten seconds: the rate of the others meanwhile, relative to their rate before and
/// after.
pub(super) async fn resumed(portal: &Portal, meter: Meter) -> anyhow::Result<Numbers> {
    let others = async |span: Duration| {
        let meter = Meter { seconds: span.as_secs_f64(), ..meter };
        meter.messages(async |ticks| all_ticks(portal, STREAMS - 1, ticks / (STREAMS - 1)).await).await
    };
    let before = others(UNREAD / 2).await?;
    let memory = Memory::now(meter);
    let over = Arc::new(Notify::new());
    let unread = Unread::open(portal, 1, &over);
    meter.idle().await;
    let meanwhile = others(UNREAD).await?;
    let mut numbers = memory.each(meter, 1);
    over.notify_waiters();
    unread.read_on().await?;
    let after = others(UNREAD / 2).await?;
    for ((before, after), (name, meanwhile)) in before.iter().zip(after).zip(meanwhile) {
        // The numbers are costs; the reciprocal of a cost is a rate.
        numbers.push((name, f64::midpoint(before.1, after.1) / meanwhile));
    }
    Ok(numbers)
}
