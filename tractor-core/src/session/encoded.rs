//! Encoded values, in memory that each thread uses again.
//!
//! Serializers are user code and run under no lock: a value is encoded into one of these first, and copied under the
//! lock.

use std::cell::Cell;
use std::ops::Deref;

use crate::proto::payload::PayloadError;

/// The encoding of a value, or of several. Its memory goes back to the thread that drops it.
#[derive(Debug)]
pub(crate) struct Encoded {
    bytes: Vec<u8>,
}

thread_local! {
    static KEPT: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// A larger buffer is given back to the allocator.
const BYTES_KEPT_MAX: usize = 64 * 1024;

impl Encoded {
    /// What `encode` appends. It may encode other values meanwhile; these get memory of their own.
    #[inline]
    pub(crate) fn by(
        encode: impl FnOnce(&mut Vec<u8>) -> Result<(), PayloadError>,
    ) -> Result<Self, PayloadError> {
        let mut encoded = Self { bytes: KEPT.try_with(Cell::take).unwrap_or_default() };
        encode(&mut encoded.bytes)?;
        Ok(encoded)
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
        if self.bytes.capacity() <= BYTES_KEPT_MAX {
            self.bytes.clear();
            // A thread that is ending has no place for it any more.
            _ = KEPT.try_with(|kept| kept.set(std::mem::take(&mut self.bytes)));
        }
    }
}
