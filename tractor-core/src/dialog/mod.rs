//! What users hold: portals to other actors, calls, contexts and streams.

mod broadcast;
mod call;
mod cancel;
mod carry;
mod child;
mod deadline;
mod dynamic;
mod endpoint;
mod entry;
mod expose;
mod handle;
mod lend;
mod oneway;
mod parent;
mod portal;
mod ring;
mod run;
mod scope;
mod sending;
mod stream;

pub use broadcast::{StreamSubscriber, SubscriberStatistics};
pub use call::{Call, ContextTarget, FnTarget, RunsHere, StreamTarget};
pub use cancel::{CancelActor, CancelContext};
pub use carry::{CarriesText, CarriesValue};
pub use child::{CanStart, Context, HasStarted, Started, Unstarted};
pub use deadline::{with_deadline, with_deadline_at};
pub use dynamic::{DynCall, Dynamic, Value};
pub use endpoint::{
    ContextEndpoint, ContextOf, Endpoint, EndpointBody, EndpointResult, Failure, Fallible, FnEndpoint,
    HasDefault, SameAs, StreamEndpoint, declared, default_arg, fallible, fallible_as, infallible,
};
pub use expose::EndpointRef;
pub use handle::{ContextHandle, NoResult};
pub use lend::{ByteSlice, Copied, Lend};
pub use oneway::{ReceiveStream, StreamSender};
pub use parent::{ContextTypes, Opening, ParentContext};
pub use portal::Portal;
pub use run::Run;
pub use sending::{Allows, SendItem, SendStarted};
pub use stream::{MsgStream, StreamRx, StreamTx};
