//! Names and handles: how actors find one another without knowing addresses.
//!
//! A root that has registries becomes the registrar, or an actor that registers with one ([`elect()`]). Every actor of
//! such a tree stays registered with each registrar, and a root takes the place of one that has ended ([`announce()`]);
//! a lookup of a name asks the registrars, and connects (`find`). A handle ([`ActorRef`]) contains the address of its
//! actor, or that of the supervising actor, which knows it (`reach`, `given`).
//!
//! # Not here
//! The rules are in [`proto::registry`](crate::proto::registry).

mod actor_ref;
mod announce;
mod connect;
mod door;
mod elect;
mod find;
mod given;
mod listen;
mod methods;
mod names;
mod query;
mod race;
mod reach;

pub use actor_ref::ActorRef;
pub(crate) use announce::{Late, announce};
pub use connect::connect;
pub use elect::default_registry;
pub(crate) use elect::{Candidate, bind_all, elect, own_addrs};
pub use find::{find_actor, get_registry, get_root, wait_for_actor};
pub(crate) use listen::listen;
pub use listen::socket_addr;
pub(crate) use methods::{METHODS, METHODS_OF_REGISTRARS};
pub use query::{Registered, list_actors, query_actor};
