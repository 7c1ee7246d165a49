//! `#[actor_fn]`: an async function that another actor can call, with one value as the answer.

use proc_macro2::TokenStream;
use quote::quote;

use crate::args::{Args, CRATE, Key};
use crate::diag::Errors;
use crate::endpoint::Endpoint;
use crate::endpoint::attrs::take_rivals;
use crate::endpoint::expand::Kind;
use crate::sig::{Func, unused};

const KEYS: &[Key] = &[CRATE];

/// Expands the macro.
pub(crate) fn expand(attr: TokenStream, item: TokenStream) -> TokenStream {
    let mut errors = Errors::default();
    let krate = Args::parse(attr, KEYS, &mut errors).take_crate(&mut errors);
    let Some(mut func) = Func::parse_item(&item, &mut errors) else { return errors.with_item(item) };
    take_rivals(&mut func.attrs, &mut errors);
    let expanded = match Endpoint::check(&func, None, &mut errors) {
        Some(endpoint) => endpoint.expand(&krate, &kind(&endpoint, &krate)),
        None => unused(&func),
    };
    errors.with_item(expanded)
}

fn kind(endpoint: &Endpoint<'_>, krate: &syn::Path) -> Kind {
    Kind {
        call: "Call",
        entry: "func",
        endpoint_trait: "FnEndpoint",
        returns: endpoint.returned(krate),
        types: quote!(),
        parameter: quote!(),
        passed: quote!(),
        outcome: endpoint.outcome(krate),
    }
}
