//! A message that is also a failure, for all tests of the macros. The tests are in `tests/`, programs that must not
//! compile in `fail/`.

use std::error::Error;
use std::fmt;

use serde::{Deserialize, Serialize};

/// A message, and the failure with its text.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Told {
    /// The text.
    pub what: String,
}

impl Told {
    /// A message with this text.
    pub fn new(what: &str) -> Self {
        Self { what: what.to_owned() }
    }
}

impl fmt::Display for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
}

impl Error for Told {}
