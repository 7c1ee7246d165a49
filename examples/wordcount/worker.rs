//! One worker: the endpoint in its process, and the scope here that keeps it busy.

use std::collections::VecDeque;

use serde_bytes::ByteBuf;
use tokio::task::spawn_blocking;
use tractor::prelude::*;

use crate::chunks::Chunk;
use crate::count::{self, Counts};
use crate::pool::Pool;

/// Chunks a worker has: one that it counts, and one to go on with.
const CHUNKS_AT_ONCE: usize = 2;

/// Answers each chunk with its counts, in order.
#[tractor::context(recv = ByteBuf, send = Counts)]
async fn count_chunks(ctx: Context<(), Counts, ByteBuf>) -> tractor::Result<()> {
    let ctx = ctx.started(()).await?;
    let mut stream = ctx.open_stream();
    while let Some(mut text) = stream.receive().await? {
        // Off this thread, which takes in the next chunk meanwhile.
        let counted = spawn_blocking(move || count::count(&mut text)).await;
        stream.send(counted.expect("counting does not panic")).await?;
    }
    Ok(())
}

/// The life of one worker. The chunks it leaves in `unanswered` are those that the totals do not contain.
pub(crate) async fn work(
    an: &ActorNursery,
    name: String,
    pool: &Pool<'_>,
    unanswered: &mut VecDeque<Chunk>,
) -> tractor::Result<()> {
    let worker = an.start_actor(name).expose(count_chunks).await?;
    let dialog = worker.open_context(count_chunks(), async |ctx, ()| {
        let handle = ctx.handle();
        let mut stream = ctx.open_stream();
        for chunk in &*unanswered {
            stream.send(&chunk.text).await?;
        }
        loop {
            while unanswered.len() < CHUNKS_AT_ONCE
                && let Some(chunk) = pool.next_chunk().await
            {
                unanswered.push_back(chunk); // before it is sent: should the worker die, this ends at an `await`
                stream.send(&unanswered[unanswered.len() - 1].text).await?;
            }
            let Some(chunk) = unanswered.front() else { break };
            pool.kill_if_due(&worker);
            let Some(counts) = stream.receive().await? else { break };
            pool.add(chunk, counts);
            unanswered.pop_front();
        }
        stream.close();
        handle.wait_for_result().await
    });
    dialog.await?;
    worker.cancel_actor().await?;
    Ok(())
}
