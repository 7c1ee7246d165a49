//! Checks an endpoint's signature and keeps what the expansion needs of it, typed.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote, quote_spanned};
use syn::ext::IdentExt;
use syn::{FnArg, Ident, Pat, Type};

use super::attrs::Attrs;
use super::lead::Lead;
use super::types::{MAX_ARGS, check_owned, check_returned};
use crate::diag::{Errors, show};
use crate::sig::{Arg, Func, generic, last_segment};

/// An endpoint whose signature can be expanded.
pub(crate) struct Endpoint<'f> {
    pub(crate) func: &'f Func,
    pub(crate) attrs: Attrs,
    /// What travels: the arguments without the leading `Context` or `StreamSender`.
    pub(crate) args: Vec<Arg>,
    pub(crate) output: Output,
}

/// What the function returns.
pub(crate) struct Output {
    /// The type as written; `()` if there is none.
    pub(crate) ty: TokenStream,
    /// Whether the type is called `Result`.
    pub(crate) fallible: bool,
    /// The generic arguments of such a type, for error spans only.
    pub(crate) ok: Option<TokenStream>,
    pub(crate) err: Option<TokenStream>,
}

impl<'f> Endpoint<'f> {
    /// Checks the signature, except what `lead` checks itself.
    ///
    /// `None` after an error that leaves nothing sensible to expand. A missing `async` is not one of those.
    pub(crate) fn check(func: &'f Func, lead: Option<&Lead>, errors: &mut Errors) -> Option<Self> {
        let mut serious = Errors::default();
        func.check_async("an endpoint", errors);
        func.check_header("an endpoint", &mut serious);
        let args = check_args(func, lead, &mut serious);
        if let Some(ty) = func.output() {
            check_returned(ty, &mut serious);
        }
        let sound = serious.is_empty();
        errors.append(serious);
        sound.then(|| Self { func, attrs: Attrs::sort(&func.attrs), args, output: Output::of(func) })
    }

    pub(crate) fn name(&self) -> &'f Ident {
        &self.func.sig.ident
    }
}

impl Output {
    fn of(func: &Func) -> Self {
        match func.output() {
            None => {
                Self { ty: quote_spanned!(func.sig.ident.span()=> ()), fallible: false, ok: None, err: None }
            }
            Some(ty) => {
                let result = last_segment(ty).filter(|last| last.ident == "Result");
                let argument = |position| result.and_then(|result| generic(result, position));
                let [ok, err] = [0, 1].map(|position| argument(position).map(ToTokens::to_token_stream));
                Self { ty: quote!(#ty), fallible: result.is_some(), ok, err }
            }
        }
    }
}

fn check_args(func: &Func, lead: Option<&Lead>, errors: &mut Errors) -> Vec<Arg> {
    let mut args = Vec::new();
    let mut travelling = Vec::new();
    for input in &func.sig.inputs {
        match input {
            FnArg::Receiver(receiver) => errors.at(
                receiver,
                "an endpoint is a free function, it has no `self`",
                "move it out of the `impl` block and pass what it needs as arguments",
            ),
            FnArg::Typed(typed) if lead.is_some_and(|lead| lead.is(&typed.ty)) => {}
            FnArg::Typed(typed) => {
                travelling.push(input);
                args.extend(check_arg(typed, errors));
            }
        }
    }
    if let Some(surplus) = travelling.get(MAX_ARGS) {
        errors.at(
            surplus,
            format_args!("an endpoint takes at most {MAX_ARGS} arguments"),
            "group some of them in a struct that derives `Serialize` and `Deserialize`",
        );
    }
    args
}

fn check_arg(input: &syn::PatType, errors: &mut Errors) -> Option<Arg> {
    for attr in &input.attrs {
        if attr.path().is_ident("cfg") || attr.path().is_ident("cfg_attr") {
            let what = "an argument cannot be conditional: both sides have to agree on the arguments";
            errors.at(attr, what, "use an `Option<T>` argument");
        }
    }
    let ident = check_pattern(&input.pat, errors);
    let lone = check_position(&input.ty, errors) && check_owned(&input.ty, "an argument", errors);
    let ident = ident.filter(|_| lone)?;
    Some(Arg { ident, ty: (*input.ty).clone() })
}

/// The name of an argument; arguments travel by name, so it has to have one.
fn check_pattern(pat: &Pat, errors: &mut Errors) -> Option<Ident> {
    match pat {
        Pat::Ident(pat) if pat.by_ref.is_none() && pat.subpat.is_none() => Some(pat.ident.clone()),
        Pat::Ident(pat) => {
            let help = format!("write `{}`", pat.ident);
            errors.at(pat, format_args!("an argument is a plain name, not `{}`", show(pat)), help);
            None
        }
        other => {
            errors.at(
                other,
                format_args!(
                    "an argument needs a name, as it travels by name; `{}` is a pattern",
                    show(other)
                ),
                "give it a name, such as `_unused` or `pair`, and take it apart in the body",
            );
            None
        }
    }
}

/// Reports a `Context` or `StreamSender` that is not where its macro expects it.
fn check_position(ty: &Type, errors: &mut Errors) -> bool {
    let Some(last) = last_segment(ty) else { return true };
    let (takes, example) = match last.ident.unraw().to_string().as_str() {
        "Context" if !last.arguments.is_empty() => ("Context", "#[tractor::context(pld_spec = T)]"),
        "StreamSender" => ("StreamSender", "#[tractor::stream]"),
        _ => return true,
    };
    errors.at(
        ty,
        format_args!("a `{takes}` cannot be sent to another process"),
        format_args!("use `{example}` and make it the first argument"),
    );
    false
}
