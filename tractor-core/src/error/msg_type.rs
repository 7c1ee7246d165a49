//! Payloads of the wrong type.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;

use super::route::Route;
use crate::proto::id::Cid;
use crate::proto::msg::ErrorMsg;

/// Which side broke the payload contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Blame {
    /// This actor.
    Local,
    /// The peer.
    Peer,
}

/// A payload that does not have the type its dialog allows.
#[derive(Debug, Clone)]
pub struct MsgTypeError {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    message: &'static str,
    value: String,
    expected: String,
    problem: String,
    blame: Blame,
    cid: Option<Cid>,
    /// The whole offending message of the peer, for the peer.
    bad_msg: Option<Bytes>,
    remote: Option<Route>,
}

impl MsgTypeError {
    pub(crate) fn new(
        message: &'static str,
        value: String,
        expected: impl Into<String>,
        problem: impl fmt::Display,
        blame: Blame,
        cid: Option<Cid>,
    ) -> Self {
        let (expected, problem) = (expected.into(), problem.to_string());
        let inner = Inner { message, value, expected, problem, blame, cid, bad_msg: None, remote: None };
        Self { inner: Arc::new(inner) }
    }

    /// The same with the whole offending message, one well-formed value, to be shown to whoever sent it.
    pub(crate) fn showing(mut self, bad_msg: Option<Bytes>) -> Self {
        if let Some(inner) = Arc::get_mut(&mut self.inner) {
            inner.bad_msg = bad_msg;
        }
        self
    }

    /// A violation that a peer found and reported.
    pub(super) fn reported(route: Route) -> Self {
        let error = route.msg();
        Self {
            inner: Arc::new(Inner {
                message: "",
                value: String::new(),
                expected: String::new(),
                problem: error.message.clone().unwrap_or_default(),
                blame: Blame::Local,
                cid: error.cid,
                bad_msg: None,
                remote: Some(route),
            }),
        }
    }

    /// The same as the source of a failure of this actor.
    pub(super) fn into_cause(self) -> Self {
        match &self.inner.remote {
            Some(route) => Self::reported(route.of_cause()),
            None => self,
        }
    }

    /// The message that carried the payload, such as `Yield`; empty when a peer reported the violation.
    pub fn message_type(&self) -> &str {
        self.inner.message
    }

    /// The type that the dialog allows; empty when a peer reported the violation.
    pub fn expected(&self) -> &str {
        &self.inner.expected
    }

    /// Which side broke the contract.
    pub fn blame(&self) -> Blame {
        self.inner.blame
    }

    /// The dialog.
    pub fn cid(&self) -> Option<Cid> {
        self.inner.cid
    }

    pub(crate) fn bad_msg(&self) -> Option<&Bytes> {
        self.inner.bad_msg.as_ref()
    }

    /// Whether both are handles of one violation.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.inner, &other.inner)
    }

    /// The error as it travelled, when a peer reported it.
    pub(crate) fn remote(&self) -> Option<&ErrorMsg> {
        self.inner.remote.as_ref().map(|route| &**route.msg())
    }
}

impl fmt::Display for MsgTypeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Inner { message, value, expected, problem, remote, .. } = &*self.inner;
        if let Some(remote) = remote {
            return write!(f, "actor {} reports: {problem}", remote.msg().src_uid);
        }
        write!(
            f,
            "invalid `{message}` msg payload: {value} does not match type-spec `{message}.pld: {expected}`: "
        )?;
        f.write_str(problem)
    }
}

impl std::error::Error for MsgTypeError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.inner.remote.as_ref().map(|route| route as _)
    }
}
