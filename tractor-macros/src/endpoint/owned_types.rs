//! Checks that the type of a travelling value is owned and concrete.
//!
//! This checks syntax only. rustc checks at the same tokens whether a type is serde and `Send`.

use proc_macro2::{TokenStream, TokenTree};
use quote::ToTokens;
use syn::{Type, TypeReference};

use crate::errors::{Errors, show};
use crate::function::{generic, last_segment, peel};

/// Most arguments an endpoint may have.
pub(crate) const MAX_ARGS: usize = 12;

/// The `T` of an argument of type `&T`; `None` after an error.
pub(crate) fn check_lent(reference: &TypeReference, errors: &mut Errors) -> Option<Type> {
    let elem = &*reference.elem;
    let owned = owned_twin(elem);
    if reference.mutability.is_some() {
        let what = format!(
            "an argument cannot be a `&mut` reference (`{}`): the endpoint works on a copy, its caller would not see \
             the changes",
            show(reference)
        );
        errors.at(reference, what, format_args!("take `{owned}` and return the changed value"));
        return None;
    }
    if let Some(lifetime) = &reference.lifetime {
        let what = format!(
            "an argument cannot borrow for `{lifetime}`: the endpoint borrows from a copy, for the call"
        );
        errors.at(reference, what, format_args!("write `&{}`", show(elem)));
        return None;
    }
    let fine = match peel(elem) {
        Type::Slice(slice) => check_owned(&slice.elem, "an item of an argument", errors),
        ty if last_segment(ty).is_some_and(|last| last.ident == "str") => true,
        ty => check_owned(ty, "an argument behind a reference", errors),
    };
    fine.then(|| elem.clone())
}

/// Reports a type whose values cannot leave the process; `role` names the value: "an argument".
pub(crate) fn check_owned(ty: &Type, role: &str, errors: &mut Errors) -> bool {
    let shown = show(ty);
    let away = "the value is sent to another process";
    let (what, help) = match peel(ty) {
        Type::Reference(reference) => {
            let owned = owned_twin(&reference.elem);
            (format!("{role} cannot be a reference (`{shown}`): {away}"), format!("use `{owned}`"))
        }
        Type::Slice(slice) => (
            format!("{role} cannot be a slice (`{shown}`): {away}"),
            format!("use `Vec<{}>`", show(&slice.elem)),
        ),
        Type::ImplTrait(_) => (
            format!("{role} cannot be of type `{shown}`: the other side has to know the concrete type"),
            "name a concrete type".to_owned(),
        ),
        Type::TraitObject(_) => (
            format!("{role} cannot be a trait object (`{shown}`): {away}"),
            "use an enum of the possible types".to_owned(),
        ),
        Type::Ptr(_) | Type::FnPtr(_) => (
            format!("{role} cannot be a pointer (`{shown}`): an address means nothing in another process"),
            "send the value, or something that identifies it".to_owned(),
        ),
        Type::Infer(_) => {
            (format!("the type of {role} has to be written out"), "name a concrete type".to_owned())
        }
        Type::Never(_) => (
            format!("{role} cannot be `!`: there is no value to send"),
            "leave the type out, or use `()`".to_owned(),
        ),
        _ if last_segment(ty).is_some_and(|last| last.ident == "str") => {
            (format!("{role} cannot be a `str`: {away}"), "use `String`".to_owned())
        }
        _ => return check_nested(ty, role, errors),
    };
    errors.at(ty, what, help);
    false
}

/// Reports the type after `->`: for a `Result` its first generic argument, as the error is turned into text.
pub(crate) fn check_returned(ty: &Type, errors: &mut Errors) -> bool {
    let payload = match last_segment(ty) {
        Some(result) if result.ident == "Result" => generic(result, 0),
        _ => Some(ty),
    };
    payload.is_none_or(|payload| check_owned(payload, "the returned value", errors))
}

/// Reports a borrow somewhere inside the type; `'static` alone is allowed (`Cow<'static, str>` is an owned type).
fn check_nested(ty: &Type, role: &str, errors: &mut Errors) -> bool {
    let Some(found) = find_borrow(ty.to_token_stream()) else { return true };
    errors.at(
        found,
        format_args!("{role} cannot borrow (`{}`): the value is sent to another process", show(ty)),
        "use owned types, such as `String` for `&str` and `Vec<T>` for `&[T]`",
    );
    false
}

/// The first `&`, lifetime other than `'static`, or `impl` in a type.
fn find_borrow(tokens: TokenStream) -> Option<TokenStream> {
    let mut tokens = tokens.into_iter();
    while let Some(token) = tokens.next() {
        match &token {
            TokenTree::Group(group) => {
                if let Some(found) = find_borrow(group.stream()) {
                    return Some(found);
                }
            }
            TokenTree::Ident(ident) if ident == "impl" => return Some(token.into()),
            TokenTree::Punct(punct) if punct.as_char() == '&' => return Some(token.into()),
            TokenTree::Punct(punct) if punct.as_char() == '\'' => match tokens.next() {
                Some(TokenTree::Ident(name)) if name == "static" => {}
                name => return Some([token.clone()].into_iter().chain(name).collect()),
            },
            _ => {}
        }
    }
    None
}

/// The owned type to use instead of a reference to `ty`.
fn owned_twin(ty: &Type) -> String {
    match peel(ty) {
        Type::Slice(slice) => format!("Vec<{}>", show(&slice.elem)),
        Type::Reference(inner) => owned_twin(&inner.elem),
        Type::TraitObject(_) => "an enum of the possible types".to_owned(),
        ty => match show(ty).as_str() {
            "str" => "String".to_owned(),
            "Path" | "std::path::Path" => "PathBuf".to_owned(),
            "CStr" => "CString".to_owned(),
            "OsStr" => "OsString".to_owned(),
            owned => owned.to_owned(),
        },
    }
}
