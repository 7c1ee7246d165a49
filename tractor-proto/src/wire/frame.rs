//! The length prefix: `frame := length body`, the length a `u32` in little-endian order that counts the body only.
//!
//! Writing: [`begin_frame`], append the body, [`end_frame`]. Reading: [`next_frame`] finds the frames in a read buffer
//! without copying; [`Splitter`] does the same one frame at a time for the few frames of a handshake.
//!
//! A length of zero is an ordinary frame here, which [`decode`](super::codec::decode) refuses as not MessagePack.
//!
//! # Not here
//! How many bad frames a peer may send (`bad_frames_max`) is counted by the connection's driver.

use std::fmt;
use std::ops::Range;

use bytes::{Buf, Bytes, BytesMut};

use super::limits::FRAME_HEAD_BYTES;

/// A frame is larger than the limit; it was not kept.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("frame body of {size} bytes is over {}frame_bytes_max = {limit}", if *.of_peer { "the peer's " } else { "" })]
pub struct FrameTooLarge {
    /// Bytes of the body.
    pub size: usize,
    /// The limit.
    pub limit: usize,
    /// Whether the limit is the receiving peer's.
    pub of_peer: bool,
}

/// Starts a frame at the end of `out` and returns where it starts, for [`end_frame`].
#[inline]
pub fn begin_frame(out: &mut Vec<u8>) -> usize {
    let start = out.len();
    out.extend_from_slice(&[0; FRAME_HEAD_BYTES]);
    start
}

/// Ends the frame begun at `start`: everything appended since is its body.
///
/// # Errors
/// [`FrameTooLarge`] when the body is over `frame_bytes_max`, or too long for a `u32` prefix; `out` is then as before
/// [`begin_frame`].
///
/// # Panics
/// When `start` is not what [`begin_frame`] returned for `out`.
#[inline]
pub fn end_frame(out: &mut Vec<u8>, start: usize, frame_bytes_max: usize) -> Result<(), FrameTooLarge> {
    end_frame_around(out, start, 0, frame_bytes_max)
}

/// As [`end_frame`], for a frame with further body bytes outside of `out`.
///
/// # Errors
/// As [`end_frame`].
///
/// # Panics
/// As [`end_frame`].
#[inline]
pub fn end_frame_around(
    out: &mut Vec<u8>,
    start: usize,
    elsewhere: usize,
    frame_bytes_max: usize,
) -> Result<(), FrameTooLarge> {
    let size = out.len() - start - FRAME_HEAD_BYTES + elsewhere;
    match u32::try_from(size) {
        Ok(len) if size <= frame_bytes_max => {
            out[start..start + FRAME_HEAD_BYTES].copy_from_slice(&len.to_le_bytes());
            Ok(())
        }
        _ => {
            out.truncate(start);
            Err(FrameTooLarge { size, limit: frame_bytes_max.min(u32::MAX as usize), of_peer: false })
        }
    }
}

/// The range of the first frame's body in `buf`, or `None` when the frame is not complete yet.
///
/// The next frame starts where the body ends.
///
/// # Errors
/// [`FrameTooLarge`] as soon as the prefix has arrived; the connection cannot go on.
#[inline]
pub fn next_frame(buf: &[u8], frame_bytes_max: usize) -> Result<Option<Range<usize>>, FrameTooLarge> {
    let Some(size) = body_size(buf) else { return Ok(None) };
    if size > frame_bytes_max {
        return Err(FrameTooLarge { size, limit: frame_bytes_max, of_peer: false });
    }
    let end = FRAME_HEAD_BYTES + size;
    Ok((end <= buf.len()).then_some(FRAME_HEAD_BYTES..end))
}

/// How many bytes the first frame in `buf` lacks; `None` if its prefix is incomplete or the frame is too large.
#[inline]
pub fn missing(buf: &[u8], frame_bytes_max: usize) -> Option<usize> {
    let size = body_size(buf).filter(|size| *size <= frame_bytes_max)?;
    (FRAME_HEAD_BYTES + size).checked_sub(buf.len()).filter(|missing| *missing > 0)
}

/// Takes frames off a growing buffer one at a time.
#[derive(Debug, Default)]
pub struct Splitter {
    buf: BytesMut,
}

impl Splitter {
    /// An empty buffer.
    pub fn new() -> Self {
        Self::default()
    }

    /// The buffer to read into; append only.
    pub fn buf_mut(&mut self) -> &mut BytesMut {
        &mut self.buf
    }

    /// The body of the next frame, or `None` when more bytes are needed.
    ///
    /// # Errors
    /// [`FrameTooLarge`], as [`next_frame`].
    pub fn next_frame(&mut self, frame_bytes_max: usize) -> Result<Option<Bytes>, FrameTooLarge> {
        let Some(body) = next_frame(&self.buf, frame_bytes_max)? else { return Ok(None) };
        let mut frame = self.buf.split_to(body.end);
        frame.advance(body.start);
        Ok(Some(frame.freeze()))
    }

    /// Where in a frame the connection ends if the peer closes it now.
    pub fn eof(&self) -> Eof {
        Eof::at(&self.buf)
    }

    /// The bytes after the last frame taken, for the next reader of the connection.
    pub fn into_rest(self) -> BytesMut {
        self.buf
    }
}

/// The place in the sequence of frames where a connection ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Eof {
    /// Between two frames: an orderly end.
    BetweenFrames,
    /// Within a length prefix.
    InHeader {
        /// Bytes of the prefix that arrived.
        have: usize,
    },
    /// Within a body.
    InBody {
        /// Bytes of the body that arrived.
        have: usize,
        /// Bytes that the prefix announced.
        want: usize,
    },
}

impl Eof {
    /// Where the connection ended, from the bytes left after the last complete frame.
    pub fn at(rest: &[u8]) -> Self {
        match body_size(rest) {
            None if rest.is_empty() => Self::BetweenFrames,
            None => Self::InHeader { have: rest.len() },
            Some(want) => Self::InBody { have: rest.len() - FRAME_HEAD_BYTES, want },
        }
    }
}

impl fmt::Display for Eof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BetweenFrames => f.write_str("connection ended between frames"),
            Self::InHeader { have } => {
                write!(f, "connection ended after {have} of {FRAME_HEAD_BYTES} bytes of a frame header")
            }
            Self::InBody { have, want } => {
                write!(f, "connection ended after {have} of {want} bytes of a frame body")
            }
        }
    }
}

fn body_size(buf: &[u8]) -> Option<usize> {
    let head = buf.first_chunk::<FRAME_HEAD_BYTES>()?;
    Some(u32::from_le_bytes(*head) as usize)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn framed(bodies: &[&[u8]]) -> Vec<u8> {
        let mut out = Vec::new();
        for body in bodies {
            let start = begin_frame(&mut out);
            out.extend_from_slice(body);
            end_frame(&mut out, start, 1024).unwrap();
        }
        out
    }

    #[test]
    fn frames_are_found_one_after_the_other() {
        let buf = framed(&[b"one", b"", b"three"]);
        let mut at = 0;
        let mut bodies = Vec::new();
        while let Some(body) = next_frame(&buf[at..], 1024).unwrap() {
            bodies.push(buf[at..][body.clone()].to_vec());
            at += body.end;
        }
        assert_eq!(bodies, [b"one".to_vec(), b"".to_vec(), b"three".to_vec()]);
        assert_eq!(at, buf.len());
    }

    #[test]
    fn a_frame_is_complete_with_its_last_byte_only() {
        let buf = framed(&[b"body"]);
        for cut in 0..buf.len() {
            assert_eq!(next_frame(&buf[..cut], 1024), Ok(None));
        }
        assert_eq!(next_frame(&buf, 1024), Ok(Some(4..8)));
    }

    #[test]
    fn too_large_is_known_from_the_header_and_names_the_knob() {
        let error = next_frame(&[0xff; 4], 1024).unwrap_err();
        assert_eq!(error, FrameTooLarge { size: u32::MAX as usize, limit: 1024, of_peer: false });
        assert!(error.to_string().contains("frame_bytes_max = 1024"));
        assert_eq!(next_frame(&[0, 4, 0, 0], 1024), Ok(None));
        assert!(next_frame(&[1, 4, 0, 0], 1024).is_err());
    }

    #[test]
    fn a_frame_too_large_to_send_leaves_no_trace() {
        let mut out = framed(&[b"kept"]);
        let kept = out.clone();
        let start = begin_frame(&mut out);
        out.extend_from_slice(&[0; 17]);
        assert_eq!(
            end_frame(&mut out, start, 16),
            Err(FrameTooLarge { size: 17, limit: 16, of_peer: false })
        );
        assert_eq!(out, kept);
    }

    #[test]
    fn the_splitter_keeps_what_follows() {
        let bytes = framed(&[b"one", b"two"]);
        let mut splitter = Splitter::new();
        let mut got = Vec::new();
        for byte in &bytes[..bytes.len() - 1] {
            splitter.buf_mut().extend_from_slice(&[*byte]);
            got.extend(splitter.next_frame(1024).unwrap());
        }
        assert_eq!(got, [Bytes::from_static(b"one")]);
        assert_eq!(splitter.eof(), Eof::InBody { have: 2, want: 3 });
        assert_eq!(&splitter.into_rest()[..], &bytes[7..bytes.len() - 1]);
    }

    #[test]
    fn the_place_of_an_end_is_told() {
        let bytes = framed(&[b"one"]);
        assert_eq!(Eof::at(&[]), Eof::BetweenFrames);
        assert_eq!(Eof::at(&bytes[..3]), Eof::InHeader { have: 3 });
        assert_eq!(Eof::at(&bytes[..4]), Eof::InBody { have: 0, want: 3 });
        assert_eq!(Eof::at(&bytes[..6]), Eof::InBody { have: 2, want: 3 });
    }
}
