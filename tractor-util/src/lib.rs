//! Helpers for `tractor` that use only its public API.
//!
//! Applications use the facade crate `tractor`, which re-exports these helpers. They are a crate of their own, so that
//! the compiler proves that they need no private API.
//!
//! | module | holds |
//! | --- | --- |
//! | `cluster` | [`open_actor_cluster`]: equal workers, started at once, ended with the scope |
//! | `gather` | [`gather_contexts`]: several contexts as one scope |
//! | `pool` | [`open_pool`]: workers that run tasks and are replaced when they die |

mod cluster;
mod gather;
mod pool;

pub use cluster::{ClusterOptions, open_actor_cluster};
pub use gather::gather_contexts;
pub use pool::{Pool, PoolOptions, PoolProgress, PoolResults, PoolRun, PoolTarget, open_pool};
