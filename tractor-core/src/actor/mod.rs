//! An actor's life: its identity, its peers, the endpoints it exposes, and the requests it runs.

mod checked;
mod connection;
mod core;
mod current;
mod dispatch;
mod ending;
mod exposed;
mod invoke;
mod lifetime;
mod linked;
mod local;
mod options;
mod overflow;
mod pace;
mod peer;
mod plds;
mod request;
mod selfcall;
mod send;
mod shutdown;
mod slot;
mod state;

pub use self::core::Actor;
pub(crate) use self::core::Identity;
pub(crate) use checked::How;
pub use checked::{Check, Rule};
pub(crate) use connection::{Connected, attach};
#[cfg(feature = "log")]
pub(crate) use current::task_label;
pub use current::{current_actor, try_current_actor};
pub(crate) use current::{in_context, with_actor};
pub use ending::{UntilCancelled, shield};
pub use exposed::EndpointEntry;
pub(crate) use exposed::{Allow, EndpointFuture};
pub(crate) use invoke::{Invocation, catching};
pub(crate) use linked::{Linked, Outcome};
pub use local::ActorLocal;
pub use options::ActorOptions;
pub use overflow::Overflow;
pub(crate) use peer::{Peer, Request};
pub(crate) use plds::PldSpecs;
pub use plds::limit_plds;
pub(crate) use request::{Again, Sent, Types, Unsettled};
pub(crate) use send::Room;
pub(crate) use slot::Slot;
