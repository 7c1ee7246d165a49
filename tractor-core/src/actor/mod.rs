//! An actor's life: its identity, its connections, the endpoints it exposes, and the requests it runs.

mod connection;
mod core;
mod current;
mod deaths;
mod dispatch;
mod exposed;
pub(crate) mod image;
mod invoke;
mod lifetime;
mod local;
mod notice;
mod options;
mod patience;
mod peer_log;
mod registrar;
mod report;
mod selfcall;
mod shield;
mod shutdown;

pub use self::core::Actor;
pub(crate) use self::core::Identity;
pub(crate) use connection::{Connected, Link, attach, open};
#[cfg(feature = "log")]
pub(crate) use current::task_label;
pub use current::{current_actor, try_current_actor};
pub(crate) use current::{current_peer, in_task, whereabouts, with_actor};
pub use exposed::EndpointEntry;
pub(crate) use exposed::{Allow, EndpointFuture, is_positional};
pub(crate) use invoke::Invocation;
pub use local::ActorLocal;
pub(crate) use notice::{notice, write_line};
pub use options::ActorOptions;
pub(crate) use patience::saying_for_whom;
pub use report::{ActorReport, ChildReport, DialogReport};
pub use shield::shield;
