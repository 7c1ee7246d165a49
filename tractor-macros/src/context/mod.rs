//! `#[context]`: an async function that holds a dialog with its caller: a first value, a two-way stream, a last value.

mod ast;
mod check;
mod expand;
mod union;

use proc_macro2::TokenStream;

use crate::endpoint::Endpoint;
use crate::endpoint::user_attributes::take_rivals;
use crate::errors::Errors;
use crate::function::Func;
use crate::tokens::unused;

/// Expands the macro.
pub(crate) fn expand(attr: TokenStream, item: TokenStream) -> TokenStream {
    let mut errors = Errors::default();
    let args = ast::ContextArgs::parse(attr, &mut errors);
    let mut func = match Func::parse_item(item, &mut errors) {
        Ok(func) => func,
        Err(instead) => return errors.with_item(instead),
    };
    errors.about("endpoint", &func);
    let dialog = check::Dialog::check(&args, &func.sig.ident, &mut errors);
    take_rivals(&mut func.attrs, &args.options.krate, &mut errors);
    args.options.check(&func, "context", &mut errors);
    let lead = check::lead(dialog.as_ref());
    let context = lead.check(&func, &mut errors);
    let endpoint = Endpoint::check(&func, &args.options, Some(&lead), &mut errors);
    let expanded = match (endpoint, dialog, context) {
        (Some(endpoint), Some(dialog), Some(context)) => expand::expand(&endpoint, &dialog, context),
        _ => unused(&func),
    };
    errors.with_item(expanded)
}
