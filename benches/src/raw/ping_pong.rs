//! One frame there, one frame back, one at a time.

use std::io;
use std::time::Instant;

use tokio::io::{AsyncWriteExt, split};

use super::PING_BYTES;
use crate::frame::{self, FrameReader};
use crate::link::Socket;
use crate::measure::percentile;

/// Round trips before the clock starts.
const WARM_UP: usize = 1_000;

/// The asking side.
pub(super) async fn drive<S: Socket>(socket: S, count: usize) -> io::Result<f64> {
    let (source, mut sink) = split(socket);
    let mut frames = FrameReader::new(source);
    let mut ping = Vec::new();
    frame::append(&mut ping, &[7; PING_BYTES]);
    let mut micros = Vec::with_capacity(count);
    for round in 0..WARM_UP + count {
        let start = Instant::now();
        sink.write_all(&ping).await?;
        let pong = frames.next().await?.ok_or(io::ErrorKind::UnexpectedEof)?;
        if round >= WARM_UP {
            micros.push(start.elapsed().as_secs_f64() * 1e6);
        }
        assert_eq!(pong.len(), PING_BYTES);
    }
    sink.shutdown().await?;
    Ok(percentile(&mut micros, 50))
}

/// The answering side.
pub(super) async fn echo<S: Socket>(socket: S) -> io::Result<()> {
    let (source, mut sink) = split(socket);
    let mut frames = FrameReader::new(source);
    let mut out = Vec::new();
    while let Some(body) = frames.next().await? {
        out.clear();
        frame::append(&mut out, &body);
        sink.write_all(&out).await?;
    }
    Ok(())
}
