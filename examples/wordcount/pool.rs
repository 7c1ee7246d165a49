//! Counting with a pool of workers, which survives their deaths.

use std::io;

use indicatif::ProgressBar;
use rustix::process::{Pid, Signal, kill_process};
use tokio::task::spawn_blocking;
use tractor::PoolOptions;

use crate::chunks::{Chunk, Chunks};
use crate::count::{Counted, Totals, count};

/// Chunks per worker: the one that it counts, and the next one.
const CHUNKS_AT_ONCE: usize = 2;
/// How often a chunk is counted again after its worker died, so that a chunk that kills every worker is not tried for
/// ever.
const REPEATS_MAX: u32 = 3;

/// Counts a chunk. Also returns the process that counted it.
#[tractor::actor_fn]
async fn count_chunk(chunk: Chunk) -> (u32, Counted) {
    // This runs on another thread, so that this one receives the next chunk meanwhile.
    let counted = spawn_blocking(move || count(chunk)).await;
    (std::process::id(), counted.expect("counting does not panic"))
}

/// Counts all chunks in this many processes. Once `kill_at` bytes are counted, a busy worker is killed.
pub(crate) async fn count_all(
    chunks: Chunks,
    workers: usize,
    mut kill_at: Option<u64>,
    bar: &ProgressBar,
) -> anyhow::Result<Totals> {
    let (mut totals, mut unread) = (Totals::default(), io::Result::Ok(()));
    let readable = chunks.map_while(|chunk| chunk.map_err(|error| unread = Err(error)).ok());
    tractor::open_pool(
        PoolOptions::new().workers(workers).in_flight(CHUNKS_AT_ONCE),
        |worker| worker.expose(count_chunk),
        async |pool| -> tractor::Result<()> {
            let mut counts = pool.repeat_interrupted(REPEATS_MAX).map(readable.map(count_chunk));
            while let Some((_, counted)) = counts.next().await {
                let (worker, counted) = counted?;
                bar.inc(counted.bytes);
                totals.add(counted);
                if kill_at.is_some_and(|bytes| totals.bytes >= bytes) {
                    kill_at = None;
                    kill(worker); // it has its next chunk already
                }
            }
            Ok(())
        },
    )
    .await?;
    unread?;
    Ok(totals)
}

fn kill(worker: u32) {
    if let Some(pid) = i32::try_from(worker).ok().and_then(Pid::from_raw) {
        _ = kill_process(pid, Signal::KILL); // it may be dead already
    }
}
