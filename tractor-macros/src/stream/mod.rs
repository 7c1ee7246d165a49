//! `#[stream]`: an async function that sends a sequence of values to its caller.

mod check;

use proc_macro2::{Ident, Span, TokenStream};
use quote::quote;
use syn::{Path, Type};

use crate::args::{Args, CRATE, Key};
use crate::diag::Errors;
use crate::endpoint::Endpoint;
use crate::endpoint::attrs::take_rivals;
use crate::endpoint::expand::{Kind, associated_type};
use crate::endpoint::lead::Lead;
use crate::sig::{Func, unused};

const KEYS: &[Key] = &[CRATE];

/// Expands the macro.
pub(crate) fn expand(attr: TokenStream, item: TokenStream) -> TokenStream {
    let mut errors = Errors::default();
    let krate = Args::parse(attr, KEYS, &mut errors).take_crate(&mut errors);
    let Some(mut func) = Func::parse_item(&item, &mut errors) else { return errors.with_item(item) };
    take_rivals(&mut func.attrs, &mut errors);
    let lead = Lead { ty: "StreamSender", noun: "sender", example: "out: StreamSender<Item>".to_owned() };
    let sent = check::check_item(&lead, &func, &mut errors);
    let ends = check::check_output(&func, &mut errors);
    let endpoint = Endpoint::check(&func, Some(&lead), &mut errors).filter(|_| ends);
    let expanded = match (endpoint, sent) {
        (Some(endpoint), Some(sent)) => endpoint.expand(&krate, &kind(&endpoint, sent, &krate)),
        _ => unused(&func),
    };
    errors.with_item(expanded)
}

fn kind(endpoint: &Endpoint<'_>, item: &Type, krate: &Path) -> Kind {
    // Not in scope for the user's argument names.
    let out = Ident::new("out", Span::mixed_site());
    Kind {
        call: "StreamCall",
        entry: "stream",
        endpoint_trait: "StreamEndpoint",
        returns: quote!(()),
        types: associated_type("Item", item),
        parameter: quote!(#out: #krate::StreamSender<Self::Item>,),
        passed: quote!(#out,),
        outcome: endpoint.outcome(krate),
    }
}
