//! `tractor` itself: a root actor and a child process.
//!
//! Over Unix sockets the two use the channel between parent and child, over TCP a connection with the tree's proof.

mod endpoints;
mod growth;

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Instant;

use bytes::Bytes;
use tractor::prelude::*;
use tractor::{ActorNursery, ActorOptions, Addr};

use crate::job::{Job, LARGE_BYTES, Work};
use crate::meter::{IN_FLIGHT, Meter, Numbers, median};
use crate::peers::Tick;
use crate::socket::Transport;
use endpoints::{add_one, addrs, blobs, echo, empty, ticks};

/// Takes one sample.
pub(crate) async fn take(job: Job, meter: Meter) -> anyhow::Result<Numbers> {
    match job.work {
        Work::Spawn => spawn(job, meter).await,
        Work::Connect | Work::Connections => {
            tractor::open_nursery(async |an| {
                let portal = start(an, job, true).await?;
                let meter = Meter { other: pid(&portal), ..meter };
                let addr = addr_of(&portal).await?;
                let numbers = match job.work {
                    Work::Connect => connect(&addr, meter).await,
                    _ => growth::connections(&addr, job.size, meter).await?,
                };
                portal.cancel_actor().await?;
                Ok(numbers)
            })
            .await
        }
        _ => {
            tractor::open_nursery(async |an| {
                let portal = start(an, job, job.place.transport() == Transport::Tcp).await?;
                let meter = Meter { other: pid(&portal), ..meter };
                let numbers = match job.place.transport() {
                    Transport::Uds => measure(an, &portal, job, meter).await?,
                    Transport::Tcp => {
                        let addr = addr_of(&portal).await?;
                        tractor::connect(&addr, async |portal| measure(an, portal, job, meter).await).await?
                    }
                };
                portal.cancel_actor().await?;
                Ok(numbers)
            })
            .await
        }
    }
}

async fn start(an: &ActorNursery, job: Job, listens: bool) -> tractor::Result<Portal> {
    let mut start = an.start_actor("server").enable_module(endpoints::PATH);
    if job.place.has_threads() {
        start = start.worker_threads(std::thread::available_parallelism().map_or(2, usize::from));
    }
    match job.place.transport() {
        _ if !listens => start.await,
        Transport::Uds => start.listen().await,
        Transport::Tcp => start.bind(Addr::Tcp(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))).await,
    }
}

fn pid(portal: &Portal) -> u32 {
    portal.pid().and_then(|pid| pid.try_into().ok()).expect("a child process has a number")
}

async fn addr_of(portal: &Portal) -> anyhow::Result<Addr> {
    Ok(portal.run(addrs()).await?[0].parse().map_err(io::Error::other)?)
}

async fn call(portal: &Portal, arg: u64) -> anyhow::Result<()> {
    anyhow::ensure!(portal.run(add_one(arg)).await? == arg + 1);
    Ok(())
}

async fn measure(an: &ActorNursery, portal: &Portal, job: Job, meter: Meter) -> anyhow::Result<Numbers> {
    match job.work {
        Work::Call => Ok(meter.one_by_one(async |arg| call(portal, arg).await.expect("it answers")).await),
        Work::CallsAtOnce => {
            let portal = portal.clone();
            let one = move |_, arg| {
                let portal = portal.clone();
                async move { call(&portal, arg).await }
            };
            Ok(meter.at_once(IN_FLIGHT, one).await)
        }
        Work::PingPong => ping_pong(portal, meter).await,
        Work::Context => {
            let one = async |value| {
                portal.open_context(empty(value), async |ctx, ()| ctx.wait_for_result().await).await
            };
            Ok(meter
                .one_by_one(async |value| {
                    let result: tractor::Result<u64> = one(value).await;
                    assert_eq!(result.expect("it ends well"), value);
                })
                .await)
        }
        Work::Ticks => meter.messages(async |count| take_ticks(portal, count).await).await,
        Work::Fresh => meter.messages(async |count| take_blobs(portal, count, LARGE_BYTES, true).await).await,
        Work::Same => meter.messages(async |count| take_blobs(portal, count, LARGE_BYTES, false).await).await,
        Work::Payload => meter.messages(async |count| take_blobs(portal, count, job.size, false).await).await,
        Work::Argument => {
            let data = Bytes::from(vec![7; usize::try_from(job.size)?]);
            meter
                .messages(async |calls| {
                    for _ in 0..calls {
                        anyhow::ensure!(portal.run(endpoints::count(data.clone())).await? == job.size);
                    }
                    Ok(())
                })
                .await
        }
        Work::Contexts => growth::contexts(portal, job.size, meter).await,
        Work::Actors => growth::actors(an, portal, job.size, meter).await,
        Work::Streams => growth::streams(portal, job.size, meter).await,
        Work::Stalled => growth::stalled(portal, job.size, meter).await,
        Work::Resumed => growth::resumed(portal, meter).await,
        Work::Connect | Work::Connections | Work::Spawn => anyhow::bail!("{job} needs more than a portal"),
    }
}

/// Measures the time from the start of an actor to its first reply, for one actor after another.
async fn spawn(job: Job, meter: Meter) -> anyhow::Result<Numbers> {
    tractor::open_root_actor(ActorOptions::new(), async |_root| {
        let (since, mut laps) = (Instant::now(), Vec::new());
        while since.elapsed().as_secs_f64() < meter.seconds || laps.len() < 3 {
            let lap: anyhow::Result<f64> = tractor::open_nursery(async |an| {
                let begun = Instant::now();
                let portal = start(an, job, false).await?;
                call(&portal, 1).await?;
                let lap = begun.elapsed().as_nanos() as f64;
                portal.cancel_actor().await?;
                Ok(lap)
            })
            .await;
            laps.push(lap?);
        }
        Ok(vec![("clock", median(&mut laps))])
    })
    .await
}

async fn connect(addr: &Addr, meter: Meter) -> Numbers {
    meter
        .one_by_one(async |arg| {
            let called: anyhow::Result<()> =
                tractor::connect(addr, async |portal| call(portal, arg).await).await;
            called.expect("it answers");
        })
        .await
}

async fn ping_pong(portal: &Portal, meter: Meter) -> anyhow::Result<Numbers> {
    portal
        .open_context(echo(), async |ctx, ()| {
            let mut stream = ctx.open_stream();
            let numbers = meter
                .one_by_one(async |value| {
                    stream.send(value).await.expect("it reads");
                    assert_eq!(stream.receive().await.expect("an echo"), Some(value));
                })
                .await;
            stream.close();
            Ok(numbers)
        })
        .await
}

async fn take_ticks(portal: &Portal, count: u64) -> anyhow::Result<()> {
    portal
        .open_stream_from(ticks(count), async |mut stream| {
            let mut next = 0;
            while let Some(Tick { seq, .. }) = stream.receive().await? {
                anyhow::ensure!(seq == next);
                next += 1;
            }
            anyhow::ensure!(next == count);
            Ok(())
        })
        .await
}

async fn take_blobs(portal: &Portal, count: u64, bytes: u64, fresh: bool) -> anyhow::Result<()> {
    portal
        .open_stream_from(blobs(count, bytes, fresh), async |mut stream| {
            let mut taken = 0;
            while let Some(blob) = stream.receive().await? {
                anyhow::ensure!(blob.len() as u64 == bytes);
                taken += 1;
            }
            anyhow::ensure!(taken == count);
            Ok(())
        })
        .await
}
