//! Structured concurrency across processes: supervised actor trees with typed contexts and streams.

#[doc(hidden)]
pub use tractor_core::__private;
#[cfg(feature = "log")]
pub use tractor_core::log;
pub use tractor_core::proto::addr::Addr;
pub use tractor_core::proto::id::{Cid, Uid};
pub use tractor_core::proto::limits::{Limits, Timeouts};
pub use tractor_core::proto::payload::Payload;
pub use tractor_core::{
    Actor, ActorLocal, ActorNursery, ActorOptions, Call, Context, ContextCall, Endpoint, Error, MsgStream,
    OneShot, ParentContext, Portal, ReceiveStream, Result, Run, RunInActor, StartActor, StreamCall, StreamRx,
    StreamSender, StreamTx, actor_local, connect, current_actor, error, init, open_nursery, open_root_actor,
    socket_addr, try_current_actor, with_local_actor,
};
#[cfg(feature = "macros")]
pub use tractor_macros::{actor_fn, context, main, stream, test};

pub mod prelude;
