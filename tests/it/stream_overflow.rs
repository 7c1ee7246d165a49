//! Streams whose receiver does not keep up, for each policy.

use serde_bytes::ByteBuf;
use support::journal::{note, seen};
use support::with_local;
use tractor::error::RemoteKind;
use tractor::prelude::*;
use tractor::{Error, Overflow, Result};

/// Forty times the bytes that a sender may have in flight by default.
const VALUES: usize = 1000;
const BYTES: usize = 10 * 1024;

fn value(number: usize) -> ByteBuf {
    ByteBuf::from(vec![(number % 251) as u8; BYTES])
}

/// Sends this many values once it has received one.
#[tractor::context(pld_spec = ByteBuf, started = (), returns = usize)]
async fn sends(ctx: Context<(), ByteBuf>, count: usize) -> tractor::Result<usize> {
    let ctx = ctx.started(()).await?;
    let mut stream = ctx.open_stream();
    stream.receive().await?;
    for number in 0..count {
        stream.send(value(number)).await?;
    }
    note("sent");
    Ok(count)
}

/// Sends its values at once.
#[tractor::context(pld_spec = ByteBuf, started = (), returns = ())]
async fn sends_at_once(ctx: Context<(), ByteBuf>) -> tractor::Result<()> {
    let ctx = ctx.started(()).await?;
    let stream = ctx.open_stream();
    for number in 0..VALUES {
        if number == 10 {
            note("ten");
        }
        stream.send(value(number)).await?;
    }
    note("sent");
    Ok(())
}

/// Receives nothing until it is asked to.
#[tractor::context(pld_spec = ByteBuf, started = (), returns = usize)]
async fn buffers(ctx: Context<(), ByteBuf>) -> tractor::Result<usize> {
    let ctx = ctx.started(()).await?;
    let mut stream = ctx.open_stream_with(Overflow::Buffer);
    seen("read".to_owned()).await;
    let mut count = 0;
    while let Some(received) = stream.receive().await? {
        assert_eq!(received, value(count));
        count += 1;
    }
    Ok(count)
}

#[tractor::actor_fn]
async fn read_now() {
    note("read");
}

#[tractor::test]
async fn a_sender_into_a_buffer_never_waits() -> Result<()> {
    with_local(module_path!(), async |portal| {
        portal
            .open_context(sends(VALUES), async |ctx, ()| {
                let handle = ctx.handle();
                let mut stream = ctx.open_stream_with(Overflow::Buffer);
                stream.send(value(0)).await?;
                portal.run(seen("sent".to_owned())).await?;
                for number in 0..VALUES {
                    assert_eq!(stream.receive().await?, Some(value(number)));
                }
                assert_eq!(stream.receive().await?, None);
                assert_eq!(handle.wait_for_result().await?, VALUES);
                Ok(())
            })
            .await
    })
    .await
}

#[tractor::test]
async fn a_child_side_buffers_too() -> Result<()> {
    with_local(module_path!(), async |portal| {
        portal
            .open_context(buffers(), async |ctx, ()| {
                let handle = ctx.handle();
                let stream = ctx.open_stream();
                for number in 0..VALUES {
                    stream.send(value(number)).await?;
                }
                stream.finish();
                portal.run(read_now()).await?;
                assert_eq!(handle.wait_for_result().await?, VALUES);
                Ok(())
            })
            .await
    })
    .await
}

#[tractor::test]
async fn a_sender_that_waits_already_goes_on_when_the_buffer_opens() -> Result<()> {
    with_local(module_path!(), async |portal| {
        portal
            .open_context(sends_at_once(), async |ctx, ()| {
                portal.run(seen("ten".to_owned())).await?;
                let handle = ctx.handle();
                let mut stream = ctx.open_stream_with(Overflow::Buffer);
                portal.run(seen("sent".to_owned())).await?;
                for number in 0..VALUES {
                    assert_eq!(stream.receive().await?, Some(value(number)));
                }
                handle.wait_for_result().await
            })
            .await
    })
    .await
}

/// Sends until a value is refused.
#[tractor::context(pld_spec = u64, started = (), returns = ())]
async fn floods(ctx: Context<(), u64>) -> tractor::Result<()> {
    let ctx = ctx.started(()).await?;
    let mut stream = ctx.open_stream();
    stream.receive().await?;
    for number in 0.. {
        if let Err(error) = stream.send(number).await {
            note(format!("{:?}", error.as_remote().map(|remote| remote.kind())));
            return Err(error);
        }
    }
    Ok(())
}

/// Opens its stream with this policy, and reads nothing until it is asked to. Returns the values that it has read.
#[tractor::context(pld_spec = u64, started = (), returns = Vec<u64>)]
async fn reads_late(ctx: Context<(), u64>, policy: String) -> tractor::Result<Vec<u64>> {
    let overflow = match &*policy {
        "error" => Overflow::Error,
        "oldest" => Overflow::DropOldest,
        _ => Overflow::Latest,
    };
    let ctx = ctx.started(()).await?;
    let mut stream = ctx.open_stream_with(overflow);
    stream.send(0).await?;
    seen("read".to_owned()).await;
    let mut read = Vec::new();
    while let Some(value) = stream.receive().await? {
        read.push(value);
    }
    Ok(read)
}

/// Sends the numbers below `count` when it has received a value.
#[tractor::context(pld_spec = u64, started = (), returns = ())]
async fn numbers(ctx: Context<(), u64>, count: u64) -> tractor::Result<()> {
    let ctx = ctx.started(()).await?;
    let mut stream = ctx.open_stream();
    stream.receive().await?;
    for number in 0..count {
        stream.send(number).await?;
    }
    note("sent");
    Ok(())
}

#[track_caller]
fn assert_overrun(error: &Error) {
    assert_eq!(error.as_remote().map(|remote| remote.kind()), Some(RemoteKind::StreamOverrun), "{error:?}");
}

#[tractor::test]
async fn a_refused_value_fails_the_sending_endpoint_and_then_its_receiver() -> Result<()> {
    with_local(module_path!(), async |portal| {
        let us = tractor::current_actor().uid().clone();
        let left = portal.open_context(floods(), async |ctx, ()| -> Result<()> {
            let mut stream = ctx.open_stream_with(Overflow::Error);
            stream.send(0).await?;
            for number in 0.. {
                match stream.receive().await {
                    Ok(received) => assert_eq!(received, Some(number), "no gap before the error"),
                    Err(error) => {
                        assert!(number >= 64, "only {number} were read");
                        assert_overrun(&error);
                        return Err(error);
                    }
                }
            }
            Ok(())
        });
        let error = left.await.expect_err("a value was refused");
        assert_overrun(&error);
        assert_eq!(
            error.as_remote().map(|remote| remote.src_uid()),
            Some(&us),
            "the error names the actor that refused it"
        );
        portal.run(seen("Some(StreamOverrun)".to_owned())).await
    })
    .await
}

#[tractor::test]
async fn the_scope_fails_even_if_nothing_is_read() -> Result<()> {
    with_local(module_path!(), async |portal| {
        // The endpoint may have returned before the refusal arrives.
        for count in [65, 70, 5000] {
            let left = portal.open_context(numbers(count), async |ctx, ()| {
                let handle = ctx.handle();
                let stream = ctx.open_stream_with(Overflow::Error);
                stream.send(0).await?;
                while !handle.has_outcome() {
                    tokio::task::yield_now().await;
                }
                Ok(())
            });
            assert_overrun(&left.await.expect_err("values were refused"));
        }
        Ok(())
    })
    .await
}

#[tractor::test]
async fn a_refusing_endpoint_fails_the_body_that_floods_it() -> Result<()> {
    with_local(module_path!(), async |portal| {
        let left = portal.open_context(reads_late("error".to_owned()), async |ctx, ()| -> Result<()> {
            let mut stream = ctx.open_stream();
            stream.receive().await?;
            for number in 0.. {
                if let Err(error) = stream.send(number).await {
                    assert_overrun(&error);
                    assert!(number > 64);
                    return Err(error);
                }
            }
            Ok(())
        });
        let error = left.await.expect_err("values were refused");
        assert_overrun(&error);
        assert_eq!(error.as_remote().map(|remote| remote.src_uid()), Some(portal.uid()));
        assert_eq!(portal.dialogs_open(), 0, "the endpoint has ended");
        Ok(())
    })
    .await
}

#[tractor::test]
async fn a_receiver_that_keeps_pace_is_never_overrun() -> Result<()> {
    with_local(module_path!(), async |portal| {
        portal
            .open_context(reads_late("error".to_owned()), async |ctx, ()| {
                let handle = ctx.handle();
                let mut stream = ctx.open_stream();
                stream.receive().await?;
                for number in 0..64 {
                    stream.send(number).await?;
                }
                stream.finish();
                portal.run(read_now()).await?;
                assert_eq!(handle.wait_for_result().await?, (0..64).collect::<Vec<_>>());
                Ok(())
            })
            .await
    })
    .await
}

#[tractor::test]
async fn the_oldest_or_all_but_the_newest_are_left_out() -> Result<()> {
    with_local(module_path!(), async |portal| {
        for (overflow, first_kept) in [(Overflow::DropOldest, 936), (Overflow::Latest, 999)] {
            portal
                .open_context(numbers(1000), async |ctx, ()| -> Result<()> {
                    let handle = ctx.handle();
                    let mut stream = ctx.open_stream_with(overflow);
                    stream.send(0).await?;
                    while !handle.has_outcome() {
                        tokio::task::yield_now().await;
                    }
                    for number in first_kept..1000 {
                        assert_eq!(stream.receive().await?, Some(number), "{overflow:?}");
                    }
                    assert_eq!(stream.receive().await?, None);
                    Ok(())
                })
                .await?;
        }
        Ok(())
    })
    .await
}

#[tractor::test]
async fn a_child_side_leaves_values_out_too() -> Result<()> {
    for (policy, first_kept) in [("oldest", 936), ("latest", 999)] {
        with_local(module_path!(), async |portal| {
            portal
                .open_context(reads_late(policy.to_owned()), async |ctx, ()| {
                    let handle = ctx.handle();
                    let mut stream = ctx.open_stream();
                    stream.receive().await?;
                    for number in 0..1000 {
                        stream.send(number).await?;
                    }
                    stream.finish();
                    portal.run(read_now()).await?;
                    assert_eq!(handle.wait_for_result().await?, (first_kept..1000).collect::<Vec<_>>());
                    Ok(())
                })
                .await
        })
        .await?;
    }
    Ok(())
}

/// Sends the numbers below `count`, and then returns or stays.
#[tractor::context(pld_spec = u64, started = (), returns = ())]
async fn numbers_at_once(ctx: Context<(), u64>, count: u64, stays: bool) -> tractor::Result<()> {
    let ctx = ctx.started(()).await?;
    let stream = ctx.open_stream();
    for number in 0..count {
        stream.send(number).await?;
    }
    note("sent");
    if stays {
        std::future::pending::<()>().await;
    }
    Ok(())
}

/// Reads until the error. Returns the count of values and the error.
async fn read_to_the_error<R>(stream: &mut tractor::MsgStream<u64, u64, R>) -> (u64, Error) {
    for number in 0.. {
        match stream.receive().await {
            Ok(received) => assert_eq!(received, Some(number), "no gap before the error"),
            Err(error) => return (number, error),
        }
    }
    unreachable!("the stream has an end")
}

#[tractor::test]
async fn a_refusing_receiver_counts_what_came_before_its_stream() -> Result<()> {
    with_local(module_path!(), async |portal| {
        for stays in [true, false] {
            let mut read = 0;
            let scope = portal.open_context(numbers_at_once(500, stays), async |ctx, ()| -> Result<()> {
                portal.run(seen("sent".to_owned())).await?;
                while !stays && !ctx.has_outcome() {
                    tokio::task::yield_now().await;
                }
                let mut stream = ctx.open_stream_with(Overflow::Error);
                let (count, error) = read_to_the_error(&mut stream).await;
                read = count;
                Err(error)
            });
            assert_overrun(&scope.await.expect_err("500 values are more than 64"));
            assert_eq!((read, portal.dialogs_open()), (64, 0), "stays: {stays}");
        }
        Ok(())
    })
    .await
}

/// Opens its stream on demand.
#[tractor::context(pld_spec = u64, started = (), returns = ())]
async fn refuses_late(ctx: Context<(), u64>) -> tractor::Result<()> {
    let ctx = ctx.started(()).await?;
    seen("read".to_owned()).await;
    let mut stream = ctx.open_stream_with(Overflow::Error);
    let (count, error) = read_to_the_error(&mut stream).await;
    note(format!("read {count}"));
    Err(error)
}

#[tractor::test]
async fn a_refusing_endpoint_counts_what_came_before_its_stream() -> Result<()> {
    with_local(module_path!(), async |portal| {
        let scope = portal.open_context(refuses_late(), async |ctx, ()| {
            let handle = ctx.handle();
            let stream = ctx.open_stream();
            for number in 0..500 {
                stream.send(number).await?;
            }
            portal.run(read_now()).await?;
            handle.wait_for_result().await
        });
        let error = scope.await.expect_err("500 values are more than 64");
        assert_overrun(&error);
        assert_eq!(error.as_remote().map(|remote| remote.src_uid()), Some(portal.uid()));
        portal.run(seen("read 64".to_owned())).await
    })
    .await
}
