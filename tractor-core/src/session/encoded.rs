//! Encoded values, in memory that is used again.
//!
//! Serializers are user code and run under no lock: a value is encoded into one of these first, and copied under the
//! lock, or handed over if it is large.

use std::cell::Cell;
use std::ops::Deref;

use crate::net::{LARGE_BYTES_MIN, SPARE};
use crate::proto::payload::PayloadError;

/// The encoding of a value, or of several. Its memory goes back to the thread that drops it, or, if it is large, to
/// whoever needs some.
#[derive(Debug)]
pub(crate) struct Encoded {
    bytes: Vec<u8>,
}

thread_local! {
    static KEPT: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

impl Encoded {
    /// What `encode` appends. It may encode other values meanwhile; these get memory of their own.
    #[inline]
    pub(crate) fn by(
        encode: impl FnOnce(&mut Vec<u8>) -> Result<(), PayloadError>,
    ) -> Result<Self, PayloadError> {
        let mut encoded = Self { bytes: KEPT.try_with(Cell::take).unwrap_or_default() };
        if encoded.bytes.capacity() == 0 {
            encoded.bytes = SPARE.take();
        }
        encode(&mut encoded.bytes)?;
        Ok(encoded)
    }

    /// These bytes, which are not many.
    pub(crate) fn copy_of(bytes: &[u8]) -> Self {
        let mut copy = Self { bytes: KEPT.try_with(Cell::take).unwrap_or_default() };
        copy.bytes.extend_from_slice(bytes);
        copy
    }

    /// The memory, for what takes it over with the value.
    #[inline]
    pub(crate) fn memory(&mut self) -> &mut Vec<u8> {
        &mut self.bytes
    }
}

impl Deref for Encoded {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        &self.bytes
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
                // A thread that is ending has no place for it any more.
                _ = KEPT.try_with(|kept| kept.set(bytes));
            }
            LARGE_BYTES_MIN.. => SPARE.give(bytes),
        }
    }
}
