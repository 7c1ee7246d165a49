//! Names: which actor is registered where, which actor becomes the registrar, and which of several addresses is tried
//! first.
//!
//! * [`Table`]: the rows of a registrar
//! * [`Probe`], [`elect`]: what a root that has registries becomes
//! * [`by_preference`]: an actor's addresses in the order in which they are tried
//! * [`WireAddr`]: an address as an argument or value of a registrar's methods
//!
//! # Not here
//! Connections, clocks and permissions.

mod choice;
mod election;
mod form;
mod name;
mod table;

pub use choice::by_preference;
pub use election::{Attempt, Next, Probe, Refusal, Role, Standing, elect};
pub use form::WireAddr;
pub use name::{NameProblem, check_name};
pub use table::{Holder, Refused, Table};
