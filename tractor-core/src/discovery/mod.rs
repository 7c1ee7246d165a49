//! Names: how actors that were not told each other's addresses find one another.
//!
//! A root that has registries becomes the registrar, or an actor that registers with one ([`elect()`]). Every actor of
//! such a tree stays registered with each registrar ([`announce()`]); whoever looks for a name asks them, and connects
//! (`find`).
//!
//! # Not here
//! The rules, which are [`proto::registry`](crate::proto::registry)'s. What an actor listens at.

mod announce;
mod connect;
mod elect;
mod find;
mod methods;
mod names;
mod query;
mod race;

pub(crate) use announce::{Late, announce};
pub use connect::connect;
pub use elect::default_registry;
pub(crate) use elect::{Candidate, bind_all, elect, own_addrs};
pub use find::{find_actor, get_registry, get_root, wait_for_actor};
pub(crate) use methods::METHODS;
pub use query::{Registered, list_actors, query_actor};
