//! Frames in one direction, as many as the socket takes.

use std::io;
use std::time::Instant;

use tokio::io::{AsyncWriteExt, split};

use crate::frame::{self, FrameReader};
use crate::link::Socket;

/// Bytes collected before they are written.
const BATCH_BYTES: usize = 64 * 1024;

/// The sending side: frames per second, counted until the receiver has confirmed the last one.
pub(super) async fn drive<S: Socket>(socket: S, body_bytes: usize, count: u64) -> io::Result<f64> {
    let (source, mut sink) = split(socket);
    let mut frames = FrameReader::new(source);
    let mut body = vec![7; body_bytes];
    let mut batch = Vec::with_capacity(BATCH_BYTES + body_bytes + frame::HEAD_BYTES);
    let start = Instant::now();
    for seq in 0..count {
        body[..8].copy_from_slice(&seq.to_le_bytes());
        frame::append(&mut batch, &body);
        if batch.len() >= BATCH_BYTES {
            sink.write_all(&batch).await?;
            batch.clear();
        }
    }
    sink.write_all(&batch).await?;
    sink.shutdown().await?;
    let confirmed = frames.next().await?.ok_or(io::ErrorKind::UnexpectedEof)?;
    let seconds = start.elapsed().as_secs_f64();
    assert_eq!(confirmed[..], count.to_le_bytes(), "frames were lost");
    Ok(count as f64 / seconds)
}

/// The receiving side: looks at each frame's number, so that none is skipped unseen.
pub(super) async fn sink<S: Socket>(socket: S) -> io::Result<()> {
    let (source, mut sink) = split(socket);
    let mut frames = FrameReader::new(source);
    let mut expected = 0u64;
    while let Some(body) = frames.next().await? {
        let seq = u64::from_le_bytes(body[..8].try_into().expect("sliced to size"));
        assert_eq!(seq, expected, "frames arrive in order");
        expected += 1;
    }
    let mut report = Vec::new();
    frame::append(&mut report, &expected.to_le_bytes());
    sink.write_all(&report).await
}
