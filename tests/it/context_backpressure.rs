//! Streams whose receiver does not read: the sender waits, but its connection and other streams do not.

use std::pin::pin;

use serde_bytes::ByteBuf;
use support::journal::{NoteOnDrop, note, seen};
use support::{forever, with_local, with_process};
use tokio::sync::watch;
use tractor::Result;
use tractor::prelude::*;

const KIB: usize = 1024;
/// Bytes that a sender may have in flight before it must wait for the receiver.
const WINDOW_BYTES: usize = 256 * KIB;

tractor::actor_local! {
    /// Values sent, and whether the sender waits.
    static PROGRESS: watch::Sender<(usize, bool)> = watch::Sender::new((0, false));
}

/// Waits for a future. While it is not ready, `PROGRESS` shows the sender as blocked.
async fn tracked(send: impl Future<Output = Result<()>>) -> Result<()> {
    let progress = PROGRESS.get();
    let mut send = pin!(send);
    std::future::poll_fn(|cx| {
        let mut polled = send.as_mut().poll(cx);
        if polled.is_pending() {
            // The first poll may merely have yielded; a sender without room still waits after the second one.
            polled = send.as_mut().poll(cx);
        }
        progress.send_modify(|(sent, blocked)| {
            *sent += usize::from(polled.is_ready());
            *blocked = polled.is_pending();
        });
        polled
    })
    .await
}

/// Waits until this actor's sender is blocked, and returns how many values it has sent.
#[tractor::actor_fn]
async fn blocked_after() -> usize {
    let progress = PROGRESS.get();
    let mut changed = progress.subscribe();
    let seen = changed.wait_for(|(_, blocked)| *blocked).await.expect("the actor holds the sender");
    seen.0
}

#[tractor::context(started = (), send = ByteBuf)]
async fn floods(ctx: Context<(), ByteBuf, ()>, count: usize, bytes: usize) -> tractor::Result<usize> {
    let _note = NoteOnDrop("flood dropped");
    let ctx = ctx.started(()).await?;
    let stream = ctx.open_stream();
    for number in 0..count {
        tracked(stream.send(ByteBuf::from(vec![(number % 251) as u8; bytes]))).await?;
    }
    Ok(count)
}

#[tractor::stream]
async fn drips(out: StreamSender<ByteBuf>, count: usize, bytes: usize) -> tractor::Result<()> {
    for number in 0..count {
        tracked(out.send(ByteBuf::from(vec![(number % 251) as u8; bytes]))).await?;
    }
    Ok(())
}

#[tractor::context(pld_spec = ByteBuf, started = (), returns = usize)]
async fn reads_later(ctx: Context<(), ByteBuf>) -> tractor::Result<usize> {
    let ctx = ctx.started(()).await?;
    let mut stream = ctx.open_stream();
    seen("read".to_owned()).await;
    let mut bytes = 0;
    while let Some(value) = stream.receive().await? {
        bytes += value.len();
    }
    Ok(bytes)
}

#[tractor::context(started = (), recv = u8)]
async fn never_reads(ctx: Context<(), (), u8>) -> tractor::Result<()> {
    let _note = NoteOnDrop("reader dropped");
    let ctx = ctx.started(()).await?;
    let _stream = ctx.open_stream();
    forever().await;
    Ok(())
}

#[tractor::context(pld_spec = u64)]
async fn echoes(ctx: Context<u64>) -> tractor::Result<u64> {
    let ctx = ctx.started(0).await?;
    let mut stream = ctx.open_stream();
    let mut count = 0;
    while let Some(value) = stream.receive().await? {
        stream.send(value).await?;
        count += 1;
    }
    Ok(count)
}

#[tractor::actor_fn]
async fn read_now() {
    note("read");
}

/// Bytes of memory that this process has touched.
#[tractor::actor_fn]
async fn resident_bytes() -> usize {
    let statm = std::fs::read_to_string("/proc/self/statm").expect("the process table is readable");
    let pages: usize =
        statm.split(' ').nth(1).and_then(|pages| pages.parse().ok()).expect("it has seven numbers");
    pages * 4 * KIB
}

/// A blocked sender has sent at most its window and one value.
#[track_caller]
fn assert_within_window(sent: usize, bytes: usize) {
    assert!(sent > 0);
    assert!((sent - 1) * bytes < WINDOW_BYTES, "{sent} values of {bytes} bytes");
}

async fn echo_works(worker: &Portal) -> Result<()> {
    let count = worker
        .open_context(echoes(), async |ctx, _| -> Result<u64> {
            let handle = ctx.handle();
            let mut stream = ctx.open_stream();
            for number in 0..1000 {
                stream.send(number).await?;
                assert_eq!(stream.receive().await?, Some(number));
            }
            stream.finish();
            handle.wait_for_result().await
        })
        .await?;
    assert_eq!(count, 1000);
    Ok(())
}

#[tractor::test]
async fn a_child_side_waits_for_its_reader_and_nobody_else_does() -> Result<()> {
    const COUNT: usize = 4000;
    with_process(module_path!(), async |worker| {
        worker
            .open_context(floods(COUNT, KIB), async |ctx, ()| {
                let handle = ctx.handle();
                let mut stream = ctx.open_stream();
                let sent = worker.run(blocked_after()).await?;
                assert_within_window(sent, KIB);
                echo_works(worker).await?;
                assert_eq!(worker.run(blocked_after()).await?, sent, "nothing was sent meanwhile");
                for number in 0..COUNT {
                    let value = stream.receive().await?.expect("the stream goes on");
                    assert_eq!((value.len(), value[0]), (KIB, (number % 251) as u8));
                }
                assert_eq!(stream.receive().await?, None);
                assert_eq!(handle.wait_for_result().await?, COUNT);
                Ok(())
            })
            .await
    })
    .await
}

#[tractor::test]
async fn a_blocked_sender_holds_little_memory() -> Result<()> {
    const COUNT: usize = 2000; // times 64 KiB: 125 MiB
    with_process(module_path!(), async |worker| {
        let before = worker.run(resident_bytes()).await?;
        worker
            .open_context(floods(COUNT, 64 * KIB), async |ctx, ()| {
                let handle = ctx.handle();
                let mut stream = ctx.open_stream();
                assert_within_window(worker.run(blocked_after()).await?, 64 * KIB);
                for _ in 0..COUNT {
                    assert!(stream.receive().await?.is_some());
                }
                handle.wait_for_result().await
            })
            .await?;
        let grown = worker.run(resident_bytes()).await?.saturating_sub(before);
        assert!(grown < 32 * KIB * KIB, "the sender has grown by {grown} bytes");
        Ok(())
    })
    .await
}

#[tractor::test]
async fn a_parent_side_waits_for_its_reader() -> Result<()> {
    const COUNT: usize = 2000;
    with_process(module_path!(), async |worker| {
        worker
            .open_context(reads_later(), async |ctx, ()| {
                let handle = ctx.handle();
                let stream = ctx.open_stream();
                let mut sends = pin!(async {
                    for _ in 0..COUNT {
                        tracked(stream.send(ByteBuf::from(vec![1; KIB]))).await?;
                    }
                    stream.finish();
                    Ok::<_, tractor::Error>(())
                });
                let sent = tokio::select! {
                    biased;
                    done = &mut sends => panic!("nobody reads: {done:?}"),
                    sent = blocked_after() => sent,
                };
                assert_within_window(sent, KIB);
                echo_works(worker).await?;
                worker.run(read_now()).await?;
                sends.await?;
                assert_eq!(handle.wait_for_result().await?, COUNT * KIB);
                Ok(())
            })
            .await
    })
    .await
}

#[tractor::test]
async fn a_value_larger_than_the_window_passes() -> Result<()> {
    with_process(module_path!(), async |worker| {
        worker
            .open_context(floods(5, 3 * KIB * KIB), async |ctx, ()| {
                let handle = ctx.handle();
                let mut stream = ctx.open_stream();
                for number in 0..5 {
                    let value = stream.receive().await?.expect("the stream has five values");
                    assert_eq!((value.len(), value[0]), (3 * KIB * KIB, number));
                }
                assert_eq!(stream.receive().await?, None);
                assert_eq!(handle.wait_for_result().await?, 5);
                Ok(())
            })
            .await
    })
    .await
}

#[tractor::test]
async fn a_one_way_stream_waits_for_its_reader_too() -> Result<()> {
    const COUNT: usize = 2000;
    with_process(module_path!(), async |worker| {
        worker
            .open_stream_from(drips(COUNT, KIB), async |mut stream| {
                assert_within_window(worker.run(blocked_after()).await?, KIB);
                for _ in 0..COUNT {
                    assert!(stream.receive().await?.is_some());
                }
                assert_eq!(stream.receive().await?, None);
                Ok(())
            })
            .await
    })
    .await
}

#[tractor::test]
async fn a_blocked_child_side_can_be_cancelled() -> Result<()> {
    with_process(module_path!(), async |worker| {
        worker
            .open_context(floods(usize::MAX, KIB), async |ctx, ()| -> Result<()> {
                let handle = ctx.handle();
                let _stream = ctx.open_stream();
                worker.run(blocked_after()).await?;
                assert!(handle.cancel().await?);
                Ok(())
            })
            .await?;
        worker.run(seen("flood dropped".to_owned())).await?;
        echo_works(worker).await
    })
    .await
}

#[tractor::test]
async fn a_blocked_parent_side_can_be_dropped() -> Result<()> {
    with_local(module_path!(), async |worker| {
        let scope = worker.open_context(never_reads(), async |ctx, ()| -> Result<()> {
            let stream = ctx.open_stream();
            loop {
                tracked(stream.send(1)).await?;
            }
        });
        tokio::select! {
            biased;
            left = scope => panic!("nobody reads: {left:?}"),
            sent = blocked_after() => assert!(sent > 0),
        }
        worker.run(seen("reader dropped".to_owned())).await
    })
    .await
}
