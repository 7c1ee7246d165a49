//! Payloads of the wrong type.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::pack::type_names::MSG_TYPE_ERROR;
use super::route::Route;
use super::value;
use crate::proto::codec;
use crate::proto::id::{Cid, Uid};
use crate::proto::msg::{ErrorMsg, ErrorValue, Msg};

/// The side that broke the payload contract: it sent the payload, or was about to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Blame {
    /// This actor.
    Local,
    /// Another actor: the peer, or an actor behind it if the error was relayed.
    Peer,
}

/// A payload that does not have the type its dialog allows.
///
/// The sender checks arguments, and the first and the last value of a dialog, before they leave; the receiver checks
/// streamed values. The side that finds the violation returns this error and reports it to the other side, which
/// returns the same type. On both sides [`blame`](Self::blame) and [`sender`](Self::sender) name the side that sent the
/// payload.
#[derive(Debug, Clone)]
pub struct MsgTypeError {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    details: Details,
    blame: Blame,
    cid: Option<Cid>,
    /// The whole offending message, one well-formed value.
    bad_msg: Option<Bytes>,
    /// The error as it travelled, when a peer reported it.
    remote: Option<Route>,
}

/// The details of a violation. Unknown texts are empty.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Details {
    /// Name of the message that carried the payload.
    pub(crate) message: String,
    /// The payload, as the side that found the violation read it; empty if it did not encode.
    pub(crate) value: String,
    /// The type of that payload.
    pub(crate) found: String,
    /// The type that the dialog allows.
    pub(crate) expected: String,
    /// Why it does not fit.
    pub(crate) problem: String,
    /// The part of the payload that does not fit; empty for the whole payload.
    pub(crate) path: String,
    /// Name and UUID of the actor whose payload it is.
    pub(crate) sender: Option<(String, String)>,
}

impl MsgTypeError {
    /// Without a `cid` there was no dialog yet.
    pub(crate) fn new(details: Details, sender: &Uid, blame: Blame, cid: impl Into<Option<Cid>>) -> Self {
        let sender = Some((sender.name().to_owned(), sender.uuid().to_owned()));
        let details = Details { sender, ..details };
        Self { inner: Arc::new(Inner { details, blame, cid: cid.into(), bad_msg: None, remote: None }) }
    }

    /// Adds the whole offending message, one well-formed value.
    pub(crate) fn showing(mut self, bad_msg: Option<Bytes>) -> Self {
        if let Some(inner) = Arc::get_mut(&mut self.inner) {
            inner.bad_msg = bad_msg;
        }
        self
    }

    /// A violation that a peer of `us` found and reported.
    pub(super) fn reported(us: &Uid, route: Route) -> Self {
        let error = route.msg();
        let sent = error.value.as_ref().and_then(|value| value::decode_as(MSG_TYPE_ERROR, value));
        let details = sent.and_then(Result::ok).unwrap_or_else(|| guessed(us, error));
        let is_ours = details.sender.as_ref().is_some_and(|(_, uuid)| uuid == us.uuid());
        let inner = Inner {
            blame: if is_ours { Blame::Local } else { Blame::Peer },
            cid: error.cid,
            bad_msg: error.bad_msg.clone(),
            details,
            remote: Some(route.clone()),
        };
        Self { inner: Arc::new(inner) }
    }

    /// The same as the source of a failure of this actor.
    pub(super) fn into_cause(self) -> Self {
        let Some(route) = &self.inner.remote else { return self };
        let Inner { details, blame, cid, bad_msg, .. } = &*self.inner;
        let (details, bad_msg) = (details.clone(), bad_msg.clone());
        let inner = Inner { details, blame: *blame, cid: *cid, bad_msg, remote: Some(route.of_cause()) };
        Self { inner: Arc::new(inner) }
    }

    /// The part of the payload that does not fit, such as `rows[1].weight`; empty for the payload as a whole.
    pub fn path(&self) -> &str {
        &self.inner.details.path
    }

    /// Why the payload does not fit.
    pub fn problem(&self) -> &str {
        &self.inner.details.problem
    }

    /// The payload as short text, cut if it is long; empty when it is not known, or could not be encoded.
    pub fn value(&self) -> &str {
        &self.inner.details.value
    }

    /// The type of the payload's encoding, such as `map`, or the name of the Rust type if it could not be encoded.
    /// Empty if it is not known.
    pub fn found(&self) -> &str {
        &self.inner.details.found
    }

    /// The type that the dialog allows; empty when a peer of the base protocol reported the violation.
    pub fn expected(&self) -> &str {
        &self.inner.details.expected
    }

    /// Which side broke the contract.
    pub fn blame(&self) -> Blame {
        self.inner.blame
    }

    /// The actor whose payload it is, if it is known.
    pub fn sender(&self) -> Option<Uid> {
        self.inner.details.sender.as_ref().map(|(name, uuid)| Uid::new(name.as_str(), uuid.as_str()))
    }

    /// The message that carried the payload, such as `Yield`; empty when a peer of the base protocol did not say.
    pub fn message_type(&self) -> &str {
        &self.inner.details.message
    }

    /// The dialog, on the connection over which this actor learned of it; `None` for arguments that were refused before
    /// there was one.
    pub fn cid(&self) -> Option<Cid> {
        self.inner.cid
    }

    /// The whole offending message as MessagePack. `None` if it cannot travel inside another message.
    pub fn bad_msg(&self) -> Option<&[u8]> {
        self.inner.bad_msg.as_deref()
    }

    pub(super) fn bad_msg_bytes(&self) -> Option<&Bytes> {
        self.inner.bad_msg.as_ref()
    }

    /// The details, for the side that gets the report.
    pub(super) fn to_value(&self) -> Option<ErrorValue> {
        value::encode_as(MSG_TYPE_ERROR, &self.inner.details).ok()
    }

    /// Whether both are handles of one violation.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.inner, &other.inner)
    }

    pub(super) fn route(&self) -> Option<&Route> {
        self.inner.remote.as_ref()
    }

    /// The error as it travelled, when a peer reported it.
    pub(crate) fn remote(&self) -> Option<&ErrorMsg> {
        self.inner.remote.as_ref().map(|route| &**route.msg())
    }
}

/// The details in the report of a base-protocol peer: its text, and the message that it contains.
///
/// Only the child side sends `Started` and `Return`, and checks them before they leave. Any other message was received
/// by the actor that reports it first.
fn guessed(us: &Uid, error: &ErrorMsg) -> Details {
    let shown = error.bad_msg.as_ref().and_then(|raw| codec::decode(raw).ok());
    let reporter = error.relay_path.first().unwrap_or(&error.src_uid);
    let sender = match shown {
        Some(Msg::Started { .. } | Msg::Return { .. }) => Some(reporter),
        _ => (error.relay_path.len() < 2 && reporter != us).then_some(us),
    };
    Details {
        message: shown.map_or_else(String::new, |msg| msg.name().to_owned()),
        problem: error.message.clone().unwrap_or_default(),
        sender: sender.map(|uid| (uid.name().to_owned(), uid.uuid().to_owned())),
        ..Details::default()
    }
}

impl fmt::Display for MsgTypeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Inner { details, remote, .. } = &*self.inner;
        let Details { message, value, found, expected, problem, .. } = details;
        if let Some(remote) = remote {
            write!(f, "actor {} reports: ", remote.msg().src_uid)?;
        }
        if expected.is_empty() {
            return f.write_str(problem);
        }
        write!(f, "invalid `{message}` msg payload: ")?;
        if value.is_empty() && found.is_empty() {
            f.write_str("it cannot be sent: ")?;
        } else if value.is_empty() {
            write!(f, "a value of type `{found}` cannot be sent: ")?;
        } else {
            write!(f, "{value} has type {found}, ")?;
            write!(f, "which does not match type-spec `{message}.pld: {expected}`: ")?;
        }
        f.write_str(problem)
    }
}

impl std::error::Error for MsgTypeError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.inner.remote.as_ref().map(|route| route as _)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn uid(name: &str) -> Uid {
        Uid::new(name, name)
    }

    /// How the root reads a report that came over `path`, without details but with a message.
    fn blamed(path: &[&str], shown: Option<Msg>) -> (Blame, Option<Uid>, String) {
        let mut report = ErrorMsg::new(uid(path[0]), MSG_TYPE_ERROR, "does not fit");
        report.relay_path = path.iter().map(|name| uid(name)).collect();
        report.bad_msg = shown.map(|msg| {
            let mut out = Vec::new();
            codec::encode(&msg, &mut out);
            out.into()
        });
        let error = MsgTypeError::reported(&uid("root"), Route::new(Arc::new(report)));
        assert!(error.to_string().ends_with("reports: does not fit"), "{error}");
        (error.blame(), error.sender(), error.message_type().to_owned())
    }

    #[test]
    fn the_message_in_a_report_of_the_base_protocol_decides_the_blame() {
        let (cid, pld) = (Cid::short(b'c', 1), Bytes::from_static(&[7]));
        let (root, kid) = (Some(uid("root")), Some(uid("kid")));
        let started = || Some(Msg::Started { cid, pld: pld.clone() });
        let streamed = || Some(Msg::Yield { cid, pld: pld.clone() });
        let returned = || Some(Msg::Return { cid, pld: pld.clone() });
        assert_eq!(blamed(&["kid"], started()), (Blame::Peer, kid.clone(), "Started".into()));
        assert_eq!(blamed(&["kid"], returned()), (Blame::Peer, kid.clone(), "Return".into()));
        assert_eq!(blamed(&["kid"], streamed()), (Blame::Local, root.clone(), "Yield".into()));
        assert_eq!(blamed(&["kid"], None), (Blame::Local, root, String::new()));
        assert_eq!(blamed(&["kid", "mid"], returned()), (Blame::Peer, kid, "Return".into()));
        assert_eq!(blamed(&["kid", "mid"], streamed()), (Blame::Peer, None, "Yield".into()));
        assert_eq!(blamed(&["root"], None), (Blame::Peer, None, String::new()));
    }
}
