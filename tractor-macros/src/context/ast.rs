//! The arguments of `#[context]`, typed.

use proc_macro2::TokenStream;
use syn::{Path, Type};

use crate::args::{Args, CRATE, Key};
use crate::diag::Errors;

const PLD_SPEC: Key = Key { name: "pld_spec", example: "pld_spec = MyType" };
const STARTED: Key = Key { name: "started", example: "started = Hello" };
const SEND: Key = Key { name: "send", example: "send = Update" };
const RECV: Key = Key { name: "recv", example: "recv = Command" };
const RETURNS: Key = Key { name: "returns", example: "returns = Summary" };
const KEYS: &[Key] = &[PLD_SPEC, STARTED, SEND, RECV, RETURNS, CRATE];

/// What `#[context(..)]` was given.
pub(crate) struct ContextArgs {
    pub(crate) krate: Path,
    /// For every direction that has no type of its own.
    pub(crate) pld_spec: Option<Spec>,
    /// The value the endpoint announces itself with.
    pub(crate) started: Option<Spec>,
    /// What the endpoint sends.
    pub(crate) send: Option<Spec>,
    /// What the endpoint receives.
    pub(crate) recv: Option<Spec>,
    /// The endpoint's final value.
    pub(crate) returns: Option<Spec>,
}

/// The types one direction may carry: `A | B`.
pub(crate) struct Spec {
    /// At least one; each type keeps its span.
    pub(crate) alternatives: Vec<Type>,
}

impl ContextArgs {
    pub(crate) fn parse(attr: TokenStream, errors: &mut Errors) -> Self {
        let mut args = Args::parse(attr, KEYS, errors);
        let mut spec = |key, errors: &mut Errors| {
            args.take_alternatives(key, errors).map(|alternatives| Spec { alternatives })
        };
        Self {
            pld_spec: spec(&PLD_SPEC, errors),
            started: spec(&STARTED, errors),
            send: spec(&SEND, errors),
            recv: spec(&RECV, errors),
            returns: spec(&RETURNS, errors),
            krate: args.take_crate(errors),
        }
    }
}
