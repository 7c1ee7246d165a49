//! Large free buffers, for reuse.
//!
//! An allocator gives large blocks back to the system, and mapping the pages of a new block costs more than filling
//! them. So all connections of this process reuse buffers for encoding, writing and reading.
//!
//! # Invariants
//! 1. At most [`BYTES_KEPT_MAX`] bytes are kept, for any number of connections and threads.
//! 2. A kept buffer has no other owner.
//! 3. A payload that waits fills at least an eighth of a large buffer, see [`is_roomy`].
//! 4. The lock is taken last, and held for a few instructions.

use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::{Bytes, BytesMut};

/// Smaller buffers are kept by their owners, or go back to the allocator.
pub(crate) const LARGE_BYTES_MIN: usize = 64 * 1024;
const BYTES_KEPT_MAX: usize = 32 * 1024 * 1024;
/// A larger buffer goes back to the allocator.
const BUFFER_BYTES_MAX: usize = BYTES_KEPT_MAX / 2;

/// Whether a buffer is so much larger than its content that the content is copied out before it waits: a connection's
/// account counts the content only.
#[inline]
pub(crate) fn is_roomy(buffer: &Vec<u8>) -> bool {
    buffer.capacity() >= LARGE_BYTES_MIN && buffer.capacity() / 8 > buffer.len()
}

/// The spare buffers of this process.
pub(crate) static SPARE: Spare = Spare::new();

/// Free buffers; the one used last is at the end, because it may still be in the caches.
#[derive(Debug)]
pub(crate) struct Spare(Mutex<Vec<Vec<u8>>>);

impl Spare {
    pub(super) const fn new() -> Self {
        Self(Mutex::new(Vec::new()))
    }

    /// An empty buffer to write into: the last used spare buffer with at most this capacity, or else a new one without
    /// memory.
    #[inline]
    pub(crate) fn take(&self, bytes_max: usize) -> Vec<u8> {
        self.take_where(|bytes| bytes <= bytes_max).unwrap_or_default()
    }

    /// An empty buffer to read into, with room for `room` bytes to twice as many.
    pub(super) fn take_to_read(&self, room: usize) -> BytesMut {
        let fits = |bytes: usize| (room..=room.saturating_mul(2)).contains(&bytes);
        match self.take_where(fits) {
            Some(buffer) => Bytes::from(buffer).into(),
            None => BytesMut::with_capacity(room),
        }
    }

    /// Takes back a buffer with any content.
    #[inline]
    pub(crate) fn give(&self, mut buffer: Vec<u8>) {
        if !(LARGE_BYTES_MIN..=BUFFER_BYTES_MAX).contains(&buffer.capacity()) {
            return;
        }
        buffer.clear();
        // Dropped after the lock is released.
        let mut surplus = Vec::new();
        let mut kept = self.kept();
        let mut bytes = buffer.capacity() + kept.iter().map(Vec::capacity).sum::<usize>();
        while bytes > BYTES_KEPT_MAX {
            let oldest = kept.remove(0);
            bytes -= oldest.capacity();
            surplus.push(oldest);
        }
        kept.push(buffer);
        drop(kept);
    }

    /// Takes back a read buffer, unless it is still shared.
    pub(super) fn give_read(&self, mut buffer: BytesMut) {
        buffer.clear();
        // The conversion recovers all memory of an unshared buffer. A shared one becomes an empty copy.
        self.give(buffer.into());
    }

    fn take_where(&self, fits: impl Fn(usize) -> bool) -> Option<Vec<u8>> {
        let mut kept = self.kept();
        let at = kept.iter().rposition(|buffer| fits(buffer.capacity()))?;
        Some(kept.remove(at))
    }

    #[cfg(test)]
    pub(super) fn kept_bytes(&self) -> usize {
        self.kept().iter().map(Vec::capacity).sum()
    }

    fn kept(&self) -> MutexGuard<'_, Vec<Vec<u8>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_buffer_that_was_used_last_is_used_again() {
        let spare = Spare::new();
        let buffers = [Vec::with_capacity(LARGE_BYTES_MIN), Vec::with_capacity(2 * LARGE_BYTES_MIN)];
        let places = buffers.each_ref().map(|buffer: &Vec<u8>| buffer.as_ptr());
        buffers.into_iter().for_each(|buffer| spare.give(buffer));
        let place = |least| spare.take_where(|bytes| bytes >= least).map(|buffer| buffer.as_ptr());
        assert_eq!(place(4 * LARGE_BYTES_MIN), None);
        assert_eq!(place(0), Some(places[1]));
        assert_eq!(place(2 * LARGE_BYTES_MIN), None);
        assert_eq!(place(0), Some(places[0]));
        assert_eq!(place(0), None, "each of them once");
    }

    #[test]
    fn the_kept_memory_is_bounded() {
        let spare = Spare::new();
        for bytes in [LARGE_BYTES_MIN - 1, BUFFER_BYTES_MAX + 1] {
            spare.give(Vec::with_capacity(bytes));
            assert_eq!(spare.take(usize::MAX).capacity(), 0, "{bytes} bytes");
        }
        for _ in 0..1000 {
            spare.give(Vec::with_capacity(BUFFER_BYTES_MAX));
        }
        assert_eq!(spare.kept_bytes(), BYTES_KEPT_MAX);
    }

    #[test]
    fn a_read_buffer_is_free_once_no_slice_of_it_lives() {
        let (spare, size) = (Spare::new(), LARGE_BYTES_MIN);
        let mut buffer = spare.take_to_read(size);
        let place = buffer.as_ptr();
        buffer.resize(size, 7);
        let slice = buffer.split_to(1).freeze();
        let rest = buffer.split_off(size / 2);
        spare.give_read(rest);
        assert_ne!(spare.take_to_read(size).as_ptr(), place, "it is in use");
        drop(slice);
        spare.give_read(buffer);
        assert_eq!(spare.take_to_read(size).as_ptr(), place);
    }
}
