//! Choices that depend on a seed only.

use std::time::SystemTime;

/// SplitMix64, a small generator that gives the same numbers on every machine.
#[derive(Debug)]
pub struct Dice(u64);

impl Dice {
    /// The choices of this seed.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Any number.
    pub fn any(&mut self) -> u32 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed >> 33) as u32
    }

    /// A number below `bound`.
    pub fn below(&mut self, bound: u32) -> u32 {
        self.any() % bound
    }

    /// One of several.
    pub fn one_of<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.any() as usize % all.len()]
    }
}

/// The seed from the environment: `random` or a number; by default the fixed one.
pub fn seed(variable: &str, usual: u64) -> u64 {
    match std::env::var(variable) {
        Ok(random) if random == "random" => {
            let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("it is after 1970");
            now.as_secs() << 30 | u64::from(now.subsec_nanos())
        }
        _ => number(variable).unwrap_or(usual),
    }
}

/// A number of the environment.
pub fn number(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok()?;
    Some(text.parse().unwrap_or_else(|error| panic!("{variable}: {error}")))
}
