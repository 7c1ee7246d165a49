//! `#[actor_fn]`: an async function that another actor can call, with one value as the answer.

use proc_macro2::TokenStream;
use quote::quote;

use crate::args::{Args, CRATE, Key};
use crate::diag::Errors;
use crate::endpoint::attrs::take_rivals;
use crate::endpoint::expand::Kind;
use crate::endpoint::options::{ERROR, EXTERN, MODULE, NAME, Options, VALIDATE};
use crate::endpoint::{Endpoint, rule};
use crate::reopen;
use crate::sig::{Func, unused};

const KEYS: &[Key] = &[NAME, MODULE, EXTERN, ERROR, VALIDATE, CRATE];

/// Expands the macro.
pub(crate) fn expand(attr: TokenStream, item: TokenStream) -> TokenStream {
    let mut errors = Errors::default();
    let options = Options::take(&mut Args::parse(attr, KEYS, &mut errors), &mut errors);
    let mut func = match Func::parse_item(item, &mut errors) {
        Ok(func) => func,
        Err(instead) => return errors.with_item(instead),
    };
    errors.about("endpoint", &func);
    take_rivals(&mut func.attrs, &mut errors);
    options.check(&func, "actor_fn", &mut errors);
    let expanded = match Endpoint::check(&func, &options, None, &mut errors) {
        Some(endpoint) => endpoint.expand(&kind(&endpoint)),
        None => unused(&func),
    };
    reopen::check(&func, None, &mut errors);
    errors.with_item(expanded)
}

fn kind(endpoint: &Endpoint<'_>) -> Kind {
    let options = endpoint.options;
    let returns_rule =
        rule("RETURNS_RULE", "Returns", options.validate.as_ref(), endpoint.output.blame(), &options.krate);
    Kind {
        call: if endpoint.is_elsewhere() { "RemoteCall" } else { "Call" },
        entry: "func",
        endpoint_trait: None,
        body_trait: "FnBody",
        returns: endpoint.returned(),
        returns_rule,
        types: quote!(),
        parameter: quote!(),
        passed: quote!(),
        outcome: endpoint.outcome(),
        sends_union: false,
        witness: quote!(),
    }
}
