//! Entry points: how a process becomes a root actor, or finds out that it is a child.
//!
//! All changes of process-wide state (panic hook, orphans, standard input, signals) are in `setup`.

mod child;
mod entry;
mod local;
mod root;
mod second;
mod setup;
mod shutdown;

#[cfg(feature = "test-util")]
pub use entry::run_paused_test;
pub use entry::{RuntimeOptions, init, init_with, run_main, run_test};
pub use local::with_local_actor;
pub use root::{open_nursery, open_root_actor};
pub use shutdown::shutdown_signal;
