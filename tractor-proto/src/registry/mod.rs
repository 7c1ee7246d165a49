//! Names of actors: the registrar's table, the choice of the registrar, and the order in which addresses are tried.
//!
//! * [`Table`]: the rows of a registrar
//! * [`Probe`], [`elect`]: whether a root that has registry addresses becomes the registrar
//! * [`by_preference`]: an actor's addresses in the order in which they are tried
//! * [`WireAddr`]: an address as an argument or value of a registrar's methods

mod choice;
mod election;
mod form;
mod name;
mod table;

pub use choice::by_preference;
pub use election::{Attempt, Next, Probe, Refusal, Role, Standing, elect};
pub use form::WireAddr;
pub use name::{NameProblem, check_name};
pub use table::{By, Holder, Refused, Table};
