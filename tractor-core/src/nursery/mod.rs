//! Nurseries, which own child actors; calls that run in an actor of their own; resources that tasks of an actor share.

mod builder;
mod one_shot;
mod scope;
mod shared;
mod shared_life;

pub use builder::StartActor;
pub use one_shot::{OneShot, RunInActor};
pub use scope::ActorNursery;
pub(crate) use scope::{Adopted, Running, open_nursery_in};
pub use shared::{Sharing, maybe_open_context};
