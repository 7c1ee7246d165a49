//! What users hold: portals to other actors, calls, contexts and streams.

mod broadcast;
mod call;
mod carry;
mod child;
mod dynamic;
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
pub use carry::{CarriesText, CarriesValue};
pub use child::{CanStart, CanStream, Context, Opening, Started};
pub use dynamic::{DynCall, Dynamic};
pub use endpoint::{
    ContextEndpoint, Endpoint, Failure, Fallible, FnEndpoint, SameAs, StreamEndpoint, fallible, infallible,
};
pub use expose::EndpointRef;
pub use oneway::{ReceiveStream, StreamSender};
pub use parent::{ContextTypes, ParentContext};
pub use portal::Portal;
pub use run::Run;
pub use sending::{OpenStream, PayloadOf, SendItem, SendStarted};
pub use stream::{MsgStream, StreamRx, StreamTx};
