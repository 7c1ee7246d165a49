//! Entry points: how a process becomes a root actor, or finds out that it is a child.

mod child;
mod connect;
mod entry;
mod local;
mod root;
mod serve;

pub use connect::connect;
pub use entry::{RuntimeOptions, init, run_main, run_test};
pub use local::with_local_actor;
pub use root::{open_nursery, open_root_actor};
pub use serve::socket_addr;
