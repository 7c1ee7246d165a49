//! What can be measured, and how one sample of it is taken: by a process of its own.

use std::io::{self, Write};
use std::process::{Command, Stdio};

use crate::link::Transport;
use crate::{cpu, ours, raw};

/// First argument of a sampling process; measurement, placement and divisor follow.
pub(crate) const SAMPLE_FLAG: &str = "--sample";

/// Callers that share one connection in the call-rate measurements.
pub(crate) const IN_FLIGHT: usize = 64;

/// What a number means, and therefore which direction is better.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unit {
    GigabytesPerSecond,
    Micros,
    Millis,
    PerSecond,
}

impl Unit {
    /// Whether a smaller number is the better one.
    pub(crate) fn is_latency(self) -> bool {
        match self {
            Self::Micros | Self::Millis => true,
            Self::GigabytesPerSecond | Self::PerSecond => false,
        }
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::GigabytesPerSecond => "GB/s",
            Self::Micros => "us",
            Self::Millis => "ms",
            Self::PerSecond => "M/s",
        }
    }

    /// The number that stands before [`Unit::name`].
    pub(crate) fn number(self, value: f64) -> String {
        match self {
            Self::GigabytesPerSecond | Self::Millis => format!("{value:.2}"),
            Self::Micros => format!("{value:.1}"),
            Self::PerSecond => format!("{:.2}", value / 1e6),
        }
    }
}

/// Where the scheduler may put the two processes of a measurement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Placement {
    Free,
    Pinned,
}

impl Placement {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Free => "free",
            Self::Pinned => "pinned",
        }
    }
}

/// How much work one sample does; a divisor of the full amount.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Scale(pub(crate) u32);

impl Scale {
    /// This scale's share of the full count; never nothing.
    pub(crate) fn of(self, full: u32) -> u32 {
        (full / self.0).max(IN_FLIGHT as u32)
    }

    fn count(self, full: u32) -> usize {
        self.of(full) as usize
    }
}

/// One number to take.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Measure {
    /// `who/what/transport`; what reports and filters name.
    pub(crate) id: &'static str,
    pub(crate) unit: Unit,
    /// Runs in a process of its own that is already placed.
    pub(crate) take: fn(Scale) -> io::Result<f64>,
}

const RAW: &[Measure] = &[
    Measure {
        id: "raw/ping_pong/uds",
        unit: Unit::Micros,
        take: |scale| raw::ping_pong(Transport::Uds, scale.count(20_000)),
    },
    Measure {
        id: "raw/ping_pong/tcp",
        unit: Unit::Micros,
        take: |scale| raw::ping_pong(Transport::Tcp, scale.count(20_000)),
    },
    Measure { id: "raw/ticks/uds", unit: Unit::PerSecond, take: |scale| ticks(Transport::Uds, scale) },
    Measure { id: "raw/ticks/tcp", unit: Unit::PerSecond, take: |scale| ticks(Transport::Tcp, scale) },
    Measure {
        id: "raw/bytes/uds",
        unit: Unit::GigabytesPerSecond,
        take: |scale| bulk(Transport::Uds, scale),
    },
    Measure {
        id: "raw/bytes/tcp",
        unit: Unit::GigabytesPerSecond,
        take: |scale| bulk(Transport::Tcp, scale),
    },
    Measure {
        id: "raw/calls64/uds",
        unit: Unit::PerSecond,
        take: |scale| raw::calls(Transport::Uds, IN_FLIGHT, scale.count(1_500_000)),
    },
    Measure {
        id: "raw/calls64/tcp",
        unit: Unit::PerSecond,
        take: |scale| raw::calls(Transport::Tcp, IN_FLIGHT, scale.count(1_500_000)),
    },
    Measure { id: "raw/spawn/uds", unit: Unit::Millis, take: |scale| raw::spawn_to_reply(scale.count(200)) },
];

fn ticks(transport: Transport, scale: Scale) -> io::Result<f64> {
    raw::one_way(transport, raw::TICK_FRAME_BYTES, u64::from(scale.of(15_000_000)))
}

fn bulk(transport: Transport, scale: Scale) -> io::Result<f64> {
    let frames = raw::one_way(transport, raw::BULK_BYTES, u64::from(scale.of(60_000)))?;
    Ok(frames * raw::BULK_BYTES as f64 / 1e9)
}

/// Every measurement, in the order of a round: each of ours follows the baselines.
pub(crate) fn all() -> impl Iterator<Item = Measure> {
    RAW.iter().chain(ours::MEASURES).copied()
}

/// The whole life of a sampling process: places itself, measures, prints one number.
pub(crate) fn sample_main(args: &[String]) -> io::Result<()> {
    let [id, placement, divisor] = args else {
        return Err(io::Error::other("a sample takes a measurement, a placement and a divisor"));
    };
    if placement == Placement::Pinned.name() {
        cpu::pin_to_one()?;
    }
    let measure =
        all().find(|known| known.id == id).ok_or_else(|| io::Error::other("unknown measurement"))?;
    let value = (measure.take)(Scale(divisor.parse().map_err(io::Error::other)?))?;
    writeln!(io::stdout(), "{value}")
}

/// Takes one sample in a fresh process.
pub(crate) fn sample(measure: Measure, placement: Placement, scale: Scale) -> io::Result<f64> {
    let output = Command::new(std::env::current_exe()?)
        .args([SAMPLE_FLAG, measure.id, placement.name(), &scale.0.to_string()])
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()?;
    if !output.status.success() {
        return Err(io::Error::other(format!("{} ended with {}", measure.id, output.status)));
    }
    String::from_utf8_lossy(&output.stdout).trim().parse().map_err(io::Error::other)
}

/// The value below which `percent` of all values lie; sorts them.
pub(crate) fn percentile(values: &mut [f64], percent: usize) -> f64 {
    assert!(!values.is_empty() && percent <= 100);
    values.sort_by(f64::total_cmp);
    values[(values.len() - 1) * percent / 100]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentile_is_one_of_the_values() {
        assert_eq!(percentile(&mut [3.0, 1.0, 2.0], 50), 2.0);
        assert_eq!(percentile(&mut [3.0, 1.0, 2.0], 100), 3.0);
        assert_eq!(percentile(&mut [5.0], 50), 5.0);
    }

    #[test]
    fn ids_are_unique() {
        let mut ids: Vec<_> = all().map(|measure| measure.id).collect();
        ids.sort_unstable();
        let count = ids.len();
        ids.dedup();
        assert_eq!(ids.len(), count);
    }
}
