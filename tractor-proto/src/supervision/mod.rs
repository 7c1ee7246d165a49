//! Who is restarted when a supervised child ends, in which order, after which delay, and when that is no use any more.
//!
//! ```text
//!             declared          its turn, delay over         booted
//!                 └──► Waiting ─────────────────► Starting ─────────► Up
//!                        ▲  ▲                        │                │
//!                        │  └── ended, to restart ───┴────────────────┤
//!                        │                                            │ a sibling failed, or all must end
//!                        └── ended ── Stopping ◄── its turn ── Doomed ◄
//!                                        │
//!                 ended for good ◄───────┴─ not to be started again; also from Waiting, Starting, Up
//! ```
//!
//! What happens to a child that ended by itself:
//!
//! | | ended in order | crashed, or could not start |
//! | --- | --- | --- |
//! | [`Restart::Permanent`] | restarted | restarted |
//! | [`Restart::Transient`] | ended for good | restarted |
//! | [`Restart::Temporary`] | ended for good | ended for good |
//!
//! What a restart does to its siblings:
//!
//! | | siblings declared before it | siblings declared after it |
//! | --- | --- | --- |
//! | [`Strategy::OneForOne`] | go on | go on |
//! | [`Strategy::RestForOne`] | go on | stopped and started again |
//! | [`Strategy::OneForAll`] | stopped and started again | stopped and started again |
//!
//! Temporary siblings are stopped with the others, and not started again.
//!
//! A child may also be restarted because somebody wants that. It is stopped, whatever its rule is started again at
//! once, and its siblings are concerned as by any restart.
//!
//! # Invariants
//! 1. A child is started only after its last process has ended.
//! 2. Siblings are stopped one after the other, the last declared first; they are started again in the order of their
//!    declaration, each after the one before it is up, and none before the last one has stopped.
//! 3. Within any [`Intensity::window`] there are at most [`Intensity::restarts`] restarts, however many children each
//!    of them concerns; those that were asked for are not counted. The next one is not made: the supervisor gives up,
//!    and nothing is started any more.
//! 4. A child that is being stopped causes no restart, whichever way it ends.
//!
//! # Not here
//! Processes, clocks and errors: the caller says what happened and when, carries out what comes out, and knows the
//! causes.

mod bounds;
pub mod ladder;
mod machine;
mod policy;
pub mod silence;

pub use bounds::ProcessBounds;
pub use machine::{ChildId, Exit, Input, Machine, Output};
pub use policy::{Backoff, Intensity, Restart, Strategy, Supervision};
