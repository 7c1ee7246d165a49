//! Frames that wait to be written, in order.
//!
//! Small frames are appended to one buffer. A large payload is written from its own memory, at its place between the
//! bytes of the buffer.
//!
//! # Invariants
//! 1. Frames are whole, except the one that is being appended. A frame that is too large, or whose encoder panics,
//!    leaves nothing behind.
//! 2. Memory goes back to the [`SPARE`] buffers as soon as its content is written.

use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use tokio::io::AsyncWrite;
use tokio_util::io::poll_write_buf;

use super::spare::{LARGE_BYTES_MIN, SPARE, is_roomy};
use crate::proto::frame::{self, FrameTooLarge};

/// Payloads from this size are handed over. Copying a smaller one costs less than writing one more part.
const HANDED_OVER_MIN: usize = 16 * 1024;
/// Capacity of the largest spare buffer for small frames: they may wait in it for a long time.
const BUFFER_BYTES_MAX: usize = 512 * 1024;
/// Room in a new buffer: enough for most frames that leave alone.
const FIRST_BYTES: usize = 256;

#[derive(Debug, Default)]
pub(super) struct Outgoing {
    bytes: Vec<u8>,
    /// How many of `bytes` are written.
    written: usize,
    /// Each is written just before the bytes from its place `at` in `bytes`.
    large: VecDeque<Large>,
    /// Bytes of `large` that are not written.
    large_bytes: usize,
}

#[derive(Debug)]
struct Large {
    at: usize,
    payload: Payload,
    written: usize,
}

#[derive(Debug)]
enum Payload {
    /// Encoded into one of our buffers.
    Encoded(Vec<u8>),
    /// Bytes in the program's own memory.
    Given(Bytes),
}

impl Large {
    fn rest(&self) -> &[u8] {
        let payload: &[u8] = match &self.payload {
            Payload::Encoded(payload) => payload,
            Payload::Given(payload) => payload,
        };
        &payload[self.written..]
    }
}

impl Outgoing {
    /// Bytes that are not written.
    #[inline]
    pub(super) fn len(&self) -> usize {
        self.bytes.len() - self.written + self.large_bytes
    }

    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Begins a frame at the end.
    #[inline]
    pub(super) fn begin_frame(&mut self) -> Frame<'_> {
        if self.bytes.capacity() == 0 {
            self.bytes = SPARE.take(BUFFER_BYTES_MAX);
            self.bytes.reserve(FIRST_BYTES);
        }
        let (large, large_bytes) = (self.large.len(), self.large_bytes);
        let begin = frame::begin_frame(&mut self.bytes);
        Frame { out: self, begin, large, large_bytes, is_whole: false }
    }

    /// Writes as much as the socket takes at once.
    pub(super) fn poll_write<W: AsyncWrite + Unpin>(
        &mut self,
        io: &mut W,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        if !self.large.is_empty() {
            return poll_write_buf(Pin::new(io), cx, self);
        }
        // A `write` costs the kernel less than a `writev` of one part.
        let written = ready!(Pin::new(io).poll_write(cx, &self.bytes[self.written..]))?;
        self.advance(written);
        Poll::Ready(Ok(written))
    }

    /// Called when everything is written.
    #[inline]
    fn reset(&mut self) {
        self.written = 0;
        self.bytes.clear();
        if self.bytes.capacity() >= LARGE_BYTES_MIN {
            SPARE.give(std::mem::take(&mut self.bytes));
        }
    }

    /// The parts that are not written, in order.
    fn parts(&self) -> impl Iterator<Item = &[u8]> {
        let ends = self.large.iter().map(|large| (large.at, large.rest()));
        let mut from = self.written;
        ends.chain([(self.bytes.len(), &[][..])])
            .flat_map(move |(at, rest)| {
                let before = &self.bytes[from..at];
                from = at;
                [before, rest]
            })
            .filter(|part| !part.is_empty())
    }
}

impl Buf for Outgoing {
    fn remaining(&self) -> usize {
        self.len()
    }

    fn chunk(&self) -> &[u8] {
        self.parts().next().unwrap_or_default()
    }

    fn chunks_vectored<'a>(&'a self, into: &mut [IoSlice<'a>]) -> usize {
        let mut count = 0;
        for (slot, part) in into.iter_mut().zip(self.parts()) {
            *slot = IoSlice::new(part);
            count += 1;
        }
        count
    }

    fn advance(&mut self, mut count: usize) {
        assert!(count <= self.len(), "{count} bytes of {} were written", self.len());
        while count > 0 {
            let next = self.large.front_mut();
            let small = next.as_ref().map_or(self.bytes.len(), |large| large.at) - self.written;
            if small > 0 {
                let written = small.min(count);
                self.written += written;
                count -= written;
                continue;
            }
            let Some(large) = next else { break };
            let written = large.rest().len().min(count);
            large.written += written;
            self.large_bytes -= written;
            count -= written;
            if large.rest().is_empty()
                && let Some(Large { payload: Payload::Encoded(memory), .. }) = self.large.pop_front()
            {
                SPARE.give(memory);
            }
        }
        if self.is_empty() {
            self.reset();
        }
    }
}

/// A frame that is being appended. Dropping an unfinished frame removes it.
pub(crate) struct Frame<'a> {
    out: &'a mut Outgoing,
    /// Where it begins, in the buffer and among the large payloads.
    begin: usize,
    large: usize,
    /// `large_bytes` before this frame.
    large_bytes: usize,
    is_whole: bool,
}

impl Frame<'_> {
    /// The buffer, to append to.
    #[inline]
    pub(crate) fn bytes(&mut self) -> &mut Vec<u8> {
        &mut self.out.bytes
    }

    /// Appends a payload. Takes a large one with its memory.
    #[inline]
    pub(crate) fn payload(&mut self, encoded: &mut Vec<u8>) {
        if encoded.len() < HANDED_OVER_MIN || is_roomy(encoded) {
            return self.out.bytes.extend_from_slice(encoded);
        }
        self.hand_over(encoded.len(), Payload::Encoded(std::mem::take(encoded)));
    }

    /// Appends bytes in the program's own memory.
    #[inline]
    pub(crate) fn given(&mut self, bytes: &Bytes) {
        if bytes.len() < HANDED_OVER_MIN {
            return self.out.bytes.extend_from_slice(bytes);
        }
        self.hand_over(bytes.len(), Payload::Given(bytes.clone()));
    }

    fn hand_over(&mut self, bytes: usize, payload: Payload) {
        self.out.large_bytes += bytes;
        self.out.large.push_back(Large { at: self.out.bytes.len(), payload, written: 0 });
    }

    /// Ends the frame. After an error it is to be dropped.
    #[inline]
    pub(super) fn end(&mut self, frame_bytes_max: usize) -> Result<(), FrameTooLarge> {
        let large_bytes = self.out.large_bytes - self.large_bytes;
        frame::end_frame_around(&mut self.out.bytes, self.begin, large_bytes, frame_bytes_max)?;
        self.is_whole = true;
        Ok(())
    }
}

impl Drop for Frame<'_> {
    #[inline]
    fn drop(&mut self) {
        if !self.is_whole {
            self.out.bytes.truncate(self.begin);
            self.out.large.truncate(self.large);
            self.out.large_bytes = self.large_bytes;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn append(out: &mut Outgoing, head: &[u8], payload: Vec<u8>, tail: &[u8]) -> Result<(), FrameTooLarge> {
        let (mut frame, mut payload) = (out.begin_frame(), payload);
        frame.bytes().extend_from_slice(head);
        frame.payload(&mut payload);
        frame.bytes().extend_from_slice(tail);
        frame.end(10 * HANDED_OVER_MIN)
    }

    /// Frames of all kinds, and their bytes on the wire.
    fn filled() -> (Outgoing, Vec<u8>) {
        let (mut out, mut wire) = (Outgoing::default(), Vec::new());
        for (number, size) in
            [3, HANDED_OVER_MIN, HANDED_OVER_MIN + 1, 0, 5, HANDED_OVER_MIN].into_iter().enumerate()
        {
            let (payload, tail) =
                (vec![number as u8; size], if number % 2 == 0 { &b"tail"[..] } else { b"" });
            append(&mut out, b"head", payload.clone(), tail).expect("it fits");
            let begin = frame::begin_frame(&mut wire);
            wire.extend_from_slice(&[b"head", &payload[..], tail].concat());
            frame::end_frame(&mut wire, begin, usize::MAX).expect("it fits");
        }
        (out, wire)
    }

    #[test]
    fn frames_leave_in_order_however_they_are_cut() {
        for step in [1, 2, 5, 1000, HANDED_OVER_MIN, usize::MAX] {
            let (mut out, wire) = filled();
            let mut sent = Vec::new();
            while !out.is_empty() {
                let mut slices = [IoSlice::new(&[]); 4];
                let count = out.chunks_vectored(&mut slices);
                let all = slices[..count].iter().map(|slice| &**slice).collect::<Vec<_>>().concat();
                let step = step.min(all.len());
                sent.extend_from_slice(&all[..step]);
                assert!(all.starts_with(out.chunk()) && !out.chunk().is_empty());
                out.advance(step);
                assert_eq!(out.len(), wire.len() - sent.len());
            }
            assert!(sent == wire, "in steps of {step}");
        }
    }

    #[test]
    fn a_large_payload_keeps_its_memory_until_it_is_written() {
        let mut out = Outgoing::default();
        let payload = vec![7; HANDED_OVER_MIN];
        let place = payload.as_ptr();
        append(&mut out, b"head", payload, b"").expect("it fits");
        assert_eq!(out.parts().nth(1).map(<[u8]>::as_ptr), Some(place));
        let before = out.len() - HANDED_OVER_MIN;
        out.advance(before + 1);
        assert_eq!(out.chunk().as_ptr(), place.wrapping_add(1));
    }

    #[test]
    fn a_frame_that_is_too_large_leaves_nothing() {
        let (mut out, wire) = filled();
        let error = append(&mut out, b"head", vec![7; 10 * HANDED_OVER_MIN - 3], b"").expect_err("one byte");
        assert_eq!((error.size, error.limit), (10 * HANDED_OVER_MIN + 1, 10 * HANDED_OVER_MIN));
        assert!(out.parts().collect::<Vec<_>>().concat() == wire);
        drop(out.begin_frame());
        assert_eq!((out.len(), out.parts().map(<[u8]>::len).sum()), (wire.len(), wire.len()));
    }
}
