//! Encoded values, in reused memory.
//!
//! Serializers are user code and run under no lock. So a value is first encoded into an [`Encoded`], and then copied
//! under the lock, or handed over if it is large. A large `Bytes` is never copied.

use std::cell::Cell;

use bytes::Bytes;

use crate::net::{Frame, LARGE_BYTES_MIN, SPARE, is_roomy};
use crate::proto::payload::{self, PayloadError};

/// The encoding of a value, or of several. Its memory is kept by the thread that drops it, or, if it is large, goes to
/// the shared spare buffers.
#[derive(Debug)]
pub(crate) struct Encoded {
    bytes: Vec<u8>,
    /// Follows `bytes`.
    given: Bytes,
}

thread_local! {
    static KEPT: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

impl Encoded {
    /// The bytes that `encode` appends. `encode` may encode other values meanwhile; these get memory of their own.
    #[inline]
    pub(crate) fn by(
        encode: impl FnOnce(&mut Vec<u8>) -> Result<(), PayloadError>,
    ) -> Result<Self, PayloadError> {
        let mut encoded = Self { bytes: KEPT.try_with(Cell::take).unwrap_or_default(), given: Bytes::new() };
        if encoded.bytes.capacity() == 0 {
            encoded.bytes = SPARE.take(usize::MAX);
        }
        encode(&mut encoded.bytes)?;
        Ok(encoded)
    }

    /// A copy of a few bytes.
    pub(crate) fn copy_of(bytes: &[u8]) -> Self {
        let mut copy = Self { bytes: KEPT.try_with(Cell::take).unwrap_or_default(), given: Bytes::new() };
        copy.bytes.extend_from_slice(bytes);
        copy
    }

    /// The encoding of a value that consists only of these bytes.
    pub(crate) fn of_bytes(given: Bytes) -> Self {
        let mut bytes = KEPT.try_with(Cell::take).unwrap_or_default();
        payload::encode_head_of(&given, &mut bytes);
        Self { bytes, given }
    }

    /// The whole encoding, or its head if the rest is [given](Self::of_bytes).
    #[inline]
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.bytes.len() + self.given.len()
    }

    /// Moves the encoding out of a buffer that is much too large. Called before the encoding waits.
    #[cold]
    pub(crate) fn fit(&mut self) {
        if is_roomy(&self.bytes) {
            let fitting = self.bytes.as_slice().to_vec();
            SPARE.give(std::mem::replace(&mut self.bytes, fitting));
        }
    }

    /// Appends the encoding to a frame. The frame takes the memory of a large one.
    #[inline]
    pub(crate) fn append_to(&mut self, frame: &mut Frame<'_>) {
        frame.payload(&mut self.bytes);
        frame.given(&self.given);
    }
}

impl Drop for Encoded {
    #[inline]
    fn drop(&mut self) {
        let mut bytes = std::mem::take(&mut self.bytes);
        match bytes.capacity() {
            0 => {}
            1..LARGE_BYTES_MIN => {
                bytes.clear();
                // A thread that is ending has dropped its storage already.
                _ = KEPT.try_with(|kept| kept.set(bytes));
            }
            LARGE_BYTES_MIN.. => SPARE.give(bytes),
        }
    }
}
