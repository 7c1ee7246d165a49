//! The first argument of contexts and streams. The runtime passes it, so it does not travel.

use syn::{FnArg, Pat, PatType, Type};

use crate::errors::{Errors, show};
use crate::function::{Func, last_segment, peel};

/// The leading argument that a macro requires.
pub(crate) struct Lead {
    /// The last segment of its type: `Context`. A user's alias may end in it: `ScaleContext`.
    pub(crate) ty: &'static str,
    /// Its name in error texts: "context".
    pub(crate) noun: &'static str,
    /// The argument as a user writes it: `ctx: Context<Point>`.
    pub(crate) example: String,
}

impl Lead {
    /// Whether `ty` looks like the leading argument's type, or a reference to it.
    pub(crate) fn is(&self, ty: &Type) -> bool {
        match peel(ty) {
            Type::Reference(reference) => self.is(&reference.elem),
            ty => last_segment(ty).is_some_and(|last| last.ident.to_string().ends_with(self.ty)),
        }
    }

    /// The type of the function's leading argument; `None` after an error.
    pub(crate) fn check<'f>(&self, func: &'f Func, errors: &mut Errors) -> Option<&'f Type> {
        let inputs = || func.sig.inputs.iter().enumerate();
        let late = inputs().filter_map(|(position, input)| match input {
            FnArg::Typed(input) if position > 0 && self.is(&input.ty) => Some(&input.ty),
            _ => None,
        });
        let late: Vec<_> = late.collect();
        for ty in &late {
            errors.at(ty, format_args!("the {} has to be the first argument", self.noun), self.help(func));
        }
        match func.sig.inputs.first() {
            Some(FnArg::Typed(first)) if self.is(&first.ty) => self.check_first(first, errors),
            // `self` is reported with the other arguments, a leading argument at a later position was reported above.
            Some(FnArg::Receiver(_)) => None,
            Some(_) if !late.is_empty() => None,
            Some(first) => {
                errors.at(first, self.missing(), self.help(func));
                None
            }
            None => {
                errors.at(&func.sig.ident, self.missing(), self.help(func));
                None
            }
        }
    }

    fn check_first<'f>(&self, first: &'f PatType, errors: &mut Errors) -> Option<&'f Type> {
        let help = format!("write `{}`", self.example);
        if matches!(peel(&first.ty), Type::Reference(_)) {
            let what = format!("an endpoint owns its {}, it does not borrow it", self.noun);
            errors.at(&first.ty, what, help);
            return None;
        }
        if last_segment(&first.ty).is_some_and(|last| last.ident == self.ty && last.arguments.is_empty()) {
            errors.at(&first.ty, format_args!("the {} has to name its types", self.noun), help);
            return None;
        }
        match &*first.pat {
            // It is passed by position, so any name is accepted, `_` too.
            Pat::Wild(_) => Some(&first.ty),
            Pat::Ident(pat) if pat.by_ref.is_none() && pat.subpat.is_none() => Some(&first.ty),
            other => {
                errors.at(
                    other,
                    format_args!("the {} is a plain name, not `{}`", self.noun, show(other)),
                    help,
                );
                None
            }
        }
    }

    fn missing(&self) -> String {
        format!("the first argument of this endpoint has to be its {}", self.noun)
    }

    fn help(&self, func: &Func) -> String {
        format!("write `async fn {}({}, ..)`", func.sig.ident, self.example)
    }
}
