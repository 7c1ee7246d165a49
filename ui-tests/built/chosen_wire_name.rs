//! An error may choose its name on the wire.

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
    const NAME: &'static str = "ValueError";
}

#[tractor::actor_fn]
async fn refuse() -> Result<u8, Refused> {
    Err(Refused)
}

fn main() {}
