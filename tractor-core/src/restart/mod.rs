//! Supervisors restart children of a nursery when they end.

mod drive;
mod events;
mod supervised;
mod supervisor;

pub use events::{SupervisionEvent, SupervisionEvents};
pub use supervised::Supervised;
pub use supervisor::{SuperviseChild, Supervisor};
