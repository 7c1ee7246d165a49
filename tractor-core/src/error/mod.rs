//! The public errors.
//!
//! [`Error`] has a small typed payload per kind, cheap to clone, because an outcome can be asked for many times.

mod closed;
mod deadline;
mod died;
mod endpoint;
mod gave_up;
mod group;
mod lagged;
mod msg_type;
mod not_found;
mod pack;
mod remote;
mod retry;
mod route;
mod too_late;
mod trace;
mod unreachable;
mod unread;
mod value;
mod wire_name;

use std::fmt;
use std::sync::Arc;

pub use closed::{CloseReason, TransportClosed};
pub use deadline::DeadlineExceeded;
pub use died::{ActorDied, ActorFailure};
pub(crate) use died::{Because, Circumstances};
pub(crate) use endpoint::own;
pub use endpoint::{Carried, EndpointError};
pub use gave_up::GaveUp;
pub use group::ErrorGroup;
pub use lagged::Lagged;
pub(crate) use msg_type::Details;
pub use msg_type::{Blame, MsgTypeError};
pub use not_found::{Absence, NotFound};
pub(crate) use pack::{
    Panicked, cancelled, deadline_passed, is_deadline, is_deadline_of, local, pack, relay, type_names,
};
pub use remote::{ContextCancelled, RemoteActorError, RemoteKind};
pub(crate) use remote::{received, refused};
use serde::de::DeserializeOwned;
pub use too_late::TooLate;
pub(crate) use trace::{learn_from_trace, tell_in_trace};
pub use unreachable::Unreachable;
pub use unread::StreamUnread;
pub(crate) use value::encode as value_of;
pub use wire_name::WireName;
pub(crate) use wire_name::may_be_chosen;

use crate::proto::dialog::{Misuse, Violation};
use crate::proto::id::{Cid, Uid};

/// A result with [`Error`] as its default error type.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Everything that can go wrong between actors.
///
/// `{:?}` prints a text for people, with the sources below it, as `main` does with the error that it returns. `{:#?}`
/// prints the structure.
#[derive(Clone, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A task in another actor failed.
    #[error(transparent)]
    Remote(#[from] RemoteActorError),
    /// A task in another actor was cancelled; the payload names the canceller.
    #[error(transparent)]
    Cancelled(#[from] ContextCancelled),
    /// A payload does not have the type that its dialog allows.
    #[error(transparent)]
    MsgType(#[from] MsgTypeError),
    /// An actor's process ended without being asked to. Its parent gets this error, and so does every actor with a
    /// connection to it over a Unix socket, at once and when it connects again.
    #[error(transparent)]
    Died(#[from] ActorDied),
    /// A child process could not be started.
    #[error(transparent)]
    Spawn(#[from] ActorFailure),
    /// A supervisor has restarted its children too often.
    #[error(transparent)]
    GaveUp(#[from] GaveUp),
    /// The connection to the peer ended: it was closed, or the reason is unknown.
    #[error(transparent)]
    Closed(#[from] TransportClosed),
    /// There is no connection to an address.
    #[error(transparent)]
    Unreachable(#[from] Unreachable),
    /// No actor was found under a name.
    #[error(transparent)]
    NotFound(#[from] NotFound),
    /// The order of a dialog was broken.
    #[error(transparent)]
    Messaging(#[from] MessagingError),
    /// The runtime was used in a way it does not allow.
    #[error(transparent)]
    Runtime(#[from] RuntimeFailure),
    /// A request or a scope was not done within its deadline.
    #[error(transparent)]
    DeadlineExceeded(#[from] DeadlineExceeded),
    /// A peer did not acknowledge a cancel request in time. This is no deadline of the caller.
    #[error(transparent)]
    TooSlow(#[from] ActorTooSlow),
    /// One of several readers of a stream was too slow, and has lost values.
    #[error(transparent)]
    Lagged(#[from] Lagged),
    /// The other side of a stream no longer reads.
    #[error(transparent)]
    Unread(#[from] StreamUnread),
    /// Several failures at once.
    #[error(transparent)]
    Group(#[from] ErrorGroup),
    /// There is no actor here: the code runs outside of `open_nursery` and of every endpoint.
    #[error(
        "no actor runtime here: call this inside `tractor::open_nursery`, `tractor::open_root_actor` or an endpoint \
         (a task made with `tokio::spawn` leaves its actor; take `current_actor()` along and run the task inside \
         `actor.enter(..)`)"
    )]
    NoRuntime,
}

impl Error {
    /// Whether this is a cancellation, by any actor.
    pub fn is_cancelled(&self) -> bool {
        matches!(self, Self::Cancelled(_))
    }

    /// The error of the endpoint that failed, if it is an `E` and came along as a value; see
    /// [`RemoteActorError::downcast`].
    pub fn downcast<E: DeserializeOwned>(&self) -> Option<E> {
        self.as_remote()?.downcast()
    }

    /// Whether both are one failure, reported to two waiters. The texts are not compared.
    pub(crate) fn is_same_failure(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Remote(one), Self::Remote(two)) => std::ptr::eq(one.msg(), two.msg()),
            (Self::Cancelled(one), Self::Cancelled(two)) => std::ptr::eq(one.msg(), two.msg()),
            (Self::MsgType(one), Self::MsgType(two)) => one.is_same(two),
            (Self::DeadlineExceeded(one), Self::DeadlineExceeded(two)) => one.is_same(two),
            (Self::Died(one), Self::Died(two)) => one.pid() == two.pid(),
            (Self::GaveUp(one), Self::GaveUp(two)) => one.is_same(two),
            (Self::Closed(one), Self::Closed(two)) => one.peer() == two.peer(),
            (Self::Unreachable(one), Self::Unreachable(two)) => one.is_same(two),
            (Self::Runtime(one), Self::Runtime(two)) => Arc::ptr_eq(&one.0, &two.0),
            (Self::Messaging(one), Self::Messaging(two)) => Arc::ptr_eq(&one.text, &two.text),
            (Self::Group(one), Self::Group(two)) => std::ptr::eq(one.members(), two.members()),
            _ => false,
        }
    }

    fn fmt_structure(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, payload): (&str, &dyn fmt::Debug) = match self {
            Self::Remote(error) => ("Remote", error),
            Self::Cancelled(error) => ("Cancelled", error),
            Self::MsgType(error) => ("MsgType", error),
            Self::Died(error) => ("Died", error),
            Self::GaveUp(error) => ("GaveUp", error),
            Self::DeadlineExceeded(error) => ("DeadlineExceeded", error),
            Self::Spawn(error) => ("Spawn", error),
            Self::Closed(error) => ("Closed", error),
            Self::Unreachable(error) => ("Unreachable", error),
            Self::NotFound(error) => ("NotFound", error),
            Self::Messaging(error) => ("Messaging", error),
            Self::Runtime(error) => ("Runtime", error),
            Self::TooSlow(error) => ("TooSlow", error),
            Self::Lagged(error) => ("Lagged", error),
            Self::Unread(error) => ("Unread", error),
            Self::Group(error) => ("Group", error),
            Self::NoRuntime => return f.write_str("NoRuntime"),
        };
        f.debug_tuple(name).field(payload).finish()
    }
}

macro_rules! accessors {
    ($($name:ident: $kind:ident($payload:ty), $doc:literal;)*) => {
        /// One accessor for each kind that has more than a name, for code that handles one kind only. [`Error`] is
        /// `#[non_exhaustive]`.
        impl Error {$(
            #[doc = $doc]
            pub fn $name(&self) -> Option<&$payload> {
                match self {
                    Self::$kind(error) => Some(error),
                    _ => None,
                }
            }
        )*}
    };
}

accessors! {
    as_remote: Remote(RemoteActorError), "The failure of a task in another actor, if this is one.";
    as_cancelled: Cancelled(ContextCancelled), "The cancellation, if this is one.";
    as_msg_type: MsgType(MsgTypeError), "The payload of the wrong type, if this is about one.";
    as_died: Died(ActorDied), "The unexpected end of an actor's process, if this is one.";
    as_spawn: Spawn(ActorFailure), "The child that could not be started, if this is about one.";
    as_gave_up: GaveUp(GaveUp), "The supervisor that gave up, if this is about one.";
    as_closed: Closed(TransportClosed), "The end of the connection, if this is one.";
    as_unreachable: Unreachable(Unreachable), "The address without a connection, if this is about one.";
    as_messaging: Messaging(MessagingError), "The violation of a dialog's order, if this is one.";
    as_runtime: Runtime(RuntimeFailure), "The misuse of the runtime, if this is one.";
    as_deadline_exceeded: DeadlineExceeded(DeadlineExceeded), "The missed deadline, if this is one.";
    as_too_slow: TooSlow(ActorTooSlow), "The peer that did not acknowledge in time, if this is about one.";
    as_lagged: Lagged(Lagged), "The lag of a stream's reader, if this is one.";
    as_unread: Unread(StreamUnread), "The stream whose other side no longer reads, if this is about one.";
    as_group: Group(ErrorGroup), "The group, if this is several failures.";
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if f.alternate() {
            return self.fmt_structure(f);
        }
        write!(f, "{self}")?;
        let mut head = "\n\nCaused by:";
        let sources = std::iter::successors(std::error::Error::source(self), |error| error.source());
        // The route is part of the text already.
        for source in sources.filter(|source| !source.is::<route::Route>()) {
            write!(f, "{head}\n    {source}")?;
            head = "";
        }
        Ok(())
    }
}

/// For code that reads and writes: an [`io::Error`](std::io::Error) of the kind `Other`, with this error inside.
impl From<Error> for std::io::Error {
    fn from(error: Error) -> Self {
        Self::other(error)
    }
}

/// The order of a dialog was broken, by local code or by the peer.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{text}{}", in_dialog(*cid))]
pub struct MessagingError {
    text: Arc<str>,
    cid: Option<Cid>,
    /// Whether this is the error of a request that never left.
    unsent: bool,
}

fn in_dialog(cid: Option<Cid>) -> String {
    cid.map_or_else(String::new, |cid| format!(" (context {cid})"))
}

impl MessagingError {
    pub(crate) fn misuse(misuse: Misuse, cid: Cid) -> Self {
        Self::new(misuse.to_string(), Some(cid))
    }

    pub(crate) fn violation(violation: Violation, cid: Cid) -> Self {
        Self::new(violation.to_string(), Some(cid))
    }

    pub(crate) fn new(text: impl Into<Arc<str>>, cid: Option<Cid>) -> Self {
        Self { text: text.into(), cid, unsent: false }
    }

    fn unsent(self) -> Self {
        Self { unsent: true, ..self }
    }
}

/// The runtime was used in a way it does not allow; the text says what to do instead.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{0}")]
pub struct RuntimeFailure(Arc<str>);

impl RuntimeFailure {
    /// A failure with this text, for helpers that refuse a use.
    pub fn new(text: impl Into<Arc<str>>) -> Self {
        Self(text.into())
    }
}

/// A peer did not acknowledge a cancel request within its limit.
///
/// This is no timeout error on purpose: a handler for the caller's own timeouts must not swallow it.
#[derive(Debug, Clone, thiserror::Error)]
#[error("actor {peer} did not acknowledge the cancel request within {limit:?} (`{knob}`)")]
pub struct ActorTooSlow {
    peer: Uid,
    limit: std::time::Duration,
    knob: &'static str,
}

impl ActorTooSlow {
    pub(crate) fn new(peer: Uid, limit: std::time::Duration, knob: &'static str) -> Self {
        Self { peer, limit, knob }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_of_one_kind() {
        let refused = Error::from(RuntimeFailure::new("no"));
        assert_eq!(refused.as_runtime().map(ToString::to_string).as_deref(), Some("no"));
        assert!(refused.as_remote().is_none() && refused.as_group().is_none());
        let two = ErrorGroup::collapse(vec![refused, Error::NoRuntime]).expect("two failures");
        assert_eq!(two.as_group().map(|group| group.members().len()), Some(2));
        assert!(two.as_runtime().is_none() && Error::NoRuntime.as_runtime().is_none());
        let late = Error::from(DeadlineExceeded::of_scope(std::time::Duration::ZERO, None));
        assert!(late.as_deadline_exceeded().is_some() && late.as_cancelled().is_none());
    }

    #[test]
    fn an_io_error_holds_one_of_ours() {
        let error = std::io::Error::from(Error::NoRuntime);
        assert_eq!(error.to_string(), Error::NoRuntime.to_string());
        assert!(matches!(own(&error), Some(Error::NoRuntime)));
        assert!(own(&std::io::Error::other("of another")).is_none());
    }
}
