//! Rules about the values of a type: the `validate = path` of an endpoint's attribute.
//!
//! Types say which values can be built; a rule says which of them the dialog allows. The first value and the final one are
//! checked before they leave, so that the one at fault gets the error; every value is checked where it arrives, because
//! the peer may be built from other sources.

use std::fmt::Display;

use bytes::Bytes;

use super::stream::{bad_msg, decode};
use crate::actor::Linked;
use crate::error::{Blame, Error, MsgTypeError, Result};
use crate::proto::payload::{self, Payload};

/// Says what is wrong with a value, if anything is.
pub type Rule<T> = fn(&T) -> Verdict;

/// What a rule says; the text is the problem.
type Verdict = std::result::Result<(), String>;

/// What a `validate` function may return.
#[diagnostic::on_unimplemented(
    message = "a `validate` function returns a `Result<(), E>` whose `E` can be printed, not `{Self}`",
    label = "returns `{Self}`",
    note = "write `fn check(value: &T) -> Result<(), String>`"
)]
pub trait IntoVerdict {
    #[doc(hidden)]
    fn into_verdict(self) -> Verdict;
}

#[diagnostic::do_not_recommend]
impl<E: Display> IntoVerdict for std::result::Result<(), E> {
    fn into_verdict(self) -> Verdict {
        self.map_err(|problem| problem.to_string())
    }
}

/// Checks a value of ours before it is sent.
pub(super) fn check_sent<T: Payload>(
    linked: &Linked,
    msg: &'static str,
    rule: Option<Rule<T>>,
    value: &T,
) -> Result<()> {
    let Some(Err(problem)) = rule.map(|rule| rule(value)) else { return Ok(()) };
    let mut bytes = Vec::new();
    let shown = match value.encode_payload(linked.format, &mut bytes) {
        Ok(()) => payload::render(&bytes),
        Err(_unencodable) => "a value".to_owned(),
    };
    Err(broken::<T>(linked, msg, shown, &problem, Blame::Local).into())
}

/// Decodes a payload of the peer and checks it.
#[inline]
pub(super) fn decode_checked<T: Payload>(
    linked: &Linked,
    msg: &'static str,
    rule: Option<Rule<T>>,
    bytes: &Bytes,
) -> Result<T> {
    let value = decode(linked, msg, bytes)?;
    match rule {
        None => Ok(value),
        Some(rule) => match rule(&value) {
            Ok(()) => Ok(value),
            Err(problem) => Err(refused::<T>(linked, msg, bytes, &problem)),
        },
    }
}

#[cold]
fn refused<T>(linked: &Linked, msg: &'static str, bytes: &Bytes, problem: &str) -> Error {
    let depth_max = linked.peer.channel.limits().nesting_depth_max;
    broken::<T>(linked, msg, payload::render(bytes), problem, Blame::Peer)
        .showing(bad_msg(msg, &linked.cid, bytes, depth_max))
        .into()
}

fn broken<T>(linked: &Linked, msg: &'static str, shown: String, problem: &str, blame: Blame) -> MsgTypeError {
    let problem = format!("`validate` of `{}` says: {problem}", linked.endpoint);
    MsgTypeError::new(msg, shown, std::any::type_name::<T>(), problem, blame, Some(linked.cid))
}
