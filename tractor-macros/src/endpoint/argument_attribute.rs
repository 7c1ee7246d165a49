//! `#[tractor(..)]` on an argument.

use syn::{Attribute, Expr, LitStr, Meta};

use crate::attribute_args::{Args, Key, Takes, split_at_commas};
use crate::errors::Errors;
use crate::tokens::parenthesized;

const RENAME: Key = Key::new("rename", "rename = \"id\"");
const DEFAULT: Key = Key { name: "default", example: "default = 1", takes: Takes::Either };

/// The options in an argument's attributes.
#[derive(Default)]
pub(crate) struct Param {
    /// The argument's name on the wire.
    pub(crate) rename: Option<LitStr>,
    pub(crate) default: Option<DefaultValue>,
}

/// The value of an argument that a caller leaves out.
pub(crate) enum DefaultValue {
    /// The type's own default.
    OfType,
    Given(Box<Expr>),
}

impl Param {
    /// Removes our attributes from `attrs`. Several of them are read as one.
    pub(crate) fn take(attrs: &mut Vec<Attribute>, errors: &mut Errors) -> Self {
        let mut said = Vec::new();
        attrs.retain(|attr| {
            let [ours, serdes] = ["tractor", "serde"].map(|name| attr.path().is_ident(name));
            match &attr.meta {
                _ if serdes => is_serdes(attr, errors),
                Meta::List(list) if ours => said.extend(split_at_commas(parenthesized(list.tokens.clone()))),
                _ if ours => says_nothing(attr, errors),
                _ => {}
            }
            !ours && !serdes
        });
        let mut args = Args::of_parts(said, &[RENAME, DEFAULT], errors);
        let rename = args.take::<LitStr>(&RENAME, errors);
        if let Some(name) = rename.as_ref().filter(|name| name.value().is_empty()) {
            let what = "an argument needs a name, as it travels by name";
            errors.at(name, what, format_args!("write `{}`", RENAME.example));
        }
        let default = match args.take_flag(&DEFAULT) {
            Some(_) => Some(DefaultValue::OfType),
            None => args.take(&DEFAULT, errors).map(|value| DefaultValue::Given(Box::new(value))),
        };
        Self { rename, default }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.rename.is_none() && self.default.is_none()
    }
}

fn says_nothing(attr: &Attribute, errors: &mut Errors) {
    errors.at(attr, "this attribute is empty", format_args!("write {}", examples()));
}

fn is_serdes(attr: &Attribute, errors: &mut Errors) {
    let help = format!("write {}; put any other serde attribute on the argument's type", examples());
    errors.at(attr, "`#[serde(..)]` is about fields of a type, not about arguments", help);
}

fn examples() -> String {
    let [rename, default] = [RENAME, DEFAULT].map(|key| key.example);
    format!("`#[tractor({rename})]` or `#[tractor({default})]`")
}
