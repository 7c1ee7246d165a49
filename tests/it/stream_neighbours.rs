//! Streams of one connection, of which one is not read.

use std::sync::atomic::{AtomicU64, Ordering};

use futures_util::future::try_join_all;
use support::with_process;
use tractor::prelude::*;
use tractor::{Limits, Result};

const STREAMS: u64 = 100;
/// Values of each stream, which fill two windows.
const VALUES: u64 = 1_500;
const VALUE_BYTES: usize = 1_500;

tractor::actor_local! {
    /// Values that were sent on the stream that is not read.
    static UNREAD: AtomicU64 = AtomicU64::new(0);
}

#[tractor::stream]
async fn values(out: StreamSender<(u64, String)>, count: u64, is_read: bool) -> Result<()> {
    for number in 0..count {
        out.send((number, "x".repeat(VALUE_BYTES))).await?;
        if !is_read {
            UNREAD.get().fetch_add(1, Ordering::Relaxed);
        }
    }
    Ok(())
}

#[tractor::actor_fn]
async fn sent_unread() -> u64 {
    UNREAD.get().load(Ordering::Relaxed)
}

async fn read_all(worker: &Portal) -> Result<()> {
    worker
        .open_stream_from(values(VALUES, true), async |mut stream| {
            for number in 0..VALUES {
                assert_eq!(stream.receive().await?.map(|value| value.0), Some(number));
            }
            assert_eq!(stream.receive().await?, None);
            Ok(())
        })
        .await
}

#[tractor::test]
async fn one_of_a_hundred_streams_is_not_read_for_a_while_and_loses_nothing_and_the_others_go_on()
-> Result<()> {
    with_process(module_path!(), async |worker| {
        worker
            .open_stream_from(values(VALUES, false), async |mut unread| {
                assert_eq!(unread.receive().await?.map(|value| value.0), Some(0));
                try_join_all((1..STREAMS).map(|_| read_all(worker))).await?;

                let sent = worker.run(sent_unread()).await?;
                let most = Limits::default().stream_window_bytes / VALUE_BYTES;
                assert!(sent <= most as u64 + 2, "{sent} values wait for their reader");
                assert!(sent < VALUES, "it has not waited");
                for number in 1..VALUES {
                    assert_eq!(unread.receive().await?.map(|value| value.0), Some(number));
                }
                assert_eq!(unread.receive().await?, None);
                Ok(())
            })
            .await
    })
    .await
}
