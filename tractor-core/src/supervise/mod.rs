//! Child processes: nurseries that own them, a supervisor task for each, the ladder that ends them, and who restarts
//! them.

mod builder;
mod child;
mod events;
mod nursery;
mod one_shot;
mod process;
mod reaper;
mod restarts;
mod shared;
mod shared_life;
mod sockets;
mod supervised;
mod supervisor;

pub use builder::StartActor;
pub use events::{SupervisionEvent, SupervisionEvents};
pub use nursery::ActorNursery;
pub(crate) use nursery::open_nursery_in;
pub use one_shot::{OneShot, RunInActor};
pub(crate) use process::{ChildSpec, Entry, set_entry};
pub(crate) use reaper::{PROCESS_NAME_PREFIX, reap_orphans};
pub use shared::{Sharing, maybe_open_context};
pub(crate) use sockets::sweep_sockets;
pub use supervised::Supervised;
pub use supervisor::{SuperviseChild, Supervisor};
