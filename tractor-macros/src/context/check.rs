//! Settles the types of the messages that `#[context]` declares.

use syn::{Ident, Path, Type, parse_quote};

use super::ast::{ContextArgs, Direction, Spec};
use super::union::{Union, is_none};
use crate::args::attribute;
use crate::diag::{Errors, show};
use crate::endpoint::lead::Lead;
use crate::endpoint::types::check_owned;
use crate::naming::Handle;

/// The types of one dialog, as seen by the endpoint.
pub(crate) struct Dialog<'a> {
    pub(crate) started: Settled<'a>,
    pub(crate) send: Settled<'a>,
    pub(crate) recv: Settled<'a>,
    /// Without a type: whatever the function returns.
    pub(crate) returns: Settled<'a, Option<Type>>,
    /// The enums that stand for `A | B`.
    pub(crate) unions: Vec<Union>,
}

/// The type and the rule of one direction.
pub(crate) struct Settled<'a, T = Type> {
    pub(crate) ty: T,
    pub(crate) rule: Option<&'a Path>,
}

impl<'a> Dialog<'a> {
    /// Settles every direction of the context `endpoint`; `None` after an error.
    pub(crate) fn check(args: &'a ContextArgs, endpoint: &Ident, errors: &mut Errors) -> Option<Self> {
        let directions = [&args.started, &args.send, &args.recv, &args.returns];
        let untyped = args.pld_spec.is_none() && directions.iter().all(|direction| direction.spec.is_none());
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
            settle("Started", &args.started.spec),
            settle("Send", &args.send.spec),
            settle("Recv", &args.recv.spec),
            settle("Returns", &args.returns.spec),
        ];
        check_rules(args, errors);
        if !errors.is_empty() {
            return None;
        }
        let rule = |direction: &'a Direction| match direction {
            Direction { rule: Some(rule), .. } => Some(rule),
            Direction { spec: Some(_), .. } => None,
            Direction { .. } => args.options.validate.as_ref(),
        };
        let [started, send, recv, returns] = own.map(|ty| ty.or_else(|| any.clone()));
        let or_unit = |ty: Option<Type>| ty.unwrap_or_else(|| parse_quote!(()));
        Some(Self {
            started: Settled { ty: or_unit(started), rule: rule(&args.started) },
            send: Settled { ty: or_unit(send), rule: rule(&args.send) },
            recv: Settled { ty: or_unit(recv), rule: rule(&args.recv) },
            returns: Settled { ty: returns, rule: rule(&args.returns) },
            unions,
        })
    }

    /// Whether what the endpoint streams is one of the enums.
    pub(crate) fn sends_union(&self) -> bool {
        self.unions.iter().any(|union| union.name == show(&self.send.ty))
    }

    /// The type of the `ctx` argument, as one would write it: `Context<Point>`.
    fn context(&self) -> String {
        let [started, send, recv] = [&self.started, &self.send, &self.recv].map(|settled| show(&settled.ty));
        if started == send && send == recv {
            format!("Context<{started}>")
        } else {
            format!("Context<{started}, {send}, {recv}>")
        }
    }
}

/// Reports rules for values that have no type.
fn check_rules(args: &ContextArgs, errors: &mut Errors) {
    if let (Some(rule), None) = (&args.options.validate, &args.pld_spec) {
        errors.at(
            rule,
            "`validate` is about the type of `pld_spec`, which is not given",
            "name the direction: `validate_started`, `validate_send`, `validate_recv` or `validate_returns`",
        );
    }
    // What is returned has the function's own type at least.
    for (direction, key) in [(&args.started, "started"), (&args.send, "send"), (&args.recv, "recv")] {
        if let (Direction { rule: Some(rule), spec: None }, None) = (direction, &args.pld_spec) {
            let what = format!("`validate_{key}` has nothing to check: the direction has no type");
            errors.at(rule, what, format_args!("add `{key} = MyType`"));
        }
    }
}

/// The leading argument of a context with these types.
pub(crate) fn lead(dialog: Option<&Dialog<'_>>) -> Lead {
    let context = dialog.map_or_else(|| "Context<MyType>".to_owned(), Dialog::context);
    Lead { ty: "Context", handle: Handle::Context, noun: "context", example: format!("ctx: {context}") }
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
