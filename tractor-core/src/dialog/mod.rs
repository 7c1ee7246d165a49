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
mod lend;
mod named;
mod oneway;
mod parent;
mod parent_stream;
mod portal;
mod ring;
mod rule;
mod run;
mod scope;
mod sending;
mod stream;

pub use broadcast::{StreamSubscriber, SubscriberStatistics};
pub use call::{
    Call, ContextCall, ContextRunsHere, ContextTarget, FnRunsHere, FnTarget, RemoteCall, StreamCall,
    StreamRunsHere, StreamTarget,
};
pub use cancel::{CancelActor, CancelContext};
pub use carry::{CarriesText, CarriesValue};
pub use child::{CanStart, CanStartIn, CanStream, CanStreamIn, Context, Opening, Started};
pub use deadline::{with_deadline, with_deadline_at};
pub use dynamic::{DynCall, Dynamic, Value};
pub use endpoint::{
    ContextBody, ContextEndpoint, ContextOf, Endpoint, EndpointResult, Failure, Fallible, FnBody, HasDefault,
    SameAs, StreamBody, StreamEndpoint, declared, default_arg, fallible, fallible_as, infallible,
};
pub use expose::EndpointRef;
pub use lend::{ByteSlice, Copied, Lend};
pub use named::{AllowsIn, InBody, Of, Told};
pub use oneway::{ReceiveStream, StreamSender};
pub use parent::{ContextTypes, ParentContext, SendsFirst};
pub use parent_stream::{ParentStream, ParentSubscriber, ParentTx};
pub use portal::Portal;
pub(crate) use rule::check_args;
pub use rule::{IntoVerdict, check_arg};
pub use run::Run;
pub(crate) use scope::Scope;
pub use sending::{Allows, OpenStream, SendItem, SendStarted};
pub use stream::{MsgStream, StreamRx, StreamTx};
