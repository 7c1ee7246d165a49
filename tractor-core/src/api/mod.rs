//! The types that users hold: portals to other actors, calls, contexts and streams.

// Modules with a portal's most used methods come first: rustdoc lists methods in this order.
mod portal;

mod parent;

mod broadcast;
mod call;
mod cancel;
mod child;
mod deadline;
mod dynamic;
mod endpoint;
mod entry;
mod error_value;
mod expose;
mod futures;
mod handle;
mod oneway;
mod ring;
mod run;
mod scope;
mod sending;
mod stream;

pub use broadcast::{StreamSubscriber, SubscriberStatistics};
pub use call::{Call, ContextTarget, FnTarget, RunsHere, StreamTarget};
pub use cancel::{CancelActor, CancelContext};
pub use child::{CanStart, Context, HasStarted, Started, Unstarted};
pub use deadline::{with_deadline, with_deadline_at};
pub use dynamic::{DynCall, Dynamic, Value};
pub use endpoint::{
    ContextEndpoint, ContextOf, Endpoint, EndpointBody, EndpointResult, Failure, Fallible, FnEndpoint,
    StreamEndpoint, default_arg, fallible, fallible_as,
};
pub use error_value::{CarriesOwn, CarriesText, CarriesValue, NamedByItself, NamedByType, Probe};
pub use expose::EndpointRef;
pub use handle::{ContextHandle, NoResult};
pub use oneway::{ReceiveStream, StreamSender};
pub use parent::{ContextTypes, Opening, ParentContext};
pub use portal::Portal;
pub use run::Run;
pub use sending::{Allows, OrNone, SendItem, SendStarted};
pub use stream::{MsgStream, StreamRx, StreamTx};
