//! tarpc over its serde transport: length-delimited frames with bincode. It has calls only.

use std::time::{Duration, Instant};

use anyhow::bail;
use futures_util::{StreamExt, stream};
use serde_bytes::ByteBuf;
use tarpc::context::{self, Context};
use tarpc::server::{BaseChannel, Channel};
use tarpc::tokio_serde::formats::Bincode;
use tarpc::{client, serde_transport};
use tokio_util::codec::LengthDelimitedCodec;

use crate::job::{Job, LARGE_BYTES, Work};
use crate::meter::{IN_FLIGHT, Meter, Numbers};
use crate::socket::{Listener, Socket};

/// Concurrent calls for payloads, because tarpc cannot stream.
const PAYLOADS_AT_ONCE: usize = 8;
/// Largest frame; the default is 8 MiB.
const FRAME_BYTES_MAX: usize = 32 * 1024 * 1024;
/// Longer than a sample takes.
const DEADLINE: Duration = Duration::from_secs(120);

#[tarpc::service]
trait Api {
    async fn add_one(value: u64) -> u64;
    async fn make(bytes: u64) -> ByteBuf;
    async fn count(data: ByteBuf) -> u64;
}

#[derive(Clone)]
struct Server;

impl Api for Server {
    async fn add_one(self, _: Context, value: u64) -> u64 {
        value + 1
    }

    async fn make(self, _: Context, bytes: u64) -> ByteBuf {
        ByteBuf::from(vec![7; bytes as usize])
    }

    async fn count(self, _: Context, data: ByteBuf) -> u64 {
        data.len() as u64
    }
}

fn codec() -> LengthDelimitedCodec {
    LengthDelimitedCodec::builder().max_frame_length(FRAME_BYTES_MAX).new_codec()
}

pub(super) async fn serve(listener: Listener) -> anyhow::Result<()> {
    loop {
        let framed = tokio_util::codec::Framed::new(listener.accept().await?, codec());
        let channel = BaseChannel::with_defaults(serde_transport::new(framed, Bincode::default()));
        tokio::spawn(channel.execute(Server.serve()).for_each(async |answer| {
            tokio::spawn(answer);
        }));
    }
}

async fn connect(job: Job, addr: &str) -> anyhow::Result<ApiClient> {
    let framed = tokio_util::codec::Framed::new(Socket::connect(job.place.transport(), addr).await?, codec());
    Ok(ApiClient::new(client::Config::default(), serde_transport::new(framed, Bincode::default())).spawn())
}

fn in_time() -> Context {
    let mut context = context::current();
    context.deadline = Instant::now() + DEADLINE;
    context
}

pub(super) async fn take(job: Job, meter: Meter, addr: &str) -> anyhow::Result<Numbers> {
    let client = connect(job, addr).await?;
    match job.work {
        Work::Call => Ok(meter.one_by_one(async |arg| call(&client, arg).await.expect("it answers")).await),
        Work::Connect => Ok(meter
            .one_by_one(async |arg| {
                let client = connect(job, addr).await.expect("it listens");
                call(&client, arg).await.expect("it answers");
            })
            .await),
        Work::CallsAtOnce => {
            let one = move |_, arg| {
                let client = client.clone();
                async move { call(&client, arg).await }
            };
            Ok(meter.at_once(IN_FLIGHT, one).await)
        }
        Work::Fresh => meter.messages(async |count| payloads(&client, count, LARGE_BYTES).await).await,
        Work::Argument => {
            let data = ByteBuf::from(vec![7; usize::try_from(job.size)?]);
            meter
                .messages(async |count| {
                    for _ in 0..count {
                        anyhow::ensure!(client.count(in_time(), data.clone()).await? == job.size);
                    }
                    Ok(())
                })
                .await
        }
        work => bail!("tarpc has no {work:?}"),
    }
}

async fn call(client: &ApiClient, arg: u64) -> anyhow::Result<()> {
    anyhow::ensure!(client.add_one(in_time(), arg).await? == arg + 1);
    Ok(())
}

async fn payloads(client: &ApiClient, count: u64, bytes: u64) -> anyhow::Result<()> {
    let mut made = stream::iter(0..count).map(|_| client.make(in_time(), bytes)).buffered(PAYLOADS_AT_ONCE);
    while let Some(payload) = made.next().await {
        anyhow::ensure!(payload?.len() as u64 == bytes);
    }
    Ok(())
}
