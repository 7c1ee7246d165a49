//! What users hold: portals to other actors, calls, contexts and streams.

mod broadcast;
mod call;
mod cancel;
mod child;
mod deadline;
mod endpoint;
mod entry;
mod expose;
mod oneway;
mod parent;
mod portal;
mod ring;
mod run;
mod sending;
mod stream;

pub use broadcast::{StreamSubscriber, SubscriberStatistics};
pub use call::{Call, ContextCall, ContextTarget, FnTarget, StreamCall, StreamTarget};
pub use cancel::{CancelActor, CancelContext};
pub use child::{CanStart, CanStream, Context, Opening, Started};
pub use deadline::{with_deadline, with_deadline_at};
pub use endpoint::{
    ContextEndpoint, Endpoint, Failure, Fallible, FnEndpoint, SameAs, StreamEndpoint, fallible, infallible,
};
pub use expose::EndpointRef;
pub use oneway::{ReceiveStream, StreamSender};
pub use parent::ParentContext;
pub(crate) use parent::Scope;
pub use portal::Portal;
pub use run::Run;
pub use sending::{OpenStream, PayloadOf, SendItem, SendStarted};
pub use stream::{MsgStream, StreamRx, StreamTx};
