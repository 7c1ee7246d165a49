//! The runtime of `tractor`: protocol, transports, actors, dialogs and supervision.
//!
//! Applications use the facade crate `tractor`; this crate is its engine. The modules are layers, lowest first, and a
//! file names only its own layer and lower ones:
//!
//! | layer | holds |
//! | --- | --- |
//! | [`proto`] | messages, codec, framing, limits, the dialog state machine; no I/O, no clock, no tokio |
//! | `ipc` | transports, listeners, one driver per connection |
//! | `actor` | an actor's life: peers, exposed endpoints, dispatch and invocation of requests |
//! | `dialog` | what users hold: portals, contexts, streams |
//! | `supervise` | nurseries, child processes, the escalation ladder |
//! | `devx` | logging |
//! | `boot` | entry points of root and child actors |
mod actor;
mod boot;
mod devx;
mod dialog;
pub mod error;
mod ipc;
mod supervise;
mod wakers;

pub use tractor_proto as proto;
pub use tractor_proto::supervision::{Backoff, Supervision};

pub use self::{
    actor::{
        Actor, ActorLocal, ActorOptions, Check, ContextState, Overflow, UntilCancelled, current_actor,
        current_deadline, shield, try_current_actor,
    },
    boot::{connect, init, open_nursery, open_root_actor, socket_addr, with_local_actor},
    dialog::{
        Allows, Call, CanStart, CancelActor, CancelContext, Context, ContextEndpoint, ContextHandle,
        ContextTarget, ContextTypes, DynCall, Dynamic, Endpoint, FnEndpoint, FnTarget, HasStarted, MsgStream,
        NoResult, Opening, ParentContext, Portal, ReceiveStream, Run, RunsHere, SendItem, SendStarted,
        Started, StreamEndpoint, StreamRx, StreamSender, StreamSubscriber, StreamTarget, StreamTx,
        SubscriberStatistics, Unstarted, Value, with_deadline, with_deadline_at,
    },
    error::{Error, Result},
    supervise::{
        ActorNursery, OneShot, RunInActor, Sharing, StartActor, SuperviseChild, Supervised, SupervisionEvent,
        SupervisionEvents, Supervisor, maybe_open_context,
    },
};
#[cfg(feature = "log")]
pub use devx::log;

/// What generated code names. No part of the public interface.
#[doc(hidden)]
pub mod __private {
    pub use bytes::Bytes;
    pub use inventory;

    pub use crate::__error_value as error_value;
    pub use crate::actor::EndpointEntry;
    pub use crate::boot::{RuntimeOptions, run_main, run_test};
    pub use crate::dialog::{
        CarriesText, CarriesValue, ContextOf, EndpointBody, EndpointRef, EndpointResult, Failure, Fallible,
        default_arg, fallible, fallible_as,
    };
    pub use crate::error::EndpointError;
    pub use crate::proto::args::ArgTuple;
    pub use crate::proto::payload::{PayloadError, PayloadFormat};
    pub use crate::proto::union;
}
