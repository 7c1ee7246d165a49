//! Checks an endpoint's signature and keeps its parts that the expansion needs, typed.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote, quote_spanned};
use syn::Ident;

use super::arguments::{Arg, check_args};
use super::leading_argument::Lead;
use super::options::Options;
use super::owned_types::check_returned;
use super::user_attributes::Attrs;
use crate::errors::Errors;
use crate::function::{Func, generic, last_segment};

/// An endpoint whose signature can be expanded.
pub(crate) struct Endpoint<'f> {
    pub(crate) func: &'f Func,
    pub(crate) options: &'f Options,
    pub(crate) attrs: Attrs,
    /// The arguments that travel: all but the leading `Context` or `StreamSender`.
    pub(crate) args: Vec<Arg<'f>>,
    pub(crate) output: Output,
}

/// The return type of the function.
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
    pub(crate) fn check(
        func: &'f Func,
        options: &'f Options,
        lead: Option<&Lead>,
        errors: &mut Errors,
    ) -> Option<Self> {
        let mut serious = Errors::default();
        let what = &format!("the endpoint `{}`", func.sig.ident);
        func.check_async(what, "", errors);
        func.check_header(what, &mut serious);
        let args = check_args(func, lead, &mut serious);
        if let Some(ty) = func.output() {
            check_returned(ty, &mut serious);
        }
        let sound = serious.is_empty();
        errors.append(serious);
        sound.then(|| Self { func, options, attrs: Attrs::sort(&func.attrs), args, output: Output::of(func) })
    }

    /// Whether the function lives in another program.
    pub(crate) fn is_elsewhere(&self) -> bool {
        self.options.elsewhere.is_some() && self.func.body.is_none()
    }

    pub(crate) fn name(&self) -> &'f Ident {
        &self.func.sig.ident
    }
}

impl Output {
    /// The tokens of the final value's type, for errors.
    pub(crate) fn blame(&self) -> &TokenStream {
        self.ok.as_ref().unwrap_or(&self.ty)
    }

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
