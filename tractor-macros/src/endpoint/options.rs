//! The attribute arguments that all endpoints share.

use proc_macro2::{Ident, TokenStream};
use quote::quote;
use syn::{LitStr, Path, Type};

use crate::attribute_args::{Args, Key, Takes};
use crate::errors::{Errors, show};
use crate::function::{Func, last_segment};

pub(crate) const NAME: Key = Key::new("name", "name = \"resize\"");
pub(crate) const MODULE: Key = Key::new("module", "module = \"images.service\"");
pub(crate) const EXTERN: Key = Key { name: "extern", example: "extern", takes: Takes::Nothing };
pub(crate) const ERROR: Key = Key::new("error", "error = MyError");

/// The flag for streamed values that are decoded again before they are sent.
pub(crate) const STRICT: Key = Key { name: "strict", example: "strict", takes: Takes::Nothing };

/// The arguments that every endpoint attribute accepts.
pub(crate) struct Options {
    pub(crate) krate: Path,
    /// The endpoint's name and module on the wire, instead of the function's own.
    pub(crate) name: Option<LitStr>,
    pub(crate) module: Option<LitStr>,
    /// The function lives in another program: it has no body, and is not registered.
    pub(crate) elsewhere: Option<Ident>,
    pub(crate) strict: bool,
    /// The type of the failure, which travels as a value.
    pub(crate) error: Option<Type>,
}

impl Options {
    /// The items of the endpoint's trait for `strict`.
    pub(crate) fn strictness(&self) -> Option<TokenStream> {
        self.strict.then(|| {
            quote!(
                const STRICT: ::core::primitive::bool = true;
            )
        })
    }

    pub(crate) fn take(args: &mut Args, errors: &mut Errors) -> Self {
        Self {
            name: args.take(&NAME, errors),
            module: args.take(&MODULE, errors),
            elsewhere: args.take_flag(&EXTERN),
            strict: args.take_flag(&STRICT).is_some(),
            error: args.take(&ERROR, errors),
            krate: args.take_crate(errors),
        }
    }

    /// Reports options that do not fit `func`; `attribute` is the macro as a user writes it with one more argument.
    pub(crate) fn check(&self, func: &Func, attribute: &str, errors: &mut Errors) {
        for (key, given) in [(&NAME, &self.name), (&MODULE, &self.module)] {
            let wrong = given.as_ref().filter(|given| {
                let value = given.value();
                value.is_empty() || value.replace("::", "").contains(|c: char| c == ':' || c.is_whitespace())
            });
            if let Some(wrong) = wrong {
                let what = format!("`{}` cannot be the {} of an endpoint", show(wrong), key.name);
                errors.at(wrong, what, format_args!("write `{}`", key.example));
            }
        }
        match (&self.elsewhere, &func.body) {
            (None, _) => func.check_body(
                &format!(
                    "; or, if it lives in another program, `#[tractor::{attribute}(extern, module = \"..\")]`"
                ),
                errors,
            ),
            (Some(_), Some(body)) => errors.at(
                body,
                "an `extern` endpoint has no body: it lives in another program",
                "end the declaration with `;`, or leave `extern` out",
            ),
            (Some(elsewhere), None) if self.module.is_none() => errors.at(
                elsewhere,
                "an `extern` endpoint has to say in which module it lives",
                "write `extern, module = \"images.service\"`",
            ),
            (Some(_), None) => {}
        }
        let fallible = func.output().and_then(last_segment).is_some_and(|last| last.ident == "Result");
        if let Some(error) = self.error.as_ref().filter(|_| !fallible) {
            let what =
                format!("`error = {}` is the type of a failure, but the function returns none", show(error));
            errors.at(
                error,
                what,
                format_args!("return a `Result<T, {}>`, or leave `error` out", show(error)),
            );
        }
    }
}
