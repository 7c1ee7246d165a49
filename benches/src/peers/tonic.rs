//! tonic: gRPC over HTTP/2 with its default settings.
//!
//! Messages are derived, and the service is written by hand as `protoc` would generate it: so `protoc` is not needed.

use std::convert::Infallible;

use anyhow::bail;
use bytes::Bytes;
use futures_util::{Stream, StreamExt, stream};
use tokio::sync::mpsc;
use tonic::body::Body;
use tonic::codegen::http::uri::PathAndQuery;
use tonic::codegen::http::{self};
use tonic::codegen::{BoxFuture, BoxStream, Context, Poll, Service, tokio_stream};
use tonic::server::NamedService;
use tonic::transport::server::Connected;
use tonic::transport::{Channel, Endpoint};
use tonic::{Request, Response, Status, Streaming};
use tonic_prost::ProstCodec;

use super::Tick;
use crate::job::{Job, LARGE_BYTES, Work};
use crate::meter::{IN_FLIGHT, Meter, Numbers};
use crate::socket::{Listener, Socket, Transport};

/// Largest message; the default is 4 MiB.
const MESSAGE_BYTES_MAX: usize = 32 * 1024 * 1024;

#[derive(Clone, Copy, PartialEq, prost::Message)]
struct Number {
    #[prost(uint64, tag = "1")]
    value: u64,
}

#[derive(Clone, PartialEq, prost::Message)]
struct TickMessage {
    #[prost(uint64, tag = "1")]
    seq: u64,
    #[prost(double, tag = "2")]
    px: f64,
    #[prost(string, tag = "3")]
    sym: String,
}

#[derive(Clone, PartialEq, prost::Message)]
struct Payload {
    #[prost(bytes = "bytes", tag = "1")]
    data: Bytes,
}

#[derive(Clone, Copy, PartialEq, prost::Message)]
struct PayloadRequest {
    #[prost(uint64, tag = "1")]
    count: u64,
    #[prost(uint64, tag = "2")]
    bytes: u64,
}

// ---- Server ----

/// Routes a request by its path.
#[derive(Clone)]
struct Api;

impl NamedService for Api {
    const NAME: &'static str = "benches.Api";
}

impl Service<http::Request<Body>> for Api {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<Self::Response, Infallible>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        Box::pin(async move {
            Ok(match request.uri().path() {
                "/benches.Api/AddOne" => server().unary(Method(add_one), request).await,
                "/benches.Api/Ticks" => server().server_streaming(Method(ticks), request).await,
                "/benches.Api/Payloads" => server().server_streaming(Method(payloads), request).await,
                "/benches.Api/Count" => server().unary(Method(count), request).await,
                "/benches.Api/Echo" => server().streaming(Method(echo), request).await,
                _ => Status::unimplemented("no such method").into_http(),
            })
        })
    }
}

fn server<M1, M2>() -> tonic::server::Grpc<ProstCodec<M2, M1>>
where
    M1: prost::Message + Default + Send + 'static,
    M2: prost::Message + Send + 'static,
{
    tonic::server::Grpc::new(ProstCodec::default()).max_decoding_message_size(MESSAGE_BYTES_MAX)
}

/// A function that answers requests.
struct Method<F>(F);

impl<F, R, A, Answer> Service<Request<R>> for Method<F>
where
    F: FnMut(Request<R>) -> Answer,
    Answer: Future<Output = Result<Response<A>, Status>> + Send + 'static,
{
    type Response = Response<A>;
    type Error = Status;
    type Future = BoxFuture<Response<A>, Status>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Status>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<R>) -> Self::Future {
        Box::pin(self.0(request))
    }
}

async fn add_one(request: Request<Number>) -> Result<Response<Number>, Status> {
    Ok(Response::new(Number { value: request.into_inner().value + 1 }))
}

async fn count(request: Request<Payload>) -> Result<Response<Number>, Status> {
    Ok(Response::new(Number { value: request.into_inner().data.len() as u64 }))
}

/// Values on demand, without a channel in between.
fn streamed<T: Send + 'static>(values: impl Stream<Item = T> + Send + 'static) -> Response<BoxStream<T>> {
    Response::new(Box::pin(values.map(Ok)))
}

async fn ticks(request: Request<Number>) -> Result<Response<BoxStream<TickMessage>>, Status> {
    let ticks = (0..request.into_inner().value).map(|seq| {
        let Tick { seq, px, sym } = Tick::new(seq);
        TickMessage { seq, px, sym }
    });
    Ok(streamed(tokio_stream::iter(ticks)))
}

async fn payloads(request: Request<PayloadRequest>) -> Result<Response<BoxStream<Payload>>, Status> {
    let PayloadRequest { count, bytes } = request.into_inner();
    Ok(streamed(tokio_stream::iter(
        (0..count).map(move |_| Payload { data: vec![7; bytes as usize].into() }),
    )))
}

async fn echo(request: Request<Streaming<Number>>) -> Result<Response<BoxStream<Number>>, Status> {
    Ok(Response::new(Box::pin(request.into_inner())))
}

impl Connected for Socket {
    type ConnectInfo = ();

    fn connect_info(&self) {}
}

pub(super) async fn serve(listener: Listener) -> anyhow::Result<()> {
    let sockets = stream::unfold(listener, async |listener| Some((listener.accept().await, listener)));
    tonic::transport::Server::builder().add_service(Api).serve_with_incoming(sockets).await?;
    Ok(())
}

// ---- Client ----

#[derive(Clone)]
struct Client(tonic::client::Grpc<Channel>);

impl Client {
    async fn connect(job: Job, addr: &str) -> anyhow::Result<Self> {
        let uri = match job.place.transport() {
            Transport::Tcp => format!("http://{addr}"),
            Transport::Uds => format!("unix://{addr}"),
        };
        let channel = Endpoint::from_shared(uri)?.connect().await?;
        Ok(Self(tonic::client::Grpc::new(channel).max_decoding_message_size(MESSAGE_BYTES_MAX)))
    }

    async fn call<Q, A>(&mut self, path: &'static str, request: Q) -> anyhow::Result<A>
    where
        Q: prost::Message + Send + Sync + 'static,
        A: prost::Message + Default + Send + Sync + 'static,
    {
        self.0.ready().await?;
        let answered = self.0.unary(
            Request::new(request),
            PathAndQuery::from_static(path),
            ProstCodec::<Q, A>::default(),
        );
        Ok(answered.await?.into_inner())
    }

    async fn stream<Q, A>(&mut self, path: &'static str, request: Q) -> anyhow::Result<Streaming<A>>
    where
        Q: prost::Message + Send + Sync + 'static,
        A: prost::Message + Default + Send + Sync + 'static,
    {
        self.0.ready().await?;
        let (path, codec) = (PathAndQuery::from_static(path), ProstCodec::<Q, A>::default());
        Ok(self.0.server_streaming(Request::new(request), path, codec).await?.into_inner())
    }

    async fn echo(&mut self, values: mpsc::Receiver<Number>) -> anyhow::Result<Streaming<Number>> {
        self.0.ready().await?;
        let values = stream::unfold(values, async |mut values| Some((values.recv().await?, values)));
        let (path, codec) = (PathAndQuery::from_static("/benches.Api/Echo"), ProstCodec::default());
        Ok(self.0.streaming(Request::new(values), path, codec).await?.into_inner())
    }

    async fn add_one(&mut self, value: u64) -> anyhow::Result<()> {
        let answer: Number = self.call("/benches.Api/AddOne", Number { value }).await?;
        anyhow::ensure!(answer.value == value + 1);
        Ok(())
    }

    async fn take_ticks(&mut self, count: u64) -> anyhow::Result<()> {
        let mut ticks: Streaming<TickMessage> =
            self.stream("/benches.Api/Ticks", Number { value: count }).await?;
        for seq in 0..count {
            anyhow::ensure!(ticks.message().await?.is_some_and(|tick| tick.seq == seq));
        }
        Ok(())
    }

    async fn take_payloads(&mut self, count: u64, bytes: u64) -> anyhow::Result<()> {
        let request = PayloadRequest { count, bytes };
        let mut payloads: Streaming<Payload> = self.stream("/benches.Api/Payloads", request).await?;
        for _ in 0..count {
            anyhow::ensure!(
                payloads.message().await?.is_some_and(|payload| payload.data.len() as u64 == bytes)
            );
        }
        Ok(())
    }
}

pub(super) async fn take(job: Job, meter: Meter, addr: &str) -> anyhow::Result<Numbers> {
    let mut client = Client::connect(job, addr).await?;
    match job.work {
        Work::Call => Ok(meter.one_by_one(async |arg| client.add_one(arg).await.expect("it answers")).await),
        Work::Connect => Ok(meter
            .one_by_one(async |arg| {
                let mut client = Client::connect(job, addr).await.expect("it listens");
                client.add_one(arg).await.expect("it answers");
            })
            .await),
        Work::CallsAtOnce => {
            let call = move |_, arg| {
                let mut client = client.clone();
                async move { client.add_one(arg).await }
            };
            Ok(meter.at_once(IN_FLIGHT, call).await)
        }
        Work::PingPong => {
            let (values, sent) = mpsc::channel(16);
            let mut back = client.echo(sent).await?;
            Ok(meter
                .one_by_one(async |value| {
                    values.send(Number { value }).await.expect("it reads");
                    assert_eq!(back.message().await.expect("an echo"), Some(Number { value }));
                })
                .await)
        }
        Work::Ticks => meter.messages(async |count| client.take_ticks(count).await).await,
        Work::Fresh => meter.messages(async |count| client.take_payloads(count, LARGE_BYTES).await).await,
        Work::Payload => meter.messages(async |count| client.take_payloads(count, job.size).await).await,
        Work::Argument => {
            let data = Bytes::from(vec![7; usize::try_from(job.size)?]);
            meter
                .messages(async |calls| {
                    for _ in 0..calls {
                        let answer: Number =
                            client.call("/benches.Api/Count", Payload { data: data.clone() }).await?;
                        anyhow::ensure!(answer.value == job.size);
                    }
                    Ok(())
                })
                .await
        }
        work => bail!("tonic has no {work:?}"),
    }
}
