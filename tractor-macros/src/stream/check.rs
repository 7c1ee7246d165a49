//! Checks that the items of the stream can travel and that the function returns nothing.

use syn::Type;

use crate::endpoint::leading_argument::Lead;
use crate::endpoint::owned_types::check_owned;
use crate::errors::{Errors, show};
use crate::function::{Func, generic, last_segment, peel};

/// The type of the leading argument `StreamSender<T>`, and the type `T` of its items; `None` after an error.
pub(crate) fn check_item<'f>(
    lead: &Lead,
    func: &'f Func,
    errors: &mut Errors,
) -> Option<(&'f Type, &'f Type)> {
    let sender = lead.check(func, errors)?;
    let Some(item) = last_segment(sender).and_then(|sender| generic(sender, 0)) else {
        errors.at(
            sender,
            "the sender has to name the type of its items",
            format_args!("write `{}`", lead.example),
        );
        return None;
    };
    check_owned(item, "an item of a stream", errors).then_some((sender, item))
}

/// Reports a final value, which a stream does not have.
pub(crate) fn check_output(func: &Func, errors: &mut Errors) -> bool {
    let Some(ty) = func.output() else { return true };
    let value = match last_segment(ty) {
        Some(result) if result.ident == "Result" => generic(result, 0),
        _ => Some(ty),
    };
    let Some(value) = value.filter(|value| !is_unit(value)) else { return true };
    errors.at(
        value,
        format_args!("a stream endpoint has no final value, but this one returns `{}`", show(value)),
        "return nothing or a `Result<()>`; for a final value use `#[tractor::context(..)]`",
    );
    false
}

fn is_unit(ty: &Type) -> bool {
    matches!(peel(ty), Type::Tuple(tuple) if tuple.elems.is_empty())
}
