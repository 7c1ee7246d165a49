//! The tasks of the batch.

use std::fmt;
use std::hint::black_box;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

/// The time that a working task takes.
const WORK: Duration = Duration::from_millis(20);

/// The behaviour of a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) enum Kind {
    Works,
    Hangs,
    Panics,
    Exits,
    Aborts,
    Eats,
}

impl Kind {
    pub(crate) const ALL: [Self; 6] =
        [Self::Works, Self::Hangs, Self::Panics, Self::Exits, Self::Aborts, Self::Eats];

    /// Of each 50 tasks two hang, two panic, one exits, one aborts, and one uses up memory.
    pub(crate) fn of(number: u32) -> Self {
        match number % 50 {
            7 | 32 => Self::Hangs,
            13 | 38 => Self::Panics,
            3 => Self::Exits,
            28 => Self::Aborts,
            45 => Self::Eats,
            _ => Self::Works,
        }
    }

    /// A part of the name of its outcome.
    pub(crate) fn outcome(self) -> &'static str {
        match self {
            Self::Works => "a result",
            Self::Hangs => "a deadline of 500ms",
            Self::Panics => "a panic at examples/batch/tasks.rs:",
            Self::Exits => "exit code 3",
            Self::Aborts => "killed by signal 6 (SIGABRT",
            Self::Eats => "under a memory limit of 512 MiB: memory allocation of",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Works => "works",
            Self::Hangs => "hangs",
            Self::Panics => "panics",
            Self::Exits => "exits",
            Self::Aborts => "aborts",
            Self::Eats => "eats",
        })
    }
}

/// Runs the task. Returns the time that its work took.
#[tractor::actor_fn]
#[allow(clippy::exit, reason = "what a task may do")]
pub(crate) async fn task(kind: Kind) -> Duration {
    let begun = Instant::now();
    match kind {
        Kind::Works => {
            while begun.elapsed() < WORK {
                black_box((0..1000_u64).fold(1, |sum, n| black_box(sum ^ n)));
            }
        }
        Kind::Hangs => loop {
            std::thread::park();
        },
        Kind::Panics => panic!("a task in which something is wrong"),
        Kind::Exits => std::process::exit(3),
        Kind::Aborts => std::process::abort(),
        Kind::Eats => {
            let mut eaten: Vec<Vec<u8>> = Vec::new();
            loop {
                eaten.push(black_box(vec![0; 64 << 20]));
            }
        }
    }
    begun.elapsed()
}
