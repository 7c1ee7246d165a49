//! The buffer into which a connection reads, and the memory that slices of it keep alive.
//!
//! Frames are slices of the buffer. When a buffer is full, the connection continues in another one. A slice keeps its
//! whole former buffer alive; once the last slice is dropped, the buffer goes to [`SPARE`].
//!
//! # Invariants
//! 1. Former buffers that slices keep alive are on the connection's account.
//! 2. A buffer grows with what has arrived, to [`GROWTH`] times that at most, not with the length that a frame claims.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};

use bytes::{Buf, Bytes, BytesMut};
use tokio_util::io::poll_read_buf;

use super::budget::{Account, Held, Kind, keeping};
use super::spare::{LARGE_BYTES_MIN, SPARE, Spare};
use super::transport::Transport;
use crate::proto::frame::{self, FrameTooLarge};

/// Room made for the first read; doubled whenever a read fills at least half of it.
const READ_BYTES_MIN: usize = 8 * 1024;
/// Most room made for a read.
pub(super) const READ_BYTES_MAX: usize = 256 * 1024;
/// The bytes of a buffer beyond this size, which it needs for a large frame, are on the account.
const READ_BYTES_FREE: usize = 2 * READ_BYTES_MAX;
/// Largest ratio of a buffer's size to the part of its frame that has arrived.
const GROWTH: usize = 8;

pub(super) struct Intake {
    read: BytesMut,
    /// Shared with the slices of the buffer.
    memory: Arc<Memory>,
    /// Size of the buffer.
    memory_bytes: usize,
    /// Room to make for the next read.
    read_bytes: usize,
    account: Arc<Account>,
    spare: &'static Spare,
}

/// The memory behind a read buffer, shared by the intake and all slices.
struct Memory {
    /// Its bytes on the account.
    held: Held,
    /// The buffer, once the connection has continued in another one.
    left: OnceLock<BytesMut>,
    spare: &'static Spare,
}

impl Drop for Memory {
    fn drop(&mut self) {
        if let Some(left) = self.left.take() {
            self.spare.give_read(left);
        }
    }
}

impl Intake {
    /// Continues with bytes that were read before.
    pub(super) fn new(unread: BytesMut, account: Arc<Account>) -> Self {
        Self::with(unread, account, &SPARE)
    }

    fn with(unread: BytesMut, account: Arc<Account>, spare: &'static Spare) -> Self {
        let (memory, memory_bytes) = (Memory::on(&account, spare), unread.capacity());
        Self { read: unread, memory, memory_bytes, read_bytes: READ_BYTES_MIN, account, spare }
    }

    /// The bytes read so far, from the beginning of a frame.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.read
    }

    /// Throws away the first bytes that were read.
    pub(super) fn skip(&mut self, bytes: usize) {
        self.read.advance(bytes);
    }

    /// Takes the complete frames out of the buffer. Also returns an error if the frame behind them is too large.
    #[inline]
    pub(super) fn cut(&mut self, frame_bytes_max: usize) -> (Bytes, Option<FrameTooLarge>) {
        let mut complete = 0;
        let oversized = loop {
            match frame::next_frame(&self.read[complete..], frame_bytes_max) {
                Ok(Some(body)) => complete += body.end,
                Ok(None) => break None,
                Err(error) => break Some(error),
            }
        };
        if complete == 0 {
            return (Bytes::new(), oversized);
        }
        (keeping(self.memory.clone(), self.read.split_to(complete).freeze()), oversized)
    }

    /// Whether there is too little room for the next read. Frames still in use keep the whole buffer alive: a new
    /// buffer for every small read would multiply the memory that a peer can make this actor hold.
    pub(super) fn is_full(&mut self, frame_bytes_max: usize) -> bool {
        let room = self.read.capacity() - self.read.len();
        let least = self.read_bytes / 4;
        match frame::missing(&self.read, frame_bytes_max) {
            // Room to the end of the frame is enough: bytes behind it would have to be copied into the next buffer.
            Some(missing) if room >= missing => false,
            _ => {
                let all = self.memory_bytes.saturating_sub(self.read.len());
                room < least && !self.read.try_reclaim(all.max(least))
            }
        }
    }

    /// Continues in another buffer, with room for a read, and for the rest of a frame if enough of it has arrived.
    /// Calls `kept` if slices keep the left buffer alive.
    #[cold]
    pub(super) fn renew(&mut self, frame_bytes_max: usize, kept: impl FnOnce()) {
        let there = self.read.len();
        let mut bytes = there + frame::missing(&self.read, frame_bytes_max).unwrap_or(0);
        // Each buffer is four times as large as the one before, up to the whole frame. So at most a third of the frame
        // is copied.
        while bytes > GROWTH * there {
            bytes /= 4;
        }
        self.go_on_in(bytes.max(self.read_bytes), kept);
    }

    /// Called when there is nothing more to read: gives a large empty buffer back.
    pub(super) fn rest(&mut self) {
        let is_empty = self.read.is_empty() && self.memory_bytes >= LARGE_BYTES_MIN;
        if is_empty && (self.memory_bytes > READ_BYTES_FREE || Arc::strong_count(&self.memory) == 1) {
            self.go_on_in(0, || {});
        }
    }

    fn go_on_in(&mut self, bytes: usize, kept: impl FnOnce()) {
        let memory = std::mem::replace(&mut self.memory, Memory::on(&self.account, self.spare));
        if Arc::strong_count(&memory) > 1 {
            memory.held.grow(self.memory_bytes);
            kept();
        }
        let mut next = self.spare.take_to_read(bytes);
        next.extend_from_slice(&self.read);
        self.memory_bytes = next.capacity();
        self.memory.held.grow(self.memory_bytes.saturating_sub(READ_BYTES_FREE));
        // This is set once for each buffer.
        _ = memory.left.set(std::mem::replace(&mut self.read, next));
    }

    pub(super) fn poll_read(&mut self, io: &mut Transport, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let room = self.read.capacity() - self.read.len();
        let polled = poll_read_buf(Pin::new(io), cx, &mut self.read);
        if self.read.len() == self.read.capacity() && room >= self.read_bytes / 2 {
            self.read_bytes = (self.read_bytes * 2).min(READ_BYTES_MAX);
        }
        polled
    }
}

impl Memory {
    fn on(account: &Arc<Account>, spare: &'static Spare) -> Arc<Self> {
        Arc::new(Self { held: account.hold(Kind::Pinned, 0), left: OnceLock::new(), spare })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::Budget;

    const FRAME_MAX: usize = 16 * 1024 * 1024;

    /// An intake with spare buffers of its own, which has grown to the largest reads.
    fn intake() -> (Intake, Arc<Account>) {
        let account = Budget::new(usize::MAX).open(false);
        let spare = Box::leak(Box::new(Spare::new()));
        let mut intake = Intake::with(BytesMut::new(), account.clone(), spare);
        intake.read_bytes = READ_BYTES_MAX;
        (intake, account)
    }

    fn frame(body: usize) -> Vec<u8> {
        let mut frame = u32::try_from(body).expect("a length").to_le_bytes().to_vec();
        frame.resize(4 + body, 7);
        frame
    }

    /// Reads bytes in parts, as from a socket, and takes the frames out.
    fn read(intake: &mut Intake, mut bytes: &[u8]) -> Vec<Bytes> {
        let mut chunks = Vec::new();
        while !bytes.is_empty() {
            if intake.is_full(FRAME_MAX) {
                intake.renew(FRAME_MAX, || {});
            }
            let room = intake.read.capacity() - intake.read.len();
            assert!(room > 0, "a read without room looks like the end");
            let (now, later) = bytes.split_at(room.min(bytes.len()).min(200_000));
            intake.read.extend_from_slice(now);
            bytes = later;
            let (chunk, oversized) = intake.cut(FRAME_MAX);
            assert!(oversized.is_none());
            chunks.extend((!chunk.is_empty()).then_some(chunk));
        }
        chunks
    }

    #[test]
    fn buffers_are_used_again_once_no_slice_of_them_lives() {
        for body in [65_536, 1_000_000] {
            let (mut intake, _account) = intake();
            let mut rounds = (0..100).map(|_| {
                let chunks = read(&mut intake, &frame(body).repeat(3));
                assert_eq!(chunks.iter().map(Bytes::len).sum::<usize>(), 3 * (4 + body));
                drop(chunks);
                intake.spare.kept_bytes() + intake.memory_bytes
            });
            let all = rounds.nth(20).expect("there are a hundred rounds");
            assert!(all >= 3 * body, "{all} bytes, with those in use at once");
            rounds.for_each(|bytes| assert_eq!(bytes, all, "no buffer comes, and none goes"));
        }
    }

    #[test]
    fn a_buffer_that_a_slice_keeps_alive_is_counted_and_not_used_again() {
        let (mut intake, account) = intake();
        let kept = read(&mut intake, &frame(65_536)).remove(0);
        let place = kept.as_ptr();
        assert_eq!(account.booked(), 0, "the buffer in use is free of charge");
        for _ in 0..20 {
            let chunks = read(&mut intake, &frame(65_536).repeat(3));
            assert!(chunks.iter().all(|chunk| chunk.as_ptr() != place));
        }
        assert_eq!(account.booked(), READ_BYTES_MAX);
        assert_eq!(kept, frame(65_536));
        let spare = intake.spare.kept_bytes();
        drop(kept);
        assert_eq!((account.booked(), intake.spare.kept_bytes()), (0, spare + READ_BYTES_MAX));
    }

    #[test]
    fn a_connection_that_rests_has_no_large_buffer() {
        for body in [10, 65_536, 1_000_000] {
            let (mut intake, account) = intake();
            let chunks = read(&mut intake, &frame(body));
            drop(chunks);
            intake.rest();
            assert_eq!((intake.memory_bytes, account.booked()), (0, 0), "{body} bytes");
            assert!(intake.spare.kept_bytes() > 0);
            assert_eq!(read(&mut intake, &frame(body)), [frame(body)]);
        }
    }

    #[test]
    fn a_buffer_grows_with_what_has_arrived_not_with_what_is_announced() {
        let (mut intake, account) = intake();
        let (whole, mut copied) = (frame(FRAME_MAX), 0);
        for part in whole.chunks(100_000) {
            let before = intake.memory_bytes;
            assert!(read(&mut intake, part).is_empty() || intake.read.is_empty());
            let there = intake.read.len();
            let bound = if there == 0 { whole.len() } else { (GROWTH * there).max(READ_BYTES_MAX) };
            assert!(intake.memory_bytes <= bound, "{} bytes for {there}", intake.memory_bytes);
            assert_eq!(account.booked(), intake.memory_bytes.saturating_sub(READ_BYTES_FREE));
            copied += there * usize::from(intake.memory_bytes != before);
        }
        assert_eq!((intake.read.len(), intake.memory_bytes), (0, whole.len()), "and no further");
        assert!(copied < whole.len() / 2, "{copied} bytes");
    }
}
