//! Child processes: how they are spawned, watched, ended and reaped.

mod child;
mod gone;
mod handle;
mod ladder;
mod mark;
mod options;
mod output;
mod program;
mod reaper;
mod sockets;
mod spawn;
mod stops;

pub(crate) use child::{Birth, Newborn, watch_child};
pub(crate) use gone::has_ended;
pub(crate) use mark::mark_of;
pub(crate) use options::ProcessOptions;
pub use options::Stdio;
pub(crate) use reaper::{PROCESS_NAME_PREFIX, kill_children};
pub(crate) use sockets::sweep_sockets;
pub(crate) use spawn::{ChildSpec, Entry, set_entry};
