//! Streams whose reader is gone: the sender does not wait for it.

use std::pin::pin;

use serde_bytes::ByteBuf;
use support::journal::{NoteOnDrop, note, seen};
use support::{poll_once, with_local};
use tractor::prelude::*;
use tractor::{Error, Portal, Result};

/// More than any window holds.
const COUNT: usize = 1000;

fn value() -> ByteBuf {
    ByteBuf::from(vec![7; 1024])
}

#[track_caller]
fn assert_unread(sent: &Result<()>) {
    assert!(matches!(sent, Err(Error::Unread(_))), "{sent:?}");
}

/// How an endpoint reads its stream.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
enum Reading {
    /// Reads one value, and drops the stream.
    One,
    /// As `One`, after it has ended its own half.
    OneAfterItsOwnEnd,
    /// Drops the stream on request.
    WhenTold,
    /// Never opens the stream.
    Never,
    /// A subscriber reads one value, and is dropped.
    BySubscriber,
}

/// Reads a part of the values, and goes on with something else.
#[tractor::context(pld_spec = ByteBuf, started = (), returns = u8)]
async fn reads(ctx: Context<(), ByteBuf>, reading: Reading) -> tractor::Result<u8> {
    let ctx = ctx.started(()).await?;
    let handle = ctx.handle();
    match reading {
        Reading::Never => drop(ctx),
        Reading::One => _ = ctx.open_stream().receive().await?,
        Reading::OneAfterItsOwnEnd => {
            let mut stream = ctx.open_stream();
            stream.finish();
            stream.receive().await?;
        }
        Reading::WhenTold => {
            let stream = ctx.open_stream();
            seen("told".to_owned()).await;
            drop(stream);
        }
        Reading::BySubscriber => {
            let mut stream = ctx.open_stream();
            let mut reader = stream.subscribe();
            drop(stream);
            reader.receive().await?;
        }
    }
    tokio::select! {
        () = seen("return".to_owned()) => Ok(3),
        () = handle.cancelled() => Ok(4),
    }
}

#[tractor::actor_fn]
async fn tell(line: String) {
    note(line);
}

#[tractor::test]
async fn a_send_to_an_endpoint_that_no_longer_reads_fails() -> Result<()> {
    for reading in [Reading::One, Reading::OneAfterItsOwnEnd, Reading::Never, Reading::BySubscriber] {
        with_local(module_path!(), async |portal: &Portal| {
            let result = portal
                .open_context(reads(reading), async |ctx, ()| {
                    let stream = ctx.open_stream();
                    let mut sent = Ok(());
                    for _ in 0..COUNT {
                        sent = stream.send(value()).await;
                        if sent.is_err() {
                            break;
                        }
                    }
                    assert_unread(&sent);
                    assert_unread(&stream.send(value()).await);
                    portal.run(tell("return".to_owned())).await?;
                    stream.wait_for_result().await
                })
                .await?;
            assert_eq!(result, 3, "{reading:?}: the context goes on without its stream");
            Ok(())
        })
        .await?;
    }
    Ok(())
}

#[tractor::test]
async fn a_send_that_waits_for_room_is_told() -> Result<()> {
    with_local(module_path!(), async |portal| {
        portal
            .open_context(reads(Reading::WhenTold), async |ctx, ()| {
                let stream = ctx.open_stream();
                let mut waited = false;
                while !waited {
                    let mut send = pin!(stream.send(value()));
                    // The first poll may merely have yielded.
                    waited =
                        poll_once(&mut send).await.is_pending() && poll_once(&mut send).await.is_pending();
                    if waited {
                        portal.run(tell("told".to_owned())).await?;
                        assert_unread(&send.await);
                    }
                }
                portal.run(tell("return".to_owned())).await?;
                assert_eq!(stream.wait_for_result().await?, 3);
                Ok(())
            })
            .await
    })
    .await
}

/// Sends more than the window.
#[tractor::context(pld_spec = ByteBuf, started = (), returns = usize)]
async fn floods(ctx: Context<(), ByteBuf>) -> tractor::Result<usize> {
    let ctx = ctx.started(()).await?;
    let mut stream = ctx.open_stream();
    for _ in 0..COUNT {
        stream.send(value()).await?;
    }
    note("flooded");
    while stream.receive().await?.is_some() {}
    Ok(COUNT)
}

#[derive(Debug, Clone, Copy)]
enum Dropped {
    Stream,
    Unopened,
    LastSubscriber,
}

/// Values for a parent side that no longer reads are dropped, as after its body.
#[tractor::test]
async fn an_endpoint_that_sends_to_a_body_that_reads_no_more_goes_on() -> Result<()> {
    for dropped in [Dropped::Stream, Dropped::Unopened, Dropped::LastSubscriber] {
        with_local(module_path!(), async |portal: &Portal| {
            let result = portal
                .open_context(floods(), async |ctx, ()| {
                    let handle = ctx.handle();
                    match dropped {
                        Dropped::Stream => drop(ctx.open_stream()),
                        Dropped::Unopened => drop(ctx),
                        Dropped::LastSubscriber => {
                            let mut stream = ctx.open_stream();
                            let mut reader = stream.subscribe();
                            drop(stream);
                            reader.receive().await?;
                        }
                    }
                    if matches!(dropped, Dropped::Unopened) {
                        // The endpoint's stream goes on.
                        portal.run(seen("flooded".to_owned())).await?;
                        handle.cancel().await?;
                        return Ok(COUNT);
                    }
                    // The body does not wait for the context.
                    portal.run(seen("flooded".to_owned())).await?;
                    handle.wait_for_result().await
                })
                .await?;
            assert_eq!(result, COUNT, "{dropped:?}");
            Ok(())
        })
        .await?;
    }
    Ok(())
}

#[tractor::stream]
async fn endless(out: StreamSender<ByteBuf>) -> tractor::Result<()> {
    let _note = NoteOnDrop("dropped");
    loop {
        out.send(value()).await?;
    }
}

#[tractor::test]
async fn dropping_a_one_way_stream_ends_its_endpoint_while_the_body_goes_on() -> Result<()> {
    with_local(module_path!(), async |portal| {
        portal
            .open_stream_from(endless(), async |mut stream| {
                stream.receive().await?;
                drop(stream);
                portal.run(seen("dropped".to_owned())).await
            })
            .await
    })
    .await
}

/// Holds its stream, and reads later.
#[tractor::context(pld_spec = ByteBuf, started = (), returns = usize)]
async fn opens_late(ctx: Context<(), ByteBuf>) -> tractor::Result<usize> {
    let ctx = ctx.started(()).await?;
    seen("open".to_owned()).await;
    let mut stream = ctx.open_stream();
    let mut reader = stream.subscribe();
    let mut count = 0;
    for _ in 0..COUNT / 2 {
        stream.receive().await?;
        reader.receive().await?;
        count += 1;
    }
    drop(reader);
    while stream.receive().await?.is_some() {
        count += 1;
    }
    Ok(count)
}

#[tractor::test]
async fn a_late_reader_is_not_taken_for_a_gone_one() -> Result<()> {
    with_local(module_path!(), async |portal| {
        let count = portal
            .open_context(opens_late(), async |ctx, ()| {
                let stream = ctx.open_stream();
                let send = async {
                    for _ in 0..COUNT {
                        stream.send(value()).await?;
                    }
                    Ok(())
                };
                tokio::try_join!(send, portal.run(tell("open".to_owned())))?;
                stream.wait_for_result().await
            })
            .await?;
        assert_eq!(count, COUNT);
        Ok(())
    })
    .await
}
