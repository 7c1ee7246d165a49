//! Local failures as `Error` messages.

use std::error::Error as StdError;

use super::{EndpointError, Error};
use crate::proto::id::Uid;
use crate::proto::limits::RELAY_PATH_MAX;
use crate::proto::msg::ErrorMsg;

/// Type names with a meaning of their own on the wire.
pub(crate) mod type_names {
    pub(crate) const CONTEXT_CANCELLED: &str = "ContextCancelled";
    pub(crate) const MSG_TYPE_ERROR: &str = "MsgTypeError";
    pub(crate) const REMOTE_ACTOR_ERROR: &str = "RemoteActorError";
    pub(crate) const SCHEMA_MISMATCH: &str = "SchemaMismatch";
    pub(crate) const STREAM_OVERRUN: &str = "StreamOverrun";
    pub(crate) const MESSAGING_ERROR: &str = "MessagingError";
    pub(crate) const MODULE_NOT_EXPOSED: &str = "ModuleNotExposed";
    pub(crate) const ATTRIBUTE_ERROR: &str = "AttributeError";
    pub(crate) const TYPE_ERROR: &str = "TypeError";
    pub(crate) const RUNTIME_FAILURE: &str = "RuntimeFailure";
    pub(crate) const PANIC: &str = "Panic";
    pub(crate) const GROUP: &str = "ExceptionGroup";
}

/// A panic of an endpoint: its text and place.
#[derive(Debug, Clone)]
pub(crate) struct Panicked {
    pub(crate) message: String,
    pub(crate) location: String,
}

impl Panicked {
    pub(crate) fn pack(self, us: &Uid) -> ErrorMsg {
        let mut msg = ErrorMsg::new(us.clone(), type_names::PANIC, self.message);
        msg.tb_str = self.location;
        msg
    }
}

/// A failure of `us` with a type name that has a meaning on the wire.
pub(crate) fn local(us: &Uid, type_name: &str, message: impl Into<String>) -> ErrorMsg {
    ErrorMsg::new(us.clone(), type_name, message)
}

/// The acknowledgement of a cancellation that `canceller` asked for.
pub(crate) fn cancelled(us: &Uid, peer: &Uid, canceller: &Uid) -> ErrorMsg {
    let who = if canceller == us {
        "itself".to_owned()
    } else if canceller == peer {
        "its 'parent'-side peer".to_owned()
    } else {
        format!("a remote peer, {canceller}")
    };
    let text = format!("'child'-side task was cancelled by {who}");
    let mut msg = ErrorMsg::new(us.clone(), type_names::CONTEXT_CANCELLED, text);
    msg.canceller = Some(canceller.clone());
    msg
}

/// A failure that `us` received and passes on.
pub(crate) fn relay(us: &Uid, received: &ErrorMsg) -> ErrorMsg {
    let mut msg = received.clone();
    msg.cid = None;
    msg.schema = None;
    match msg.boxed_type_str.as_str() {
        type_names::CONTEXT_CANCELLED | type_names::MSG_TYPE_ERROR => msg.src_uid = us.clone(),
        _ => type_names::REMOTE_ACTOR_ERROR.clone_into(&mut msg.boxed_type_str),
    }
    if msg.relay_path.len() < RELAY_PATH_MAX {
        msg.relay_path.push(us.clone());
    }
    msg
}

/// What an endpoint of `us` failed with. A failure of another actor that bubbles through is relayed.
pub(crate) fn pack(us: &Uid, failure: &EndpointError) -> ErrorMsg {
    let error = failure.error();
    if let Some(error) = error.downcast_ref::<Error>() {
        return pack_own(us, error);
    }
    let mut msg = ErrorMsg::new(us.clone(), failure.type_name(), error.to_string());
    msg.causes = causes(error.source());
    msg.value = failure.value().cloned();
    msg
}

fn causes(mut source: Option<&(dyn StdError + 'static)>) -> Vec<String> {
    let mut texts = Vec::new();
    while let Some(error) = source {
        texts.push(error.to_string());
        source = error.source();
        if texts.len() == RELAY_PATH_MAX {
            break;
        }
    }
    texts
}

fn pack_own(us: &Uid, error: &Error) -> ErrorMsg {
    let type_name = match error {
        Error::Remote(error) => return relay(us, error.msg()),
        Error::Cancelled(error) => return relay(us, error.msg()),
        Error::MsgType(error) => match error.remote() {
            Some(msg) => return relay(us, msg),
            None => type_names::MSG_TYPE_ERROR,
        },
        Error::Schema(_) => type_names::SCHEMA_MISMATCH,
        Error::Messaging(_) => type_names::MESSAGING_ERROR,
        Error::Died(_) => "ActorDied",
        Error::Spawn(_) => "ActorFailure",
        Error::Closed(_) => "TransportClosed",
        Error::Runtime(_) => type_names::RUNTIME_FAILURE,
        Error::TooSlow(_) => "ActorTooSlowError",
        Error::Lagged(_) => "Lagged",
        Error::Group(_) => type_names::GROUP,
        Error::NoRuntime => "NoRuntime",
    };
    let mut msg = ErrorMsg::new(us.clone(), type_name, error.to_string());
    msg.causes = causes(error.source());
    if let Error::MsgType(error) = error {
        msg.bad_msg = error.bad_msg_bytes().cloned();
        msg.value = error.to_value();
    }
    msg
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::received;
    use super::*;

    fn uid(name: &str) -> Uid {
        Uid::new(name, name)
    }

    #[test]
    fn a_relayed_failure_keeps_its_source_and_grows_its_path() {
        let first = ErrorMsg::new(uid("grandkid"), "ValueError", "bad");
        let error = received(&uid("kid"), Arc::new(first));
        let msg = pack(&uid("kid"), &EndpointError::new(error));
        assert_eq!(msg.src_uid, uid("grandkid"));
        assert_eq!(
            (msg.src_type_str.as_str(), msg.boxed_type_str.as_str()),
            ("ValueError", "RemoteActorError")
        );
        assert_eq!(msg.relay_path, [uid("grandkid"), uid("kid")]);
    }

    #[test]
    fn a_relayed_cancellation_names_the_relay_as_its_source() {
        let first = cancelled(&uid("bob"), &uid("kid"), &uid("root"));
        let msg = relay(&uid("kid"), &first);
        assert_eq!(msg.src_uid, uid("kid"));
        assert_eq!(msg.boxed_type_str, "ContextCancelled");
        assert_eq!(msg.canceller, Some(uid("root")));
        assert_eq!(msg.relay_path, [uid("bob"), uid("kid")]);
    }

    #[test]
    fn the_sources_of_an_application_error_travel_as_texts() {
        #[derive(Debug, thiserror::Error)]
        #[error("outer")]
        struct Outer(#[source] std::num::ParseIntError);
        let inner = "x".parse::<u8>().expect_err("x is no number");
        let msg = pack(&uid("kid"), &EndpointError::new(Outer(inner)));
        assert_eq!((msg.src_type_str.as_str(), msg.message.as_deref()), ("Outer", Some("outer")));
        assert_eq!(msg.causes, ["invalid digit found in string"]);
    }

    #[test]
    fn relay_paths_are_bounded() {
        let mut msg = ErrorMsg::new(uid("a"), "E", "");
        for _ in 0..RELAY_PATH_MAX * 2 {
            msg = relay(&uid("b"), &msg);
        }
        assert_eq!(msg.relay_path.len(), RELAY_PATH_MAX);
    }
}
