//! Encoded values, in reused memory.
//!
//! Serializers are user code and run under no lock, so a value is encoded into an [`Encoded`], and then copied under
//! the lock, or handed over if it is large. A large `Bytes` is never copied.

use std::cell::Cell;

use bytes::Bytes;

use crate::net::{Frame, LARGE_BYTES_MIN, SPARE, is_roomy};
use crate::proto::payload::{self, PayloadError};

/// The encoding of a value, or of several; or nothing. Its memory is kept by the thread that drops it; what is large
/// goes to the shared spare buffers.
// One word, which is cheap to move.
#[derive(Debug, Default)]
pub(crate) struct Encoded(Option<Box<Memory>>);

#[derive(Debug, Default)]
struct Memory {
    bytes: Vec<u8>,
    /// Follows `bytes`.
    given: Bytes,
}

thread_local! {
    static KEPT: Cell<Option<Box<Memory>>> = const { Cell::new(None) };
}

impl Memory {
    #[inline]
    fn kept() -> Box<Self> {
        KEPT.try_with(Cell::take).ok().flatten().unwrap_or_default()
    }
}

impl Encoded {
    /// The bytes that `encode` appends. `encode` may encode other values meanwhile; these get memory of their own.
    #[inline]
    pub(crate) fn by(
        encode: impl FnOnce(&mut Vec<u8>) -> Result<(), PayloadError>,
    ) -> Result<Self, PayloadError> {
        let mut memory = Memory::kept();
        if memory.bytes.capacity() == 0 {
            memory.bytes = SPARE.take(usize::MAX);
        }
        let mut encoded = Self(Some(memory));
        encode(&mut encoded.memory().bytes)?;
        Ok(encoded)
    }

    /// A copy of a few bytes.
    pub(crate) fn copy_of(bytes: &[u8]) -> Self {
        let mut memory = Memory::kept();
        memory.bytes.extend_from_slice(bytes);
        Self(Some(memory))
    }

    /// The encoding of a value that consists only of these bytes.
    pub(crate) fn of_bytes(given: Bytes) -> Self {
        let mut memory = Memory::kept();
        payload::encode_head_of(&given, &mut memory.bytes);
        memory.given = given;
        Self(Some(memory))
    }

    #[inline]
    fn memory(&mut self) -> &mut Memory {
        self.0.get_or_insert_default()
    }

    /// Whether there is no encoding.
    #[inline]
    pub(crate) fn is_none(&self) -> bool {
        self.0.is_none()
    }

    /// The whole encoding, or its head if the rest is [given](Self::of_bytes).
    #[inline]
    pub(crate) fn bytes(&self) -> &[u8] {
        self.0.as_ref().map_or(&[], |memory| &memory.bytes)
    }

    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.0.as_ref().map_or(0, |memory| memory.bytes.len() + memory.given.len())
    }

    /// Moves the encoding out of a buffer that is much too large. Called before the encoding waits.
    #[cold]
    pub(crate) fn fit(&mut self) {
        let Memory { bytes, .. } = self.memory();
        if is_roomy(bytes) {
            let fitting = bytes.as_slice().to_vec();
            SPARE.give(std::mem::replace(bytes, fitting));
        }
    }

    /// Appends the encoding to a frame. The frame takes the memory of a large one.
    #[inline]
    pub(crate) fn append_to(&mut self, frame: &mut Frame<'_>) {
        let Memory { bytes, given } = self.memory();
        frame.payload(bytes);
        if !given.is_empty() {
            frame.given(given);
        }
    }
}

impl Drop for Encoded {
    #[inline]
    fn drop(&mut self) {
        let Some(mut memory) = self.0.take() else { return };
        if memory.bytes.capacity() >= LARGE_BYTES_MIN {
            SPARE.give(std::mem::take(&mut memory.bytes));
        }
        memory.bytes.clear();
        if !memory.given.is_empty() {
            memory.given = Bytes::new();
        }
        // A thread that is ending has dropped its storage already.
        _ = KEPT.try_with(|kept| kept.set(Some(memory)));
    }
}
