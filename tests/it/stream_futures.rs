//! The handles of streams as `futures::Stream` and `futures::Sink`, and through these as readers and writers of bytes.

use std::io;
use std::pin::Pin;
use std::task::Poll;

use futures_util::stream::iter;
use futures_util::{Sink, SinkExt, StreamExt, TryStreamExt, poll};
use support::{Spoiled, in_nursery, spoiled, with_local};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_util::io::{CopyToBytes, ReaderStream, SinkWriter, StreamReader};
use tractor::error::RemoteKind;
use tractor::prelude::*;
use tractor::{Bytes, Error, Limits, MsgStream, ReceiveStream, Result, StreamRx, StreamSubscriber, StreamTx};

const MODULE: &str = module_path!();
const CHUNK: usize = 16 << 10;

#[tractor::stream]
async fn ticks(mut out: StreamSender<u64>, count: u64) -> Result<()> {
    iter(0..count).map(Ok).forward(&mut out).await
}

#[tractor::stream]
async fn fails_after(out: StreamSender<u64>, count: u64) -> std::result::Result<(), Spoiled> {
    for tick in 0..count {
        out.send(tick).await.expect("the receiver is there");
    }
    spoiled("fell over")
}

/// Answers each number with its square, and returns the count of numbers.
#[tractor::context(started = (), send = u64, recv = u64, returns = u64)]
async fn squares(ctx: Context<(), u64>) -> Result<u64> {
    let mut stream = ctx.started(()).await?.open_stream();
    let mut count = 0;
    let (tx, rx) = MsgStream::split(&mut stream);
    rx.map_ok(|number| number * number).inspect_ok(|_| count += 1).forward(tx).await?;
    Ok(count)
}

/// The content of a file that is `len` bytes long.
fn content(len: usize) -> Vec<u8> {
    (0..len).map(|at| (at % 251) as u8).collect()
}

/// Streams the bytes that it reads.
#[tractor::stream]
async fn download(out: StreamSender<Bytes>, len: usize) -> io::Result<()> {
    let content = content(len);
    let mut chunks = ReaderStream::with_capacity(&content[..], CHUNK);
    while let Some(chunk) = chunks.next().await {
        out.send(chunk?).await?;
    }
    Ok(())
}

/// Reads the bytes that it receives.
#[tractor::context(started = (), recv = Bytes, returns = Vec<u8>)]
async fn upload(ctx: Context<(), (), Bytes>, keeps: usize) -> io::Result<Vec<u8>> {
    let stream = ctx.started(()).await?.open_stream();
    let (mut all, mut reader) = (Vec::new(), StreamReader::new(stream));
    reader.read_to_end(&mut all).await?;
    assert_eq!(all, content(all.len()));
    all.truncate(keeps);
    Ok(all)
}

#[tractor::stream]
async fn breaks_off(out: StreamSender<Bytes>) -> std::result::Result<(), Spoiled> {
    out.send(Bytes::from_static(b"a few")).await.expect("the receiver is there");
    spoiled("the disk is gone")
}

/// Reads from the failing endpoint of another actor, and returns the error of the read.
#[tractor::actor_fn]
async fn passes_on(addr: String) -> io::Result<u64> {
    let addr = addr.parse().expect("the test passes on what an actor has said");
    tractor::connect(&addr, async |portal| {
        portal
            .open_stream_from(breaks_off(), async |stream| {
                let mut all = Vec::new();
                StreamReader::new(stream).read_to_end(&mut all).await.map(|len| len as u64)
            })
            .await
    })
    .await
}

#[tractor::test]
async fn a_one_way_stream_is_a_stream_and_a_sink() -> Result<()> {
    with_local(MODULE, async |portal| {
        let all = portal.open_stream_from(ticks(1000), async |stream| stream.try_collect::<Vec<_>>().await);
        assert_eq!(all.await?, (0..1000).collect::<Vec<_>>());
        Ok(())
    })
    .await
}

#[tractor::test]
async fn a_two_way_stream_is_both() -> Result<()> {
    with_local(MODULE, async |portal| {
        let count = portal.open_context(squares(), async |ctx, ()| {
            let mut stream = ctx.open_stream();
            stream.send_all(&mut iter(0..3).map(Ok)).await?;
            for square in [0, 1, 4] {
                assert_eq!(stream.try_next().await?, Some(square));
            }
            // More than the windows hold, so that both directions have to move.
            let (mut tx, rx) = MsgStream::split(&mut stream);
            let sent = async {
                tx.send_all(&mut iter(0..20_000).map(Ok)).await?;
                SinkExt::close(&mut tx).await
            };
            let (sent, sum) =
                tokio::join!(sent, rx.try_fold(0u64, async |sum, square| Ok(sum.wrapping_add(square))));
            sent?;
            assert_eq!(sum?, (0..20_000).map(|number| number * number).sum::<u64>());
            stream.wait_for_result().await
        });
        assert_eq!(count.await?, 20_003);
        Ok(())
    })
    .await
}

#[tractor::test]
async fn each_subscriber_is_a_stream_of_all_values() -> Result<()> {
    with_local(MODULE, async |portal| {
        portal
            .open_context(squares(), async |ctx, ()| {
                let mut stream = ctx.open_stream();
                let (one, two) = (stream.subscribe(), stream.subscribe());
                stream.send_all(&mut iter(0..50).map(Ok)).await?;
                stream.finish();
                let (one, two, three) = tokio::join!(
                    one.try_collect::<Vec<_>>(),
                    two.try_collect::<Vec<_>>(),
                    (&mut stream).try_collect::<Vec<_>>()
                );
                let squares: Vec<u64> = (0..50).map(|number| number * number).collect();
                assert_eq!((one?, two?, three?), (squares.clone(), squares.clone(), squares));
                stream.wait_for_result().await
            })
            .await?;
        Ok(())
    })
    .await
}

#[tractor::test]
async fn a_stream_ends_after_the_failure_of_its_dialog() -> Result<()> {
    with_local(MODULE, async |portal| {
        let failed = portal.open_stream_from(fails_after(3), async |stream: ReceiveStream<u64>| {
            let all: Vec<Result<u64>> = stream.collect().await;
            assert_eq!(all.len(), 4, "{all:?}");
            all.into_iter().collect::<Result<Vec<_>>>()
        });
        let error = failed.await.expect_err("the endpoint has failed");
        assert_eq!(error.as_remote().map(|remote| remote.message()), Some("fell over"));
        Ok(())
    })
    .await
}

#[tractor::test]
async fn a_sink_takes_one_value_at_a_time_and_sends_it_when_it_is_flushed() -> Result<()> {
    with_local(MODULE, async |portal| {
        let count = portal.open_context(squares(), async |ctx, ()| {
            let mut stream = ctx.open_stream();
            let mut sink = Pin::new(&mut stream);
            sink.as_mut().start_send(3)?;
            let error = sink.as_mut().start_send(4).expect_err("the first is not sent");
            assert!(error.to_string().contains("`poll_ready`"), "{error}");
            assert!(matches!(poll!(stream.next()), Poll::Pending), "the value was not sent");
            SinkExt::flush(&mut stream).await?;
            assert_eq!(stream.try_next().await?, Some(9));
            Pin::new(&mut stream).start_send(5)?;
            // The unsent value is dropped with the stream.
            stream.wait_for_result().await
        });
        assert_eq!(count.await?, 1);
        Ok(())
    })
    .await
}

/// The file is larger than `frame_bytes_max`.
#[tractor::test]
async fn readers_and_writers_move_more_than_a_frame_holds() -> Result<()> {
    const LEN: usize = 3 << 20;

    in_nursery(async |tree, an| {
        let limits = Limits::default().frame_bytes_max(64 << 10);
        let worker = an.start_actor(tree.name("worker")).enable_module(MODULE).limits(limits).await?;
        let all = worker.open_stream_from(download(LEN), async |stream| {
            let mut all = Vec::new();
            StreamReader::new(stream).read_to_end(&mut all).await?;
            Ok::<_, io::Error>(all)
        });
        assert!(all.await.expect("it is read") == content(LEN));

        let begin = worker.open_context(upload(10), async |ctx, ()| -> io::Result<Vec<u8>> {
            let handle = ctx.handle();
            let mut writer = SinkWriter::new(CopyToBytes::new(ctx.open_stream()));
            tokio::io::copy_buf(&mut &content(LEN)[..], &mut Chunked(&mut writer)).await?;
            writer.shutdown().await?;
            Ok(handle.wait_for_result().await?)
        });
        assert_eq!(begin.await.expect("it is written"), content(10));
        worker.cancel_actor().await?;
        Ok(())
    })
    .await
}

/// Writes at most a chunk at a time.
struct Chunked<W>(W);

impl<W: tokio::io::AsyncWrite + Unpin> tokio::io::AsyncWrite for Chunked<W> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut std::task::Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, &bytes[..bytes.len().min(CHUNK)])
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut std::task::Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut std::task::Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}

#[tractor::test]
async fn a_failure_goes_through_readers_and_comes_out_as_what_it_was() -> Result<()> {
    in_nursery(async |tree, an| {
        let addr = tractor::socket_addr(&tree.name("worker"))?;
        let worker = an.start_actor(tree.name("worker")).enable_module(MODULE).bind(addr.clone()).await?;
        let broken: io::Result<()> = worker
            .open_stream_from(breaks_off(), async |stream| {
                let mut all = Vec::new();
                let error =
                    StreamReader::new(stream).read_to_end(&mut all).await.expect_err("the endpoint fails");
                assert_eq!(all, b"a few");
                Err(error)
            })
            .await;
        let error = broken.expect_err("the body's error wins");
        let inside = error.get_ref().and_then(|inside| inside.downcast_ref::<Error>());
        let remote = inside.and_then(Error::as_remote).expect("a failure of the worker");
        assert_eq!((remote.kind(), remote.message()), (RemoteKind::Error, "the disk is gone"));

        let relay = an.start_actor(tree.name("relay")).enable_module(MODULE).await?;
        let error = relay.run(passes_on(addr.to_string())).await.expect_err("it is passed on");
        let remote = error.as_remote().expect("a failure of the worker");
        assert_eq!((remote.src_type(), remote.message()), ("Spoiled", "the disk is gone"));
        assert_eq!(remote.relay_path(), [worker.uid().clone(), relay.uid().clone()]);
        worker.cancel_actor().await?;
        relay.cancel_actor().await?;
        Ok(())
    })
    .await
}

/// Handles may move into tasks, and several futures may borrow them at once.
#[test]
fn handles_are_send_and_sync() {
    fn check<T: Send + Sync + Unpin>() {}

    check::<MsgStream<u64>>();
    check::<StreamTx<'_, std::cell::Cell<u64>>>();
    check::<StreamRx<'_, std::cell::Cell<u64>>>();
    check::<StreamSender<std::cell::Cell<u64>>>();
    check::<ReceiveStream<u64>>();
    check::<StreamSubscriber<u64>>();
}
