//! A reader that was too slow.

/// One of several readers of a stream has fallen so far behind that it has lost values. Its next `receive` returns the
/// oldest value that is left.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("this reader of the stream is too slow: it has lost {dropped} values (`{knob}`)")]
pub struct Lagged {
    dropped: u64,
    knob: &'static str,
}

impl Lagged {
    pub(crate) fn new(dropped: u64, knob: &'static str) -> Self {
        Self { dropped, knob }
    }

    /// How many values are lost.
    pub fn dropped(&self) -> u64 {
        self.dropped
    }
}
