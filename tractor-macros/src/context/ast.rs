//! The arguments of `#[context]`, typed.

use proc_macro2::TokenStream;
use syn::Type;

use crate::attribute_args::{Args, CRATE, Key};
use crate::endpoint::options::{ERROR, EXTERN, MODULE, NAME, Options, STRICT};
use crate::errors::Errors;

const PLD_SPEC: Key = Key::new("pld_spec", "pld_spec = MyType");
const STARTED: Key = Key::new("started", "started = Hello");
const SEND: Key = Key::new("send", "send = Update");
const RECV: Key = Key::new("recv", "recv = Command");
const RETURNS: Key = Key::new("returns", "returns = Summary");
const KEYS: &[Key] = &[PLD_SPEC, STARTED, SEND, RECV, RETURNS, NAME, MODULE, EXTERN, ERROR, STRICT, CRATE];

/// The arguments of one `#[context(..)]`.
pub(crate) struct ContextArgs {
    pub(crate) options: Options,
    /// The type of every direction without a type of its own; its rule is the one in `options`.
    pub(crate) pld_spec: Option<Spec>,
    /// The endpoint's first value.
    pub(crate) started: Option<Spec>,
    /// The values that the endpoint streams.
    pub(crate) send: Option<Spec>,
    /// The values that are streamed to the endpoint.
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
        let args = &mut Args::parse(attr, KEYS, errors);
        Self {
            pld_spec: Spec::take(&PLD_SPEC, args, errors),
            started: Spec::take(&STARTED, args, errors),
            send: Spec::take(&SEND, args, errors),
            recv: Spec::take(&RECV, args, errors),
            returns: Spec::take(&RETURNS, args, errors),
            options: Options::take(args, errors),
        }
    }
}

impl Spec {
    fn take(key: &Key, args: &mut Args, errors: &mut Errors) -> Option<Self> {
        args.take_alternatives(key, errors).map(|alternatives| Self { alternatives })
    }
}
