//! An error cannot choose a wire name that has a meaning in the protocol.

use std::{error, fmt};

use tractor::error::WireName;

#[derive(Debug)]
struct Refused;

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("refused")
    }
}

impl error::Error for Refused {}

impl WireName for Refused {
    const NAME: &'static str = "ContextCancelled";
}

#[tractor::actor_fn]
async fn refuse() -> Result<u8, Refused> {
    Err(Refused)
}

fn main() {}
