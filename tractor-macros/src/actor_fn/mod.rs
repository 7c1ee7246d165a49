//! `#[actor_fn]`: an async function that another actor can call, with one value as the answer.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};

use crate::attribute_args::{Args, CRATE, Key};
use crate::endpoint::Endpoint;
use crate::endpoint::expand::Kind;
use crate::endpoint::options::{ERROR, EXTERN, MODULE, NAME, Options};
use crate::endpoint::user_attributes::take_rivals;
use crate::errors::Errors;
use crate::function::Func;
use crate::tokens::unused;

const KEYS: &[Key] = &[NAME, MODULE, EXTERN, ERROR, CRATE];

/// Expands the macro.
pub(crate) fn expand(attr: TokenStream, item: TokenStream) -> TokenStream {
    let mut errors = Errors::default();
    let options = Options::take(&mut Args::parse(attr, KEYS, &mut errors), &mut errors);
    let mut func = match Func::parse_item(item, &mut errors) {
        Ok(func) => func,
        Err(instead) => return errors.with_item(instead),
    };
    errors.about("endpoint", &func);
    take_rivals(&mut func.attrs, &options.krate, &mut errors);
    options.check(&func, "actor_fn", &mut errors);
    let expanded = match Endpoint::check(&func, &options, None, &mut errors) {
        Some(endpoint) => endpoint.expand(&kind(&endpoint)),
        None => unused(&func),
    };
    errors.with_item(expanded)
}

fn kind(endpoint: &Endpoint<'_>) -> Kind {
    Kind {
        entry: "func",
        endpoint_trait: "FnEndpoint",
        lead: quote_spanned!(endpoint.name().span()=> ()),
        returns: endpoint.returned(),
        types: quote!(),
        parameter: quote!(()),
        passed: quote!(),
        witness: quote!(),
    }
}
