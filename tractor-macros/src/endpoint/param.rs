//! `#[tractor(..)]` on an argument.

use syn::{Attribute, Expr, LitStr, Meta, Path};

use super::options::VALIDATE;
use crate::args::{Args, Key, Takes};
use crate::diag::Errors;

const RENAME: Key = Key::new("rename", "rename = \"id\"");
const DEFAULT: Key = Key { name: "default", example: "default = 1", takes: Takes::Either };

/// What an argument's attributes say.
#[derive(Default)]
pub(crate) struct Param {
    /// The name it travels under.
    pub(crate) rename: Option<LitStr>,
    pub(crate) default: Option<DefaultValue>,
    /// The rule for its value.
    pub(crate) validate: Option<Path>,
}

/// The value of an argument that a caller leaves out.
pub(crate) enum DefaultValue {
    /// That of the type.
    OfType,
    Given(Box<Expr>),
}

impl Param {
    /// Takes our attributes away from `attrs`.
    pub(crate) fn take(attrs: &mut Vec<Attribute>, errors: &mut Errors) -> Self {
        let mut param = Self::default();
        attrs.retain(|attr| {
            let ours = attr.path().is_ident("tractor");
            if ours {
                param.read(attr, errors);
            }
            !ours
        });
        param
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.rename.is_none() && self.default.is_none() && self.validate.is_none()
    }

    fn read(&mut self, attr: &Attribute, errors: &mut Errors) {
        let Meta::List(list) = &attr.meta else {
            let [rename, default, validate] = [RENAME, DEFAULT, VALIDATE].map(|key| key.example);
            let help =
                format!("write `#[tractor({rename})]`, `#[tractor({default})]` or `#[tractor({validate})]`");
            errors.at(attr, "this attribute says nothing", help);
            return;
        };
        let mut args = Args::parse(list.tokens.clone(), &[RENAME, DEFAULT, VALIDATE], errors);
        self.validate = args.take_path(&VALIDATE, errors);
        if let Some(name) = args.take::<LitStr>(&RENAME, errors) {
            if name.value().is_empty() {
                errors.at(
                    &name,
                    "an argument needs a name, as it travels by name",
                    "write `rename = \"id\"`",
                );
            }
            self.rename = Some(name);
        }
        if args.take_flag(&DEFAULT).is_some() {
            self.default = Some(DefaultValue::OfType);
        } else if let Some(value) = args.take(&DEFAULT, errors) {
            self.default = Some(DefaultValue::Given(Box::new(value)));
        }
    }
}
