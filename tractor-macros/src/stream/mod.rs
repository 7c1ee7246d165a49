//! `#[stream]`: an async function that sends a sequence of values to its caller.

mod check;

use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens, quote};
use syn::Type;

use crate::attribute_args::{Args, CRATE, Key};
use crate::endpoint::Endpoint;
use crate::endpoint::expand::{Kind, associated_type};
use crate::endpoint::leading_argument::Lead;
use crate::endpoint::options::{ERROR, EXTERN, MODULE, NAME, Options, STRICT};
use crate::endpoint::user_attributes::take_rivals;
use crate::errors::Errors;
use crate::function::Func;
use crate::tokens::unused;

const KEYS: &[Key] = &[NAME, MODULE, EXTERN, ERROR, STRICT, CRATE];

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
    options.check(&func, "stream", &mut errors);
    let lead = Lead { ty: "StreamSender", noun: "sender", example: "out: StreamSender<Item>".to_owned() };
    let sent = check::check_item(&lead, &func, &mut errors);
    let ends = check::check_output(&func, &mut errors);
    let endpoint = Endpoint::check(&func, &options, Some(&lead), &mut errors).filter(|_| ends);
    let expanded = match (endpoint, sent) {
        (Some(endpoint), Some((sender, item))) => endpoint.expand(&kind(&endpoint, sender, item)),
        _ => unused(&func),
    };
    errors.with_item(expanded)
}

fn kind(endpoint: &Endpoint<'_>, sender: &Type, item: &Type) -> Kind {
    let item = associated_type("Item", item, endpoint.name());
    let strict = endpoint.options.strictness();
    // The hygiene of this name keeps it out of scope for the user's arguments.
    let out = Ident::new("__out", Span::mixed_site());
    Kind {
        entry: "stream",
        endpoint_trait: "StreamEndpoint",
        lead: sender.to_token_stream(),
        returns: quote!(()),
        types: quote!(#item #strict),
        parameter: quote!(#out),
        passed: quote!(#out,),
        witness: witness(endpoint, sender),
    }
}

/// Names the sender's type. With a body, rustc checks it there.
fn witness(endpoint: &Endpoint<'_>, sender: &Type) -> TokenStream {
    let (krate, cfg, name) = (&endpoint.options.krate, &endpoint.attrs.cfg, endpoint.name());
    let item = quote!(<#name as #krate::StreamEndpoint>::Item);
    quote!(#(#cfg)* const _: fn(#sender) -> #krate::StreamSender<#item> = |__sender| __sender;)
}
