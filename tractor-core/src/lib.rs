//! The runtime of `tractor`: protocol, transports, actors, dialogs and supervision.
//!
//! Applications use the facade crate `tractor`; this crate is its engine. The modules are layers, lowest first, and a
//! file names only its own layer and lower ones:
//!
//! | layer | holds |
//! | --- | --- |
//! | [`proto`] | messages, codec, framing, limits, the dialog state machine; no I/O, no clock, no tokio |
//! | [`error`] | the public errors, and how they travel |
//! | `wakers` | wakers of waiting tasks, kept under a lock and used outside of it |
//! | `net` | transports, listeners, one driver per connection |
//! | `session` | one end of one dialog, and the connection's table of them |
//! | `actor` | an actor's life: identity, exposed endpoints, the requests it runs, its shutdown |
//! | `process` | child processes: spawning, watching, ending and reaping them |
//! | `api` | what users hold: portals, calls, contexts, streams |
//! | `nursery` | scopes that own children |
//! | `restart` | supervisors |
//! | `discovery` | names: the registrar, lookups, and handles that travel |
//! | `devx` | logging |
//! | `boot` | entry points of root and child actors |
mod actor;
mod api;
mod boot;
mod devx;
pub mod error;
mod net;
mod nursery;
mod process;
mod restart;
mod session;
mod wakers;

// Last: documentation lists the methods of a type in this order, and those of other layers are used more often.
mod discovery;

pub use bytes::{Bytes, BytesMut};
pub use serde_bytes::ByteBuf;
pub use tractor_proto as proto;
pub use tractor_proto::supervision::{Backoff, Supervision};
pub use tractor_proto::trace::TraceContext;

pub use self::{
    actor::{
        Actor, ActorLocal, ActorOptions, ActorReport, ChildReport, DialogReport, current_actor, shield,
        try_current_actor,
    },
    api::{
        Allows, Call, CanStart, CancelActor, CancelContext, Context, ContextEndpoint, ContextHandle,
        ContextTarget, ContextTypes, DynCall, Dynamic, Endpoint, FnEndpoint, FnTarget, HasStarted, MsgStream,
        NoResult, Opening, ParentContext, Portal, ReceiveStream, Run, RunsHere, SendItem, SendStarted,
        Started, StreamEndpoint, StreamRx, StreamSender, StreamSubscriber, StreamTarget, StreamTx,
        SubscriberStatistics, Unstarted, Value, with_deadline, with_deadline_at,
    },
    boot::{init, init_with, open_nursery, open_root_actor, shutdown_signal, with_local_actor},
    discovery::{
        ActorRef, Registered, connect, default_registry, find_actor, get_registry, get_root, list_actors,
        query_actor, socket_addr, wait_for_actor,
    },
    error::{Error, Result},
    nursery::{ActorNursery, OneShot, RunInActor, Sharing, StartActor, maybe_open_context},
    process::Stdio,
    restart::{SuperviseChild, Supervised, SupervisionEvent, SupervisionEvents, Supervisor},
    session::{ActorEnd, Check, ContextState, Overflow, UntilCancelled, current_deadline, propagate_traces},
};
#[cfg(feature = "log")]
pub use devx::log;

/// Items that generated code names. Not part of the public interface.
#[doc(hidden)]
pub mod __private {
    pub use bytes::Bytes;
    pub use inventory;

    pub use crate::__error_value as error_value;
    pub use crate::actor::EndpointEntry;
    pub use crate::api::{
        CarriesOwn, CarriesText, CarriesValue, ContextOf, EndpointBody, EndpointRef, EndpointResult, Failure,
        Fallible, NamedByItself, NamedByType, OrNone, Probe, default_arg, fallible, fallible_as,
    };
    #[cfg(feature = "test-util")]
    pub use crate::boot::run_paused_test;
    pub use crate::boot::{RuntimeOptions, run_main, run_test};
    pub use crate::error::EndpointError;
    pub use crate::proto::args::ArgTuple;
    pub use crate::proto::payload::{PayloadError, PayloadFormat};
    pub use crate::proto::union;
}
