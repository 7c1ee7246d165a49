//! What keeps several workers at work on one queue of chunks, and puts up with their deaths.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::io;

use futures_util::future::try_join_all;
use indicatif::ProgressBar;
use rustix::process::{Pid, Signal, kill_process};
use tokio::sync::{Mutex, mpsc};
use tokio::task::spawn_blocking;
use tractor::ActorOptions;
use tractor::prelude::*;

use crate::chunks::{Chunk, Chunks};
use crate::count::{Counts, Totals};
use crate::worker::work;

/// How often a worker is replaced, lest a chunk that no worker survives be tried for ever.
const REPLACEMENTS_MAX: usize = 3;

/// Counts all chunks in this many processes. Once `kill_at` bytes are counted, a worker is killed in its work.
pub(crate) async fn count(
    chunks: Chunks,
    workers: usize,
    kill_at: Option<u64>,
    bar: &ProgressBar,
) -> anyhow::Result<Totals> {
    let (ready, queue) = mpsc::channel(workers);
    let reader = spawn_blocking(move || {
        for chunk in chunks {
            if ready.blocking_send(chunk?).is_err() {
                break; // the workers have failed
            }
        }
        io::Result::Ok(())
    });
    let (queue, kill_at, totals) = (Mutex::new(queue), Cell::new(kill_at), RefCell::default());
    let pool = Pool { queue, kill_at, bar, totals };
    let workers = (0..workers).map(|number| pool.keep(format!("counter_{number}")));
    tractor::open_root_actor(ActorOptions::new(), async |_root| try_join_all(workers).await).await?;
    reader.await??;
    Ok(pool.totals.into_inner())
}

/// What the workers' scopes share. They are parts of one task, so nothing here is locked for longer than it takes.
pub(crate) struct Pool<'a> {
    queue: Mutex<mpsc::Receiver<Chunk>>,
    kill_at: Cell<Option<u64>>,
    bar: &'a ProgressBar,
    totals: RefCell<Totals>,
}

impl Pool<'_> {
    /// Keeps a worker at work; one that dies leaves its chunks to a successor.
    async fn keep(&self, name: String) -> tractor::Result<()> {
        let mut unanswered = VecDeque::new();
        let mut replacements = 0;
        loop {
            // A nursery of its own: the death of its only child ends this scope, and no other worker's.
            let scope = async |an: &ActorNursery| work(an, name.clone(), self, &mut unanswered).await;
            match tractor::open_nursery(scope).await {
                Err(tractor::Error::Died(death)) if replacements < REPLACEMENTS_MAX => {
                    replacements += 1;
                    self.bar.suspend(|| eprintln!("{death}; {} chunks are counted again", unanswered.len()));
                }
                end => return end,
            }
        }
    }

    /// The next chunk that no worker has had; `None` after the last.
    pub(crate) async fn next_chunk(&self) -> Option<Chunk> {
        self.queue.lock().await.recv().await
    }

    pub(crate) fn add(&self, chunk: &Chunk, counts: Counts) {
        self.totals.borrow_mut().add(chunk, counts);
        self.bar.inc(chunk.bytes);
    }

    pub(crate) fn kill_if_due(&self, worker: &Portal) {
        let due = self.kill_at.get().is_some_and(|bytes| self.totals.borrow().bytes >= bytes);
        let pid = worker.pid().and_then(|pid| Pid::from_raw(i32::try_from(pid).ok()?));
        if due && let Some(pid) = pid {
            self.kill_at.set(None);
            _ = kill_process(pid, Signal::KILL); // one that is dead already is as good
        }
    }
}
