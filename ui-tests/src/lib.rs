//! What the tests of the macros have in common: a message that is also a failure. The tests are in `tests/`, programs
//! that must not compile in `fail/`.

use std::error::Error;
use std::fmt;

use serde::{Deserialize, Serialize};

/// A message, and the failure that says it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Told {
    /// What is said.
    pub what: String,
}

impl Told {
    /// Says it.
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
