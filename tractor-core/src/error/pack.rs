//! Local failures as `Error` messages.

use std::error::Error as StdError;

use super::remote::received;
use super::route::Route;
use super::{EndpointError, Error};
use crate::proto::id::Uid;
use crate::proto::limits::RELAY_PATH_MAX;
use crate::proto::msg::ErrorMsg;

/// Type names with a meaning on the wire. A user's type of the same name travels with its module before its name, and
/// these names have no `::`.
pub(crate) mod type_names {
    macro_rules! names {
        ($($name:ident = $text:literal;)*) => {
            $(pub(crate) const $name: &str = $text;)*
            pub(crate) const ALL: &[&str] = &[$($text),*];
        };
    }

    names! {
        ACTOR_DIED = "ActorDied";
        ACTOR_FAILURE = "ActorFailure";
        ACTOR_TOO_SLOW = "ActorTooSlowError";
        ATTRIBUTE_ERROR = "AttributeError";
        CONTEXT_CANCELLED = "ContextCancelled";
        DEADLINE_EXCEEDED = "DeadlineExceeded";
        GROUP = "ExceptionGroup";
        LAGGED = "Lagged";
        MESSAGING_ERROR = "MessagingError";
        MODULE_NOT_EXPOSED = "ModuleNotExposed";
        MSG_TYPE_ERROR = "MsgTypeError";
        NOT_FOUND = "NotFound";
        NO_RUNTIME = "NoRuntime";
        PANIC = "Panic";
        REMOTE_ACTOR_ERROR = "RemoteActorError";
        RUNTIME_FAILURE = "RuntimeFailure";
        STREAM_OVERRUN = "StreamOverrun";
        STREAM_UNREAD = "StreamUnread";
        SUPERVISOR_GAVE_UP = "SupervisorGaveUp";
        TRANSPORT_CLOSED = "TransportClosed";
        TYPE_ERROR = "TypeError";
        UNREACHABLE = "Unreachable";
    }
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

/// The end of a child side whose deadline is over. It is a cancellation by the parent side's actor, which set the
/// deadline; the original type is the reason.
pub(crate) fn deadline_passed(us: &Uid, peer: &Uid, endpoint: &str) -> ErrorMsg {
    let mut msg = cancelled(us, peer, peer);
    type_names::DEADLINE_EXCEEDED.clone_into(&mut msg.src_type_str);
    msg.message = Some(format!("the deadline of `{endpoint}` in actor {us} has passed"));
    msg
}

/// Whether this failure is about a deadline, of any request.
pub(crate) fn is_deadline(msg: &ErrorMsg) -> bool {
    msg.src_type_str == type_names::DEADLINE_EXCEEDED
}

/// Whether `peer` reports that it has ended its task because the task's time is over.
pub(crate) fn is_deadline_of(msg: &ErrorMsg, peer: &Uid) -> bool {
    let is_its_own = msg.src_uid == *peer && msg.relay_path.len() == 1;
    is_its_own && is_deadline(msg) && msg.boxed_type_str == type_names::CONTEXT_CANCELLED
}

/// A failure that `us` received and passes on.
pub(crate) fn relay(us: &Uid, received: &ErrorMsg) -> ErrorMsg {
    let mut msg = received.clone();
    msg.cid = None;
    match msg.boxed_type_str.as_str() {
        type_names::CONTEXT_CANCELLED | type_names::MSG_TYPE_ERROR => msg.src_uid = us.clone(),
        _ => type_names::REMOTE_ACTOR_ERROR.clone_into(&mut msg.boxed_type_str),
    }
    // This actor is in the path already if the failure is an overrun of its own stream.
    if msg.relay_path.last() != Some(us) && msg.relay_path.len() < RELAY_PATH_MAX {
        msg.relay_path.push(us.clone());
    }
    msg
}

/// The failure of an endpoint of `us`. A failure of another actor is relayed, even if other errors wrap it; only the
/// text of these remains.
pub(crate) fn pack(us: &Uid, failure: &EndpointError) -> ErrorMsg {
    if let Some(error) = failure.own() {
        return pack_own(us, &error);
    }
    let error = failure.error();
    let route = chain(error).find_map(|link| link.downcast_ref::<Route>());
    if let Some(passed_on) = route.filter(|route| route.is_passed_on()) {
        let mut msg = relay(us, passed_on.msg());
        let (text, known) = (error.to_string(), received(us, passed_on.msg().clone()).to_string());
        if text != known {
            let separator = if msg.tb_str.is_empty() { "" } else { "\n" };
            msg.tb_str = format!("{}{separator}{text}", msg.tb_str);
        }
        return msg;
    }
    let mut msg = ErrorMsg::new(us.clone(), failure.type_name(), error.to_string());
    msg.causes = causes(error.source());
    msg.value = failure.value().cloned();
    msg
}

/// An error and its sources, up to a bound.
fn chain<'a>(error: &'a (dyn StdError + 'static)) -> impl Iterator<Item = &'a (dyn StdError + 'static)> {
    std::iter::successors(Some(error), |&link| link.source()).take(RELAY_PATH_MAX)
}

fn causes(source: Option<&(dyn StdError + 'static)>) -> Vec<String> {
    source.into_iter().flat_map(chain).map(ToString::to_string).collect()
}

fn pack_own(us: &Uid, error: &Error) -> ErrorMsg {
    let type_name = match error {
        Error::Remote(error) => return relay(us, error.msg()),
        Error::Cancelled(error) => return relay(us, error.msg()),
        Error::MsgType(error) => match error.remote() {
            Some(msg) => return relay(us, msg),
            None => type_names::MSG_TYPE_ERROR,
        },
        Error::Messaging(_) => type_names::MESSAGING_ERROR,
        Error::Died(_) => type_names::ACTOR_DIED,
        Error::GaveUp(_) => type_names::SUPERVISOR_GAVE_UP,
        Error::Spawn(_) => type_names::ACTOR_FAILURE,
        Error::Closed(_) => type_names::TRANSPORT_CLOSED,
        Error::Unreachable(_) => type_names::UNREACHABLE,
        Error::NotFound(_) => type_names::NOT_FOUND,
        Error::Runtime(_) => type_names::RUNTIME_FAILURE,
        Error::TooSlow(_) => type_names::ACTOR_TOO_SLOW,
        Error::DeadlineExceeded(_) => type_names::DEADLINE_EXCEEDED,
        Error::Lagged(_) => type_names::LAGGED,
        Error::Unread(_) => type_names::STREAM_UNREAD,
        Error::Group(_) => type_names::GROUP,
        Error::NoRuntime => type_names::NO_RUNTIME,
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
    fn a_failure_is_relayed_out_of_any_wrapping() {
        #[derive(Debug, thiserror::Error)]
        enum Wrapped {
            #[error(transparent)]
            Bare(#[from] Error),
            #[error("while it looked: {0}")]
            Other(Error),
            #[error("lost")]
            Source(#[source] RemoteActorError),
        }
        use crate::error::RemoteActorError;
        let remote = || received(&uid("kid"), Arc::new(ErrorMsg::new(uid("grandkid"), "ValueError", "bad")));
        let Error::Remote(inner) = remote() else { panic!("it is one") };
        let cases = [
            (EndpointError::new(Wrapped::from(remote())), ""),
            (EndpointError::new(Wrapped::Source(inner)), "lost"),
        ];
        for (failure, text) in cases {
            let msg = pack(&uid("kid"), &failure);
            assert_eq!((&msg.src_uid, msg.src_type_str.as_str()), (&uid("grandkid"), "ValueError"));
            assert_eq!((msg.message.as_deref(), msg.tb_str.as_str()), (Some("bad"), text));
            assert_eq!(msg.relay_path, [uid("grandkid"), uid("kid")]);
        }
        // Without a source it is only text.
        let msg = pack(&uid("kid"), &EndpointError::new(Wrapped::Other(remote())));
        assert_eq!((&msg.src_uid, msg.src_type_str.as_str()), (&uid("kid"), "Wrapped"));
        let cancelled = received(&uid("kid"), Arc::new(cancelled(&uid("bob"), &uid("kid"), &uid("root"))));
        let msg = pack(&uid("kid"), &EndpointError::new(Wrapped::from(cancelled)));
        assert_eq!((msg.boxed_type_str.as_str(), msg.canceller), ("ContextCancelled", Some(uid("root"))));
    }

    #[test]
    fn an_own_failure_is_not_replaced_by_its_cause() {
        #[derive(Debug, thiserror::Error)]
        enum Wrapped {
            #[error(transparent)]
            Bare(#[from] Error),
            #[error("too late")]
            Source(#[source] Error),
        }
        use crate::error::{DeadlineExceeded, GaveUp};
        use crate::proto::supervision::{Intensity, Strategy};
        use std::time::Duration;
        let bad = ErrorMsg::new(uid("grandkid"), "ValueError", "bad");
        let wrong = ErrorMsg::new(uid("grandkid"), type_names::MSG_TYPE_ERROR, "wrong");
        let causes = [bad, cancelled(&uid("grandkid"), &uid("kid"), &uid("kid")), wrong];
        for cause in causes.map(|msg| received(&uid("kid"), Arc::new(msg))) {
            let late = || {
                let budget = Duration::from_secs(1);
                Error::from(DeadlineExceeded::of_request(
                    "m:f".into(),
                    uid("grandkid"),
                    budget,
                    Some(cause.clone()),
                ))
            };
            let gave_up = || {
                Error::from(GaveUp::new(
                    Strategy::OneForOne,
                    "w".into(),
                    1,
                    Intensity::default(),
                    cause.clone(),
                ))
            };
            for own in [late(), gave_up()] {
                let unwrapped = pack(&uid("kid"), &EndpointError::new(own.clone()));
                assert_eq!(unwrapped.src_uid, uid("kid"));
                for failure in [Wrapped::from(own.clone()), Wrapped::Source(own.clone())] {
                    let msg = pack(&uid("kid"), &EndpointError::new(failure));
                    assert_eq!((&msg.src_uid, msg.src_type_str.as_str()), (&uid("kid"), "Wrapped"), "{own}");
                    assert_eq!((msg.boxed_type_str.as_str(), &msg.canceller), ("Wrapped", &None));
                    assert_eq!(msg.relay_path, [uid("kid")]);
                }
            }
        }
    }

    #[test]
    fn relay_paths_are_bounded() {
        let mut msg = ErrorMsg::new(uid("a"), "E", "");
        for hop in 0..RELAY_PATH_MAX * 2 {
            msg = relay(&uid(&hop.to_string()), &msg);
        }
        assert_eq!(msg.relay_path.len(), RELAY_PATH_MAX);
    }
}
