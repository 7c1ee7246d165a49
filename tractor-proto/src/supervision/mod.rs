//! The rules of supervisors: which children are restarted when a supervised child ends, in which order, after which
//! delay, and when the supervisor gives up.
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
//! A child may also be restarted on request: at once, whatever its restart rule, and with its siblings as above.
//!
//! # Invariants
//! 1. A child is started only after its last process has ended.
//! 2. Siblings are stopped one after the other, the last declared first; they are started again in the order of their
//!    declaration, each after the previous one is up, and none before all have stopped.
//! 3. Within any [`Intensity::window`] there are at most [`Intensity::restarts`] restarts, however many children each
//!    of them includes; restarts on request are not counted. Instead of one more restart the supervisor gives up.
//! 4. A child that is being stopped causes no restart, whichever way it ends.
//!
//! # Not here
//! Processes, clocks and errors: the caller reports events with their times, carries out the outputs, and keeps the
//! causes.

mod bounds;
pub mod ladder;
mod machine;
mod policy;
pub mod silence;

pub use bounds::ProcessBounds;
pub use machine::{ChildId, Exit, Input, Machine, Output};
pub use policy::{Backoff, Intensity, Restart, Strategy, Supervision};
