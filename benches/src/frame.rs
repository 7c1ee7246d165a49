//! The least framing that works: a `u32` little-endian length, then the body.

use std::io;

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt};

/// Bytes of the length prefix.
pub(crate) const HEAD_BYTES: usize = 4;
/// How much one `read` may bring in.
const READ_BYTES: usize = 256 * 1024;

/// Appends one frame to a write buffer.
pub(crate) fn append(buffer: &mut Vec<u8>, body: &[u8]) {
    let len = u32::try_from(body.len()).expect("bench bodies are small");
    buffer.extend_from_slice(&len.to_le_bytes());
    buffer.extend_from_slice(body);
}

/// Reads big and hands out slices of what was read.
#[derive(Debug)]
pub(crate) struct FrameReader<R> {
    source: R,
    /// Bytes read and not yet handed out; starts at a frame's head.
    buffer: BytesMut,
}

impl<R: AsyncRead + Unpin> FrameReader<R> {
    pub(crate) fn new(source: R) -> Self {
        Self { source, buffer: BytesMut::with_capacity(READ_BYTES) }
    }

    /// The next frame's body; `None` once the peer has closed between two frames.
    pub(crate) async fn next(&mut self) -> io::Result<Option<BytesMut>> {
        loop {
            if let Some(body) = self.buffered() {
                return Ok(Some(body));
            }
            if self.fill().await? == 0 {
                return if self.buffer.is_empty() {
                    Ok(None)
                } else {
                    Err(io::ErrorKind::UnexpectedEof.into())
                };
            }
        }
    }

    /// The next frame's body if it is here already.
    pub(crate) fn buffered(&mut self) -> Option<BytesMut> {
        let len = self.buffer.get(..HEAD_BYTES)?.try_into().map(u32::from_le_bytes).expect("sliced to size")
            as usize;
        if self.buffer.len() < HEAD_BYTES + len {
            return None;
        }
        self.buffer.advance(HEAD_BYTES);
        Some(self.buffer.split_to(len))
    }

    /// Waits for one read; the number of bytes it brought.
    pub(crate) async fn fill(&mut self) -> io::Result<usize> {
        self.buffer.reserve(READ_BYTES);
        self.source.read_buf(&mut self.buffer).await
    }
}
