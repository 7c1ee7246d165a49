//! Settles the types of the messages that `#[context]` declares.

use syn::{Ident, Type, parse_quote};

use super::ast::{ContextArgs, Spec};
use super::union::{Union, is_none};
use crate::attribute_args::attribute;
use crate::endpoint::leading_argument::Lead;
use crate::endpoint::owned_types::check_owned;
use crate::errors::{Errors, show};

/// The types of one dialog from the endpoint's view.
pub(crate) struct Dialog {
    pub(crate) started: Type,
    pub(crate) send: Type,
    pub(crate) recv: Type,
    /// `None` if the attribute gives no type: then it is the function's return type.
    pub(crate) returns: Option<Type>,
    /// The enums that stand for `A | B`.
    pub(crate) unions: Vec<Union>,
}

impl Dialog {
    /// Settles every direction of the context `endpoint`; `None` after an error.
    pub(crate) fn check(args: &ContextArgs, endpoint: &Ident, errors: &mut Errors) -> Option<Self> {
        let directions = [&args.started, &args.send, &args.recv, &args.returns];
        let untyped = args.pld_spec.is_none() && directions.iter().all(|direction| direction.is_none());
        if errors.is_empty() && untyped {
            errors.at_span(
                attribute(),
                "a context has to say which types its messages have",
                "write `#[tractor::context(pld_spec = MyType)]`, or one type per direction: `started = A, send = B, \
                 recv = C, returns = D`",
            );
        }
        let mut unions = Vec::new();
        let mut settle = |suffix: &str, spec: &Option<Spec>| {
            spec.as_ref().and_then(|spec| spec.settle(endpoint, suffix, &mut unions, errors))
        };
        let any = settle("Pld", &args.pld_spec);
        let own = [
            settle("Started", &args.started),
            settle("Send", &args.send),
            settle("Recv", &args.recv),
            settle("Returns", &args.returns),
        ];
        if !errors.is_empty() {
            return None;
        }
        let [started, send, recv, returns] = own.map(|ty| ty.or_else(|| any.clone()));
        let or_unit = |ty: Option<Type>| ty.unwrap_or_else(|| parse_quote!(()));
        Some(Self { started: or_unit(started), send: or_unit(send), recv: or_unit(recv), returns, unions })
    }

    /// The type of the `ctx` argument as a user writes it: `Context<Point>`.
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

impl Spec {
    /// The type of a direction; several alternatives are one enum, which is added to `unions`.
    fn settle(
        &self,
        endpoint: &Ident,
        suffix: &str,
        unions: &mut Vec<Union>,
        errors: &mut Errors,
    ) -> Option<Type> {
        match self.alternatives.as_slice() {
            [only] if is_none(only) => Some(parse_quote!(())),
            [only] => check_owned(only, "a message", errors).then(|| only.clone()),
            several => {
                let union = Union::check(endpoint, suffix, several, errors)?;
                let name = union.name.clone();
                unions.push(union);
                Some(parse_quote!(#name))
            }
        }
    }
}
