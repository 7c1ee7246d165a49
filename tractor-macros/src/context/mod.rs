//! `#[context]`: an async function that holds a dialog with its caller: a first value, a two-way stream, a last value.

mod ast;
mod check;
mod expand;

use proc_macro2::TokenStream;

use crate::diag::Errors;
use crate::endpoint::Endpoint;
use crate::endpoint::attrs::take_rivals;
use crate::sig::{Func, unused};

/// Expands the macro.
pub(crate) fn expand(attr: TokenStream, item: TokenStream) -> TokenStream {
    let mut errors = Errors::default();
    let args = ast::ContextArgs::parse(attr, &mut errors);
    let dialog = check::Dialog::check(&args, &mut errors);
    let Some(mut func) = Func::parse_item(&item, &mut errors) else { return errors.with_item(item) };
    take_rivals(&mut func.attrs, &mut errors);
    let lead = check::lead(dialog.as_ref());
    let context = lead.check(&func, &mut errors);
    let endpoint = Endpoint::check(&func, Some(&lead), &mut errors);
    let expanded = match (endpoint, dialog, context) {
        (Some(endpoint), Some(dialog), Some(context)) => {
            endpoint.expand(&args.krate, &expand::kind(&endpoint, &dialog, context, &args.krate))
        }
        _ => unused(&func),
    };
    errors.with_item(expanded)
}
