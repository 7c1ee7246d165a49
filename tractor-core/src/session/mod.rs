//! One end of one dialog: its state, what it sends and receives, how it is cancelled and ends; and the connection's
//! table of them.

mod cancel;
mod cell;
mod checked;
mod child;
mod cid_hash;
mod conclude;
mod deadline;
mod dialogs;
mod encoded;
mod end;
mod ending;
mod fairness;
mod inbox;
mod overflow;
mod panics;
mod peer;
mod receive;
mod region;
mod request;
mod send;
mod state;
mod trace;
mod waiting;

pub use checked::Check;
pub use child::ActorEnd;
pub(crate) use child::{ChildActor, Wish, Wishes};
pub(crate) use conclude::Ended;
pub use deadline::current_deadline;
pub(crate) use deadline::{Deadline, Expiry, Settling, in_scope, instant_after, within};
pub(crate) use encoded::Encoded;
pub(crate) use end::{Outcome, SessionEnd};
pub use ending::UntilCancelled;
pub use overflow::Overflow;
pub(crate) use panics::{catching, note_panic_place};
pub(crate) use peer::{Peer, Refused};
pub(crate) use receive::{Opener, Taken, detached};
pub(crate) use region::{InOrder, Region, Teardown, in_order};
pub(crate) use request::Request;
pub(crate) use send::Room;
pub use state::ContextState;
pub(crate) use trace::incoming;
pub use trace::propagate_traces;
pub(crate) use waiting::Waiting;
