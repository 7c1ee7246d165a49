//! Failures that happened in another actor.

use std::fmt;
use std::sync::Arc;

use serde::de::DeserializeOwned;

use super::pack::type_names;
use super::route::Route;
use super::{Error, MsgTypeError, value};
use crate::proto::id::Uid;
use crate::proto::msg::ErrorMsg;

/// The kind of a [`RemoteActorError`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RemoteKind {
    /// The endpoint returned an error.
    Error,
    /// The endpoint panicked.
    Panic,
    /// The endpoint is not on the actor's allow-list.
    NotExposed,
    /// The actor has no such function.
    NotFound,
    /// The arguments do not fit the function.
    Arguments,
    /// An actor that the endpoint needed has died.
    Died,
    /// A stream was sent faster than it was read.
    StreamOverrun,
    /// The order of the dialog was broken.
    Messaging,
    /// The actor was cancelled, or failed, as a whole.
    Runtime,
}

/// A task in another actor failed.
///
/// The error has the actor that failed ([`src_uid`](Self::src_uid)), the name of the original error type
/// ([`src_type`](Self::src_type)), its text and sources, and its route ([`relay_path`](Self::relay_path)).
#[derive(Clone)]
pub struct RemoteActorError {
    route: Route,
}

impl RemoteActorError {
    /// The text of the original error.
    pub fn message(&self) -> &str {
        self.msg().message.as_deref().unwrap_or("")
    }

    /// The kind of the failure.
    pub fn kind(&self) -> RemoteKind {
        match self.src_type() {
            type_names::PANIC => RemoteKind::Panic,
            type_names::MODULE_NOT_EXPOSED => RemoteKind::NotExposed,
            type_names::ATTRIBUTE_ERROR => RemoteKind::NotFound,
            type_names::TYPE_ERROR => RemoteKind::Arguments,
            type_names::ACTOR_DIED => RemoteKind::Died,
            type_names::STREAM_OVERRUN => RemoteKind::StreamOverrun,
            type_names::MESSAGING_ERROR => RemoteKind::Messaging,
            type_names::RUNTIME_FAILURE => RemoteKind::Runtime,
            _ => RemoteKind::Error,
        }
    }

    /// The original error, if the endpoint failed with an `E` and the value came along.
    ///
    /// The value travels if `E` is `Serialize`, its encoding has at most
    /// [`ERROR_VALUE_BYTES_MAX`](crate::proto::limits::ERROR_VALUE_BYTES_MAX) bytes, and every actor on the way is
    /// written in Rust. `E` is identified by its path: a type of the same name in another module gives `None`, see
    /// [`downcast_as`](Self::downcast_as). Another version of `E` will do if its fields fit, for instance by their
    /// defaults.
    ///
    /// ```
    /// # use serde::{Deserialize, Serialize};
    /// # use tractor_core as tractor;
    /// #[derive(Debug, thiserror::Error, Serialize, Deserialize)]
    /// #[error("only {left} left")]
    /// struct SoldOut { left: u32 }
    ///
    /// fn left(error: &tractor::Error) -> Option<u32> {
    ///     error.downcast::<SoldOut>().map(|sold_out| sold_out.left)
    /// }
    /// # assert_eq!(left(&tractor::Error::NoRuntime), None);
    /// ```
    pub fn downcast<E: DeserializeOwned>(&self) -> Option<E> {
        self.downcast_as(std::any::type_name::<E>())
    }

    /// The path of the original error's type in the program of the endpoint, if the value came along.
    pub fn value_type(&self) -> Option<&str> {
        self.msg().value.as_ref().map(|value| value.type_name.as_str())
    }

    /// As [`downcast`](Self::downcast), for an `E` that this program declares itself, for instance for an `extern`
    /// endpoint. `value_type` is the path of the type in the program of the endpoint.
    ///
    /// ```
    /// # use serde::Deserialize;
    /// # use tractor_core as tractor;
    /// #[derive(Deserialize)]
    /// struct SoldOut { left: u32 }
    ///
    /// fn left(error: &tractor::Error) -> Option<u32> {
    ///     let error = error.as_remote()?;
    ///     let sold_out: SoldOut = error.downcast_as("shop::errors::SoldOut")?;
    ///     Some(sold_out.left)
    /// }
    /// # assert_eq!(left(&tractor::Error::NoRuntime), None);
    /// ```
    pub fn downcast_as<E: DeserializeOwned>(&self, value_type: &str) -> Option<E> {
        value::decode_as(value_type, self.msg().value.as_ref()?)?.ok()
    }

    /// The texts of the original error's sources, outermost first.
    pub fn causes(&self) -> &[String] {
        &self.msg().causes
    }

    /// The place of a panic, or the trace that a Python peer rendered, then the texts of the errors that wrapped it on
    /// its way. May be empty.
    pub fn trace(&self) -> &str {
        &self.msg().tb_str
    }

    /// The actor in which the error first happened.
    pub fn src_uid(&self) -> &Uid {
        &self.msg().src_uid
    }

    /// The type name of the original error.
    pub fn src_type(&self) -> &str {
        &self.msg().src_type_str
    }

    /// The type name that the last actor on the way gave it: `RemoteActorError` if the error was relayed.
    pub fn boxed_type(&self) -> &str {
        &self.msg().boxed_type_str
    }

    /// Whether the error was relayed by an actor other than the one where it happened.
    pub fn is_inception(&self) -> bool {
        self.msg().boxed_type_str != self.msg().src_type_str
    }

    /// Every actor that passed the error on, the one where it happened first.
    pub fn relay_path(&self) -> &[Uid] {
        &self.msg().relay_path
    }

    pub(crate) fn msg(&self) -> &ErrorMsg {
        self.route.msg()
    }

    pub(super) fn route(&self) -> &Route {
        &self.route
    }
}

impl fmt::Debug for RemoteActorError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RemoteActorError")
            .field("src_uid", self.src_uid())
            .field("src_type", &self.src_type())
            .field("message", &self.message())
            .field("causes", &self.causes())
            .field("relay_path", &self.relay_path())
            .field("trace", &self.trace())
            .finish()
    }
}

impl fmt::Display for RemoteActorError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` in actor {}", self.src_type(), self.src_uid())?;
        if !self.message().is_empty() {
            write!(f, ": {}", self.message())?;
        }
        for cause in self.causes() {
            write!(f, ": {cause}")?;
        }
        if self.kind() == RemoteKind::Panic
            && let Some(place) = self.trace().lines().next()
        {
            write!(f, " (at {place})")?;
        }
        if let [_, hops @ ..] = self.relay_path()
            && !hops.is_empty()
        {
            f.write_str(" (relayed by")?;
            for hop in hops {
                write!(f, " {hop}")?;
            }
            f.write_str(")")?;
        }
        Ok(())
    }
}

impl std::error::Error for RemoteActorError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.route)
    }
}

/// A task in another actor was cancelled.
#[derive(Clone)]
pub struct ContextCancelled {
    route: Route,
}

impl ContextCancelled {
    /// The actor that asked for the cancellation, if it is known.
    pub fn canceller(&self) -> Option<&Uid> {
        self.msg().canceller.as_ref()
    }

    /// The actor whose task was cancelled.
    pub fn src_uid(&self) -> &Uid {
        &self.msg().src_uid
    }

    /// Every actor that passed the cancellation on.
    pub fn relay_path(&self) -> &[Uid] {
        &self.msg().relay_path
    }

    pub(crate) fn msg(&self) -> &ErrorMsg {
        self.route.msg()
    }

    pub(super) fn route(&self) -> &Route {
        &self.route
    }
}

impl fmt::Debug for ContextCancelled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ContextCancelled")
            .field("src_uid", self.src_uid())
            .field("canceller", &self.canceller())
            .field("relay_path", &self.relay_path())
            .finish()
    }
}

impl fmt::Display for ContextCancelled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a task in actor {} was cancelled by ", self.src_uid())?;
        match self.canceller() {
            Some(uid) if uid == self.src_uid() => f.write_str("itself"),
            Some(uid) => write!(f, "actor {uid}"),
            None => f.write_str("an unknown cause"),
        }
    }
}

impl std::error::Error for ContextCancelled {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.route)
    }
}

impl Error {
    /// The same as the source of a failure of this actor.
    pub(super) fn into_cause(self) -> Self {
        match self {
            Self::Remote(error) => Self::Remote(RemoteActorError { route: error.route.of_cause() }),
            Self::Cancelled(error) => Self::Cancelled(ContextCancelled { route: error.route.of_cause() }),
            Self::MsgType(error) => Self::MsgType(error.into_cause()),
            other => other,
        }
    }
}

/// The error of a received `Error` message: cancellations and type errors keep their own type.
pub(crate) fn received(us: &Uid, msg: Arc<ErrorMsg>) -> Error {
    arrived(us, Route::new(msg))
}

/// The error of an `Error` message that refuses a request: the request has not run.
pub(crate) fn refused(us: &Uid, msg: Arc<ErrorMsg>) -> Error {
    arrived(us, Route::of_refusal(msg))
}

fn arrived(us: &Uid, route: Route) -> Error {
    match route.msg().boxed_type_str.as_str() {
        type_names::CONTEXT_CANCELLED => Error::Cancelled(ContextCancelled { route }),
        type_names::MSG_TYPE_ERROR => Error::MsgType(MsgTypeError::reported(us, route)),
        _ => Error::Remote(RemoteActorError { route }),
    }
}
