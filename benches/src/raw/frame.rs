//! Minimal framing: a `u32` little-endian length, then MessagePack.

use std::io;

use serde::Serialize;
use tokio::io::{AsyncRead, AsyncReadExt};

/// Bytes of the length prefix.
const HEAD_BYTES: usize = 4;

/// Appends one frame to a write buffer.
pub(super) fn append<T: Serialize>(buffer: &mut Vec<u8>, value: &T) {
    let begin = buffer.len();
    buffer.extend_from_slice(&[0; HEAD_BYTES]);
    rmp_serde::encode::write(buffer, value).expect("plain values can be encoded");
    let len = u32::try_from(buffer.len() - begin - HEAD_BYTES).expect("frames are small");
    buffer[begin..begin + HEAD_BYTES].copy_from_slice(&len.to_le_bytes());
}

/// Reads all available bytes, and returns whole frames in place.
#[derive(Debug)]
pub(super) struct FrameReader<R> {
    pub(super) source: R,
    buffer: Vec<u8>,
    /// Bytes that were read, but not returned.
    from: usize,
    to: usize,
}

impl<R: AsyncRead + Unpin> FrameReader<R> {
    pub(super) fn new(source: R, read_bytes: usize) -> Self {
        Self { source, buffer: vec![0; read_bytes], from: 0, to: 0 }
    }

    fn len(&self) -> Option<usize> {
        let head = self.buffer[self.from..self.to].first_chunk()?;
        Some(u32::from_le_bytes(*head) as usize)
    }

    /// The next frame's body, if all of it was read.
    pub(super) fn buffered(&mut self) -> Option<&[u8]> {
        let len = self.len()?;
        let begin = self.from + HEAD_BYTES;
        if self.to < begin + len {
            return None;
        }
        self.from = begin + len;
        Some(&self.buffer[begin..begin + len])
    }

    /// Waits for one read.
    pub(super) async fn fill(&mut self) -> io::Result<()> {
        self.buffer.copy_within(self.from..self.to, 0);
        (self.from, self.to) = (0, self.to - self.from);
        assert!(self.to < self.buffer.len(), "frames are smaller than the buffer");
        match self.source.read(&mut self.buffer[self.to..]).await? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            bytes => {
                self.to += bytes;
                Ok(())
            }
        }
    }
}
