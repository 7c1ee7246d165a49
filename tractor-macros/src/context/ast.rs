//! The arguments of `#[context]`, typed.

use proc_macro2::TokenStream;
use syn::{Path, Type};

use crate::args::{Args, CRATE, Key};
use crate::diag::Errors;
use crate::endpoint::options::{ERROR, EXTERN, MODULE, NAME, Options, VALIDATE};

const PLD_SPEC: Key = Key::new("pld_spec", "pld_spec = MyType");
const STARTED: Key = Key::new("started", "started = Hello");
const SEND: Key = Key::new("send", "send = Update");
const RECV: Key = Key::new("recv", "recv = Command");
const RETURNS: Key = Key::new("returns", "returns = Summary");
const VALIDATE_STARTED: Key = Key::new("validate_started", "validate_started = check");
const VALIDATE_SEND: Key = Key::new("validate_send", "validate_send = check");
const VALIDATE_RECV: Key = Key::new("validate_recv", "validate_recv = check");
const VALIDATE_RETURNS: Key = Key::new("validate_returns", "validate_returns = check");
const KEYS: &[Key] = &[
    PLD_SPEC,
    STARTED,
    SEND,
    RECV,
    RETURNS,
    VALIDATE,
    VALIDATE_STARTED,
    VALIDATE_SEND,
    VALIDATE_RECV,
    VALIDATE_RETURNS,
    NAME,
    MODULE,
    EXTERN,
    ERROR,
    CRATE,
];

/// What `#[context(..)]` was given.
pub(crate) struct ContextArgs {
    pub(crate) options: Options,
    /// For every direction that has no type of its own; its rule is the one in `options`.
    pub(crate) pld_spec: Option<Spec>,
    /// The value the endpoint announces itself with.
    pub(crate) started: Direction,
    /// What the endpoint sends.
    pub(crate) send: Direction,
    /// What the endpoint receives.
    pub(crate) recv: Direction,
    /// The endpoint's final value.
    pub(crate) returns: Direction,
}

/// One direction of the dialog.
pub(crate) struct Direction {
    pub(crate) spec: Option<Spec>,
    /// What its values have to keep to.
    pub(crate) rule: Option<Path>,
}

/// The types one direction may carry: `A | B`.
pub(crate) struct Spec {
    /// At least one; each type keeps its span.
    pub(crate) alternatives: Vec<Type>,
}

impl ContextArgs {
    pub(crate) fn parse(attr: TokenStream, errors: &mut Errors) -> Self {
        let args = &mut Args::parse(attr, KEYS, errors);
        Self {
            pld_spec: Spec::take(&PLD_SPEC, args, errors),
            started: Direction::take(&STARTED, &VALIDATE_STARTED, args, errors),
            send: Direction::take(&SEND, &VALIDATE_SEND, args, errors),
            recv: Direction::take(&RECV, &VALIDATE_RECV, args, errors),
            returns: Direction::take(&RETURNS, &VALIDATE_RETURNS, args, errors),
            options: Options::take(args, errors),
        }
    }
}

impl Direction {
    fn take(spec: &Key, rule: &Key, args: &mut Args, errors: &mut Errors) -> Self {
        Self { spec: Spec::take(spec, args, errors), rule: args.take_path(rule, errors) }
    }
}

impl Spec {
    fn take(key: &Key, args: &mut Args, errors: &mut Errors) -> Option<Self> {
        args.take_alternatives(key, errors).map(|alternatives| Self { alternatives })
    }
}
