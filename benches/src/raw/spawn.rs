//! A bare re-exec of this binary and one round trip over the inherited socket.

use std::io;
use std::time::Instant;

use tokio::io::{AsyncWriteExt, split};

use super::{PING_BYTES, Role};
use crate::frame::{self, FrameReader};
use crate::link;
use crate::measure::percentile;

/// Median milliseconds from the call that spawns to the first reply, over `count` processes, one after another.
pub(crate) fn spawn_to_reply(count: usize) -> io::Result<f64> {
    let mut hello = Vec::new();
    frame::append(&mut hello, &[7; PING_BYTES]);
    let mut millis = Vec::with_capacity(count);
    link::runtime()?.block_on(async {
        for _ in 0..count {
            let start = Instant::now();
            let (socket, peer) = link::start_uds(Role::Echo)?;
            let (source, mut sink) = split(socket);
            let mut frames = FrameReader::new(source);
            sink.write_all(&hello).await?;
            frames.next().await?.ok_or(io::ErrorKind::UnexpectedEof)?;
            millis.push(start.elapsed().as_secs_f64() * 1e3);
            sink.shutdown().await?;
            peer.join()?;
        }
        Ok(percentile(&mut millis, 50))
    })
}
