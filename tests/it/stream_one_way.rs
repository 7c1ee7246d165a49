//! One-way streams: read to the end, read in part, and failures after a few values.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use support::journal::{NoteOnDrop, entries, note, seen};
use support::{Spoiled, forever, spoiled, with_local, with_process};
use tractor::error::RemoteKind;
use tractor::prelude::*;
use tractor::{Error, Result};

#[tractor::stream]
async fn ticks(out: StreamSender<u64>, count: u64) -> tractor::Result<()> {
    for tick in 0..count {
        out.send(tick).await?;
    }
    Ok(())
}

#[tractor::stream]
async fn pairs(out: StreamSender<(u8, String)>) {
    for number in 0..3 {
        let sent = out.send((number, number.to_string())).await;
        assert!(sent.is_ok(), "the receiver is there");
    }
}

#[tractor::stream]
async fn endless(out: StreamSender<u64>) -> tractor::Result<()> {
    let _note = NoteOnDrop("dropped");
    for tick in 0.. {
        out.send(tick).await?;
    }
    Ok(())
}

/// Computes between its values and never waits.
#[tractor::stream]
async fn computes(out: StreamSender<u64>) -> tractor::Result<()> {
    let _note = NoteOnDrop("dropped");
    for value in 0.. {
        let begin = Instant::now();
        while begin.elapsed() < Duration::from_micros(200) {
            std::hint::spin_loop();
        }
        out.send(value).await?;
        COMPUTED.get().store(value, Ordering::Relaxed);
    }
    Ok(())
}

tractor::actor_local! {
    /// The last value that `computes` has sent.
    static COMPUTED: AtomicU64 = AtomicU64::new(0);
}

#[tractor::actor_fn]
async fn computed() -> u64 {
    COMPUTED.get().load(Ordering::Relaxed)
}

#[tractor::stream]
async fn quiet(out: StreamSender<u64>) {
    let _note = NoteOnDrop("dropped");
    note("quiet");
    forever().await;
    drop(out);
}

#[tractor::stream]
async fn fails_after(out: StreamSender<u64>, count: u64) -> anyhow::Result<()> {
    for tick in 0..count {
        out.send(tick).await?;
    }
    Ok(spoiled("fell over")?)
}

#[tractor::stream]
async fn panics_after(out: StreamSender<u64>, count: u64) -> std::result::Result<(), Spoiled> {
    for tick in 0..count {
        out.send(tick).await.or_else(|_| spoiled("nobody listens"))?;
    }
    panic!("tick tock");
}

#[tractor::stream]
async fn empty(out: StreamSender<u64>) {
    drop(out);
}

#[track_caller]
fn assert_message(error: &Error, text: &str) {
    assert_eq!(error.as_remote().map(|remote| remote.message()), Some(text), "{error:?}");
}

#[tractor::test]
async fn every_value_arrives_in_order_and_then_the_end() -> Result<()> {
    const COUNT: u64 = 20_000;
    with_process(module_path!(), async |worker| {
        let sum = worker
            .open_stream_from(ticks(COUNT), async |mut stream| -> Result<u64> {
                let mut sum = 0;
                for expected in 0..COUNT {
                    assert_eq!(stream.receive().await?, Some(expected));
                    sum += expected;
                }
                assert_eq!(stream.receive().await?, None);
                assert_eq!(stream.receive().await?, None, "further calls return the end, too");
                Ok(sum)
            })
            .await?;
        assert_eq!(sum, COUNT * (COUNT - 1) / 2);
        assert_eq!(worker.dialogs_open(), 0);
        Ok(())
    })
    .await
}

#[tractor::test]
async fn a_stream_may_be_empty_and_its_endpoint_infallible() -> Result<()> {
    with_process(module_path!(), async |worker| {
        worker
            .open_stream_from(empty(), async |mut stream| -> Result<()> {
                assert_eq!(stream.receive().await?, None);
                Ok(())
            })
            .await?;
        worker
            .open_stream_from(pairs(), async |mut stream| {
                for number in 0..3 {
                    assert_eq!(stream.receive().await?, Some((number, number.to_string())));
                }
                assert_eq!(stream.receive().await?, None);
                Ok(())
            })
            .await
    })
    .await
}

#[tractor::test]
async fn leaving_early_ends_the_endpoint_quietly() -> Result<()> {
    with_process(module_path!(), async |worker| {
        worker
            .open_stream_from(endless(), async |mut stream| -> Result<()> {
                for expected in 0..10 {
                    assert_eq!(stream.receive().await?, Some(expected));
                }
                Ok(())
            })
            .await?;
        assert_eq!(worker.run(entries()).await?, ["dropped"], "the scope has waited for it");
        assert_eq!(worker.dialogs_open(), 0);
        Ok(())
    })
    .await
}

#[tractor::test]
async fn the_body_s_error_ends_the_endpoint_and_is_raised() -> Result<()> {
    with_process(module_path!(), async |worker| {
        let left: anyhow::Result<()> = worker
            .open_stream_from(endless(), async |mut stream| {
                assert_eq!(stream.receive().await?, Some(0));
                anyhow::bail!("had enough")
            })
            .await;
        assert_eq!(left.unwrap_err().to_string(), "had enough");
        assert_eq!(worker.run(entries()).await?, ["dropped"]);
        Ok(())
    })
    .await
}

#[tractor::test]
async fn a_failure_is_received_after_the_values_before_it() -> Result<()> {
    with_process(module_path!(), async |worker| {
        let left: Result<()> = worker
            .open_stream_from(fails_after(50), async |mut stream| {
                for expected in 0..50 {
                    assert_eq!(stream.receive().await?, Some(expected));
                }
                let error = stream.receive().await.unwrap_err();
                assert_message(&error, "fell over");
                assert_message(&stream.receive().await.unwrap_err(), "fell over");
                Err(error)
            })
            .await;
        assert_message(&left.unwrap_err(), "fell over");
        Ok(())
    })
    .await
}

#[tractor::test]
async fn a_failure_that_the_body_ignores_is_raised() -> Result<()> {
    with_local(module_path!(), async |worker| {
        let left: Result<()> = worker
            .open_stream_from(fails_after(1), async |mut stream| {
                while stream.receive().await.is_ok() {}
                Ok(())
            })
            .await;
        assert_message(&left.unwrap_err(), "fell over");
        Ok(())
    })
    .await
}

#[tractor::test]
async fn a_panic_is_received_after_the_values_before_it() -> Result<()> {
    with_process(module_path!(), async |worker| {
        let left: Result<()> = worker
            .open_stream_from(panics_after(2), async |mut stream| {
                assert_eq!(stream.receive().await?, Some(0));
                assert_eq!(stream.receive().await?, Some(1));
                stream.receive().await.map(drop)
            })
            .await;
        let error = left.unwrap_err();
        assert_message(&error, "tick tock");
        assert_eq!(error.as_remote().map(|remote| remote.kind()), Some(RemoteKind::Panic));
        assert_eq!(worker.run(entries()).await?, [""; 0], "the actor goes on");
        Ok(())
    })
    .await
}

#[tractor::test]
async fn dropping_the_scope_ends_the_endpoint() -> Result<()> {
    with_process(module_path!(), async |worker| {
        let scope = worker.open_stream_from(quiet(), async |mut stream| stream.receive().await);
        tokio::select! {
            biased;
            left = scope => panic!("the scope waits for ever: {left:?}"),
            quiet = worker.run(seen("quiet".to_owned())) => quiet?,
        }
        worker.run(seen("dropped".to_owned())).await
    })
    .await
}

#[tractor::test]
async fn an_endpoint_that_never_waits_lets_its_values_go_and_sees_its_cancellation() -> Result<()> {
    with_process(module_path!(), async |worker| {
        worker
            .open_stream_from(computes(), async |mut stream| -> Result<()> {
                for expected in 0..3 {
                    assert_eq!(stream.receive().await?, Some(expected));
                }
                Ok(())
            })
            .await?;
        worker.run(seen("dropped".to_owned())).await?;
        // Thousands would fit into the receiver's window.
        let sent = worker.run(computed()).await?;
        assert!(sent < 500, "it went on for {sent} values");
        Ok(())
    })
    .await
}

#[tractor::test]
async fn streams_of_one_connection_do_not_mix() -> Result<()> {
    with_process(module_path!(), async |worker| {
        worker
            .open_stream_from(endless(), async |mut first| -> Result<()> {
                worker
                    .open_stream_from(ticks(500), async |mut second| -> Result<()> {
                        for expected in 0..500 {
                            assert_eq!(first.receive().await?, Some(expected));
                            assert_eq!(second.receive().await?, Some(expected));
                        }
                        assert_eq!(second.receive().await?, None);
                        Ok(())
                    })
                    .await?;
                assert_eq!(first.receive().await?, Some(500));
                Ok(())
            })
            .await
    })
    .await
}
