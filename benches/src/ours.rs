//! What `tractor` itself is measured at.
//!
//! The report names these measurements; one that is missing here shows as an open slot.
//!
//! | id | one sample |
//! | --- | --- |
//! | `ours/spawn/uds` | start an actor and call it once, median milliseconds |
//! | `ours/call/{uds,tcp}` | a unary call, median microseconds |
//! | `ours/stream_ping_pong/{uds,tcp}` | one value there and back on an open stream, median microseconds |
//! | `ours/context/{uds,tcp}` | open a context and wait for its result, median microseconds |
//! | `ours/ticks/{uds,tcp}` | one-way stream of ticks, values per second |
//! | `ours/bytes/{uds,tcp}` | one-way stream of 64 KiB byte payloads, GB per second |
//! | `ours/calls64/{uds,tcp}` | calls per second with 64 in flight |

use crate::measure::Measure;

/// Empty until the facade runs.
pub(crate) const MEASURES: &[Measure] = &[];
