//! Short pages with whole programs, which are compiled and run by the tests.
//!
//! | page | about |
//! | --- | --- |
//! | [first program](first) | from `cargo new` to an actor that crashes |
//! | [pools] | many calls, workers that hang, crash or run out of memory |
//! | [supervision] | children that are restarted |
//! | [names and handles](names) | siblings, handles that travel, names, daemons, the command `tractor` |
//! | [errors and retries](errors) | your own error types, kinds of errors, actors that come back |
//! | [cancellation] | who sees what when one side cancels, fails or dies |
//! | [bytes] | large buffers; files and bodies, in chunks |
//! | [web] | HTTP handlers in front |
//! | [signals, containers, deployment](signals) | a daemon that ends well |
//! | [logs and traces](logs) | events and spans of all processes |
//! | [performance] | costs, how they grow, and how to reduce them |
//! | [testing] | actors in the same process, paused time, what must not compile |
//! | [with Python actors](python) | calls, names and streams in both directions |
//! | [versions] | what two programs may differ in |
//! | [the compiler's errors](compiler) | the five errors that everybody meets first |
//! | [coming from elsewhere](migrating) | tokio, tarpc, Ray, multiprocessing, Erlang |

#[doc = include_str!("bytes.md")]
pub mod bytes {}

#[doc = include_str!("cancellation.md")]
pub mod cancellation {}

#[doc = include_str!("compiler.md")]
pub mod compiler {}

#[doc = include_str!("errors.md")]
pub mod errors {}

#[doc = include_str!("first.md")]
pub mod first {}

#[doc = include_str!("logs.md")]
pub mod logs {}

#[doc = include_str!("migrating.md")]
pub mod migrating {}

#[doc = include_str!("names.md")]
pub mod names {}

#[doc = include_str!("performance.md")]
#[doc = ""]
#[doc = include_str!("performance/figures.md")]
#[doc = ""]
#[doc = include_str!("performance/payload.svg")]
#[doc = ""]
#[doc = include_str!("performance/contexts.svg")]
#[doc = ""]
#[doc = include_str!("performance/connections.svg")]
#[doc = ""]
#[doc = include_str!("performance/actors.svg")]
#[doc = ""]
#[doc = include_str!("performance/streams.svg")]
#[doc = ""]
#[doc = include_str!("performance/stalled.svg")]
#[doc = ""]
#[doc = "# Counted"]
#[doc = ""]
#[doc = include_str!("performance/counts.md")]
pub mod performance {}

#[doc = include_str!("pools.md")]
pub mod pools {}

#[doc = include_str!("python.md")]
pub mod python {}

#[doc = include_str!("signals.md")]
pub mod signals {}

#[doc = include_str!("supervision.md")]
pub mod supervision {}

#[doc = include_str!("testing.md")]
pub mod testing {}

#[doc = include_str!("versions.md")]
pub mod versions {}

#[doc = include_str!("web.md")]
pub mod web {}
