//! Several readers of one stream: the values of each, the pace, and readers that are slow, dropped or late.

use std::pin::pin;

use futures_util::future::try_join_all;
use support::journal::{note, seen};
use support::{Spoiled, poll_once, spoiled, with_local};
use tractor::error::Lagged;
use tractor::prelude::*;
use tractor::{Error, MsgStream, Result, StreamSubscriber};

/// Values that are kept for slow readers, by default.
const RING: u64 = 64;

/// Sends `count` values, and `count` more for each value that it receives.
#[tractor::context(started = (), send = u64, recv = u64)]
async fn counts(ctx: Context<(), u64>, count: u64) -> tractor::Result<()> {
    let ctx = ctx.started(()).await?;
    let mut stream = ctx.open_stream();
    let mut next = 0;
    let mut until = count;
    loop {
        for value in next..until {
            stream.send(value).await?;
        }
        note(format!("sent {until}"));
        next = until;
        match stream.receive().await? {
            Some(more) => until += more,
            None => break,
        }
    }
    Ok(())
}

#[tractor::context(started = (), send = u64, recv = u64)]
async fn fails_after(ctx: Context<(), u64>, count: u64) -> anyhow::Result<()> {
    let ctx = ctx.started(()).await?;
    let mut stream = ctx.open_stream();
    for value in 0..count {
        stream.send(value).await?;
    }
    stream.receive().await?;
    Ok(spoiled("fell over")?)
}

type Stream = MsgStream<u64, u64, ()>;
type Subscriber = StreamSubscriber<u64>;

/// Runs the body on the stream of [`counts`], whose first `count` values have been sent.
async fn with_counts<F>(count: u64, body: F) -> Result<()>
where
    F: AsyncFnOnce(&mut Stream) -> Result<()>,
{
    with_local(module_path!(), async |portal| {
        portal
            .open_context(counts(count), async |ctx, ()| {
                let mut stream = ctx.open_stream();
                portal.run(seen(format!("sent {count}"))).await?;
                body(&mut stream).await?;
                stream.wait_for_result().await
            })
            .await
    })
    .await
}

async fn read(reader: &mut Subscriber, count: u64) -> Result<Vec<u64>> {
    let mut values = Vec::new();
    for _ in 0..count {
        values.push(reader.receive().await?.expect("the stream goes on"));
    }
    Ok(values)
}

fn lagged(received: Result<Option<u64>>) -> Lagged {
    match received {
        Err(Error::Lagged(lagged)) => lagged,
        other => panic!("expected a lag, got {other:?}"),
    }
}

#[tractor::test]
async fn every_reader_gets_every_value_in_order() -> Result<()> {
    with_counts(0, async |stream| {
        let readers = [stream.subscribe(), stream.subscribe(), stream.subscribe()];
        stream.send(1000).await?;
        let all =
            try_join_all(readers.into_iter().map(async |mut reader| read(&mut reader, 1000).await)).await?;
        for values in all {
            assert!(values.into_iter().eq(0..1000));
        }
        Ok(())
    })
    .await
}

#[tractor::test]
async fn readers_may_live_in_tasks() -> Result<()> {
    with_counts(0, async |stream| {
        let tasks = [stream.subscribe(), stream.subscribe()]
            .map(|reader| tokio::spawn(async move { read(&mut reader.lag_logged(), 50).await }));
        stream.send(50).await?;
        for task in tasks {
            assert!(task.await.expect("the task does not panic")?.into_iter().eq(0..50));
        }
        Ok(())
    })
    .await
}

#[tractor::test]
async fn unread_values_go_to_all_readers_and_read_ones_to_earlier_readers() -> Result<()> {
    with_counts(4, async |stream| {
        assert_eq!(stream.receive().await?, Some(0), "the stream is the only reader so far");
        let mut early = stream.subscribe();
        assert_eq!(read(&mut early, 2).await?, [1, 2]);
        let (mut late, mut later) = (stream.subscribe(), early.subscribe());
        assert_eq!(late.receive().await?, Some(3));
        assert_eq!(later.receive().await?, Some(3));
        assert_eq!(early.receive().await?, Some(3));
        for value in 1..4 {
            assert_eq!(stream.receive().await?, Some(value), "the stream is one of the readers");
        }
        Ok(())
    })
    .await
}

#[tractor::test]
async fn a_slow_reader_is_told_once_what_it_lost_and_the_fast_one_loses_nothing() -> Result<()> {
    with_counts(100, async |stream| {
        let (mut fast, mut slow) = (stream.subscribe(), stream.subscribe());
        assert!(read(&mut fast, 100).await?.into_iter().eq(0..100));
        let lag = lagged(slow.receive().await);
        assert_eq!(lag.dropped(), 100 - RING);
        assert!(lag.to_string().contains("36 values (`Limits::inbox_messages_max`)"), "{lag}");
        assert!(
            read(&mut slow, RING).await?.into_iter().eq(100 - RING..100),
            "goes on with the oldest value"
        );
        assert_eq!(
            lagged(stream.receive().await).dropped(),
            100 - RING,
            "the stream's own handle was slow too"
        );
        assert_eq!(stream.receive().await?, Some(100 - RING));
        Ok(())
    })
    .await
}

#[tractor::test]
async fn a_lag_may_be_logged_instead() -> Result<()> {
    with_counts(100, async |stream| {
        let (mut fast, mut slow) = (stream.subscribe(), stream.subscribe().lag_logged());
        read(&mut fast, 100).await?;
        assert_eq!(slow.receive().await?, Some(100 - RING));
        Ok(())
    })
    .await
}

#[tractor::test]
async fn a_full_ring_is_no_lag() -> Result<()> {
    with_counts(RING, async |stream| {
        let (mut fast, mut slow) = (stream.subscribe(), stream.subscribe());
        read(&mut fast, RING).await?;
        assert!(read(&mut slow, RING).await?.into_iter().eq(0..RING));
        Ok(())
    })
    .await
}

/// Here every reader reads, but one task polls them one after the other.
#[tractor::test(flavor = "current_thread")]
async fn a_reader_that_waits_for_its_turn_loses_nothing() -> Result<()> {
    with_counts(0, async |stream| {
        let mut reader = stream.subscribe();
        let task = tokio::spawn(async move { read(&mut reader, 1000).await });
        stream.send(1000).await?;
        for value in 0..1000 {
            assert_eq!(stream.receive().await?, Some(value));
        }
        assert!(task.await.expect("the task does not panic")?.into_iter().eq(0..1000));
        Ok(())
    })
    .await
}

#[tractor::test(flavor = "multi_thread", worker_threads = 4)]
async fn ten_readers_on_several_threads_lose_nothing() -> Result<()> {
    with_counts(0, async |stream| {
        let tasks: Vec<_> = (0..10)
            .map(|_| {
                let mut reader = stream.subscribe();
                tokio::spawn(async move { read(&mut reader, 1000).await })
            })
            .collect();
        stream.send(1000).await?;
        for value in 0..1000 {
            assert_eq!(stream.receive().await?, Some(value));
        }
        for task in tasks {
            assert!(task.await.expect("the task does not panic")?.into_iter().eq(0..1000));
        }
        Ok(())
    })
    .await
}

#[tractor::test]
async fn the_pace_waits_once_for_a_reader_that_does_not_read() -> Result<()> {
    with_counts(0, async |stream| {
        let mut fast = stream.subscribe();
        stream.send(20_000).await?;
        let begin = std::time::Instant::now();
        assert!(read(&mut fast, 20_000).await?.into_iter().eq(0..20_000));
        // There are 312 rings; with a wait for each the test would take a minute.
        assert!(begin.elapsed() < std::time::Duration::from_secs(20), "{:?}", begin.elapsed());
        assert_eq!(lagged(stream.receive().await).dropped(), 20_000 - RING);
        Ok(())
    })
    .await
}

#[tractor::test]
async fn the_end_of_the_stream_ends_all_after_what_they_have_not_read() -> Result<()> {
    with_local(module_path!(), async |portal| {
        portal
            .open_context(counts(3), async |ctx, ()| {
                let handle = ctx.handle();
                let mut stream = ctx.open_stream();
                let (mut fast, mut slow) = (stream.subscribe(), stream.subscribe());
                read(&mut fast, 3).await?;
                let waiting = fast.receive();
                let mut waiting = pin!(waiting);
                assert!(poll_once(&mut waiting).await.is_pending());
                stream.finish(); // the endpoint returns, which closes its half
                assert_eq!(waiting.await?, None);
                assert_eq!(read(&mut slow, 3).await?, [0, 1, 2]);
                assert_eq!(slow.receive().await?, None);
                assert_eq!(slow.receive().await?, None, "further calls return the end, too");
                let mut late = stream.subscribe();
                assert_eq!(late.receive().await?, None);
                handle.wait_for_result().await
            })
            .await
    })
    .await
}

#[tractor::test]
async fn a_failure_of_the_other_side_reaches_all_readers() -> Result<()> {
    with_local(module_path!(), async |portal| {
        let failed = portal.open_context(fails_after(2), async |ctx, ()| -> anyhow::Result<()> {
            let mut stream = ctx.open_stream();
            let readers = [stream.subscribe(), stream.subscribe()];
            stream.send(1).await?;
            let ends = readers.into_iter().map(async |mut reader| {
                assert_eq!(read(&mut reader, 2).await?, [0, 1]);
                Ok::<_, Error>(reader.receive().await.expect_err("the endpoint has failed"))
            });
            for error in try_join_all(ends).await? {
                assert_eq!(error.as_remote().map(|remote| remote.message()), Some("fell over"), "{error:?}");
            }
            Ok(spoiled::<()>("all readers have failed")?)
        });
        let error = failed.await.expect_err("the body fails with its own");
        assert!(error.is::<Spoiled>(), "{error:?}");
        Ok(())
    })
    .await
}

#[tractor::test]
async fn a_driver_that_is_dropped_while_it_waits_loses_no_value_and_others_take_over() -> Result<()> {
    with_counts(0, async |stream| {
        let (mut driver, mut other) = (stream.subscribe(), stream.subscribe());
        {
            let mut drives = pin!(driver.receive());
            assert!(poll_once(&mut drives).await.is_pending());
            let mut waits = pin!(other.receive());
            assert!(poll_once(&mut waits).await.is_pending());
            stream.send(3).await?;
            // `drives` came first and is woken as well, but is never polled again.
            assert_eq!(waits.await?, Some(0));
        }
        assert_eq!(read(&mut driver, 3).await?, [0, 1, 2]);
        drop(driver);
        assert_eq!(read(&mut other, 2).await?, [1, 2]);
        Ok(())
    })
    .await
}

#[tractor::test]
async fn dropping_one_reader_does_not_disturb_the_others() -> Result<()> {
    with_counts(5, async |stream| {
        let (mut stays, mut goes) = (stream.subscribe(), stream.subscribe());
        assert_eq!(goes.receive().await?, Some(0));
        drop(goes);
        assert_eq!(read(&mut stays, 5).await?, [0, 1, 2, 3, 4]);
        Ok(())
    })
    .await
}

#[tractor::test]
async fn a_subscriber_sends_and_outlives_the_closing_of_the_stream() -> Result<()> {
    with_local(module_path!(), async |portal| {
        portal
            .open_context(counts(2), async |ctx, ()| {
                let handle = ctx.handle();
                let mut stream = ctx.open_stream();
                let mut reader = stream.subscribe();
                reader.send(2).await?;
                stream.close();
                assert!(reader.send(1).await.is_err(), "nothing is sent on a closed stream");
                assert_eq!(read(&mut reader, 4).await?, [0, 1, 2, 3]);
                assert_eq!(reader.receive().await?, None);
                handle.wait_for_result().await
            })
            .await
    })
    .await
}

#[tractor::test]
async fn a_split_stream_reads_as_one_of_the_readers() -> Result<()> {
    with_counts(0, async |stream| {
        let mut reader = stream.subscribe();
        let (tx, mut rx) = stream.split();
        tx.send(2).await?;
        assert_eq!(rx.receive().await?, Some(0));
        assert_eq!(read(&mut reader, 2).await?, [0, 1]);
        assert_eq!(rx.receive().await?, Some(1));
        Ok(())
    })
    .await
}

#[tractor::test]
async fn statistics_tell_backlogs_and_who_waits() -> Result<()> {
    with_counts(5, async |stream| {
        let (mut fast, slow) = (stream.subscribe(), stream.subscribe());
        read(&mut fast, 5).await?;
        let seen = slow.statistics();
        assert_eq!((seen.backlogs, seen.ring_size, seen.waiting), (vec![5, 0, 5], RING as usize, 0));
        {
            let mut waits = pin!(fast.receive());
            assert!(poll_once(&mut waits).await.is_pending());
            assert_eq!(slow.statistics().waiting, 1);
        }
        assert_eq!(slow.statistics().waiting, 0, "a dropped future no longer waits");
        drop(fast);
        assert_eq!(slow.statistics().backlogs, [5, 5]);
        Ok(())
    })
    .await
}
