//! Nurseries: scopes that own child actors, calls in an actor of their own, and resources that tasks of an actor share.

mod builder;
#[allow(clippy::module_inception, reason = "the room is named after its main type")]
mod nursery;
mod one_shot;
mod shared;
mod shared_life;

pub use builder::StartActor;
pub use nursery::ActorNursery;
pub(crate) use nursery::{Adopted, Running, open_nursery_in};
pub use one_shot::{OneShot, RunInActor};
pub use shared::{Sharing, maybe_open_context};
