//! Helpers for `tractor` that need nothing but its public API.
//!
//! Applications use the facade crate `tractor`, which re-exports what is here. It is a crate of its own so that the
//! compiler keeps it honest: what is written here, users could have written.
//!
//! | module | holds |
//! | --- | --- |
//! | `cluster` | [`open_actor_cluster`]: equal workers, started at once, ended with the scope |
//! | `gather` | [`gather_contexts`]: several contexts as one scope |
//! | `pool` | [`open_pool`]: workers that run tasks, and are replaced |

mod cluster;
mod gather;
mod pool;

pub use cluster::{ClusterOptions, open_actor_cluster};
pub use gather::gather_contexts;
pub use pool::{Pool, PoolOptions, PoolProgress, PoolResults, PoolRun, PoolTarget, open_pool};
