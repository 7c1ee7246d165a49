//! Settles the types of the messages that `#[context]` declares.

use proc_macro2::TokenStream;
use quote::ToTokens;
use syn::{Type, parse_quote};

use super::ast::{ContextArgs, Spec};
use crate::args::attribute;
use crate::diag::{Errors, show};
use crate::endpoint::lead::Lead;
use crate::endpoint::types::check_owned;

/// The types of one dialog, as seen by the endpoint.
pub(crate) struct Dialog {
    pub(crate) started: Type,
    pub(crate) send: Type,
    pub(crate) recv: Type,
    /// `None`: whatever the function returns.
    pub(crate) returns: Option<Type>,
}

impl Dialog {
    /// Settles the type of every direction; `None` after an error.
    pub(crate) fn check(args: &ContextArgs, errors: &mut Errors) -> Option<Self> {
        let given = [&args.pld_spec, &args.started, &args.send, &args.recv, &args.returns];
        if errors.is_empty() && given.iter().all(|spec| spec.is_none()) {
            errors.at_span(
                attribute(),
                "a context has to say which types its messages have",
                "write `#[tractor::context(pld_spec = MyType)]`, or one type per direction: `started = A, send = B, \
                 recv = C, returns = D`",
            );
        }
        let [any, started, send, recv, returns] =
            given.map(|spec| spec.as_ref().and_then(|spec| single(spec, errors)));
        let or_any = |ty: Option<Type>| ty.or_else(|| any.clone());
        let or_unit = |ty: Option<Type>| or_any(ty).unwrap_or_else(|| parse_quote!(()));
        let dialog = Self {
            started: or_unit(started),
            send: or_unit(send),
            recv: or_unit(recv),
            returns: or_any(returns),
        };
        errors.is_empty().then_some(dialog)
    }

    /// The type of the `ctx` argument, as one would write it: `Context<Point>`.
    fn context(&self) -> String {
        let [started, send, recv] = [&self.started, &self.send, &self.recv].map(show);
        if started == send && send == recv {
            format!("Context<{started}>")
        } else {
            format!("Context<{started}, {send}, {recv}>")
        }
    }
}

/// The leading argument of a context with these types.
pub(crate) fn lead(dialog: Option<&Dialog>) -> Lead {
    let context = dialog.map_or_else(|| "Context<MyType>".to_owned(), Dialog::context);
    Lead { ty: "Context", noun: "context", example: format!("ctx: {context}") }
}

/// The only alternative of a direction.
fn single(spec: &Spec, errors: &mut Errors) -> Option<Type> {
    match spec.alternatives.as_slice() {
        [only] => check_owned(only, "a message", errors).then(|| only.clone()),
        several => {
            let surplus: TokenStream = several.iter().skip(1).map(ToTokens::to_token_stream).collect();
            errors.at(
                surplus,
                "unions of types are not supported yet: declare an enum",
                "write `#[derive(Serialize, Deserialize)] enum Message { .. }` with a variant per type, and name it here",
            );
            None
        }
    }
}
