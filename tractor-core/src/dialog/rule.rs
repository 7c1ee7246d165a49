//! Rules about the values of a type: `validate = path`, of an endpoint's attribute or of one of its arguments.
//!
//! Types say which values can be built; a rule says which of them the dialog allows. The first value and the final one are
//! checked before they leave, so that the one at fault gets the error, and so are streamed ones on a strict stream; every
//! value is checked where it arrives, because the peer may be built from other sources. Both happen where the types are
//! checked: `Linked::encode` and `decode`. Arguments are checked before the request is made, and where they are bound.

use std::fmt::Display;

use super::endpoint::Endpoint;
use crate::actor::Rule;
use crate::error::{Blame, Details, MsgTypeError, Result};
use crate::proto::args::{ArgTuple, RefusedArg};
use crate::proto::id::Uid;
use crate::proto::limits::NESTING_DEPTH_MAX;
use crate::proto::payload::PayloadFormat;

/// What a rule says; the text is the problem.
type Verdict = std::result::Result<(), String>;

/// What a `validate` function of the endpoint `E` may return.
#[diagnostic::on_unimplemented(
    message = "the `validate` function of `{E}` has to return a `Result<(), E>` whose `E` can be printed, not a `{Self}`",
    label = "returns `{Self}`",
    note = "write `fn check(value: &T) -> Result<(), String>`"
)]
pub trait IntoVerdict<E> {
    #[doc(hidden)]
    fn into_verdict(self) -> Verdict;
}

#[diagnostic::do_not_recommend]
impl<E, P: Display> IntoVerdict<E> for std::result::Result<(), P> {
    fn into_verdict(self) -> Verdict {
        self.map_err(|problem| problem.to_string())
    }
}

/// What the rule of an argument of the endpoint `E` says; `_value` is the argument as it travels.
///
/// # Errors
/// It refuses the value.
pub fn check_arg<E, T>(
    name: &'static str,
    verdict: impl IntoVerdict<E>,
    _value: &T,
) -> std::result::Result<(), RefusedArg> {
    verdict.into_verdict().map_err(|problem| RefusedArg::new::<T>(name, problem))
}

/// Asks the rules of the arguments that `us` is about to send.
///
/// # Errors
/// [`Error::MsgType`](crate::Error::MsgType): one of them refuses its argument.
pub(crate) fn check_args<E: Endpoint>(us: &Uid, args: &E::Args) -> Result<()> {
    E::check_args(args).map_err(|refused| {
        let mut kwargs = Vec::new();
        let RefusedArg { name, value, kind, ty, problem } =
            match args.encode(E::ARGS, PayloadFormat::Named, &mut kwargs) {
                Ok(()) => refused.shown(NESTING_DEPTH_MAX, &kwargs),
                Err(_unencodable) => refused,
            };
        let details = Details {
            message: "Start".to_owned(),
            found: if value.is_some() { kind.to_owned() } else { ty.to_owned() },
            value: value.unwrap_or_default(),
            expected: ty.to_owned(),
            problem: format!("argument `{name}` of `{}:{}`: `validate` says: {problem}", E::MODULE, E::NAME),
            sender: None,
        };
        MsgTypeError::new(details, us, Blame::Local, None).into()
    })
}

/// What the endpoint's attribute demands of the values of a context.
pub(super) struct Rules<S, Tx, Rx> {
    pub(super) started: Option<Rule<S>>,
    pub(super) stream: StreamRules<Tx, Rx>,
}

/// What it demands of streamed values, as seen from one side.
pub(super) struct StreamRules<Tx, Rx> {
    pub(super) send: Option<Rule<Tx>>,
    pub(super) recv: Option<Rule<Rx>>,
}

// Not derived: that would ask the same of the types.
impl<S, Tx, Rx> Copy for Rules<S, Tx, Rx> {}

impl<S, Tx, Rx> Clone for Rules<S, Tx, Rx> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<Tx, Rx> Copy for StreamRules<Tx, Rx> {}

impl<Tx, Rx> Clone for StreamRules<Tx, Rx> {
    fn clone(&self) -> Self {
        *self
    }
}
