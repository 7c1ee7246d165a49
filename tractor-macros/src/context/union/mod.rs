//! `A | B`: the enum that stands for several types in one direction of a dialog.

mod expand;

use proc_macro2::{Ident, Span};
use syn::ext::IdentExt;
use syn::spanned::Spanned;
use syn::{GenericArgument, PathArguments, Type, parse_quote_spanned};

use crate::endpoint::owned_types::check_owned;
use crate::errors::{Errors, show};
use crate::function::peel;

/// The enum to generate.
pub(crate) struct Union {
    pub(crate) name: Ident,
    /// The endpoint, for texts.
    endpoint: Ident,
    variants: Vec<Variant>,
}

struct Variant {
    name: Ident,
    /// `()` for `None`, which is a variant without a value.
    ty: Type,
    is_unit: bool,
}

impl Union {
    /// Checks the alternatives of the direction `suffix` ("Send") of `endpoint`; `None` after an error.
    pub(crate) fn check(
        endpoint: &Ident,
        suffix: &str,
        alternatives: &[Type],
        errors: &mut Errors,
    ) -> Option<Self> {
        let mut variants: Vec<Variant> = Vec::new();
        let mut sound = true;
        for ty in alternatives {
            let Some(variant) = Variant::check(ty, errors) else {
                sound = false;
                continue;
            };
            match variants.iter().find(|other| other.name == variant.name) {
                Some(same) if show(&same.ty) == show(&variant.ty) => {
                    errors.at(ty, format_args!("`{}` is given twice", show(ty)), "keep one of them");
                    sound = false;
                }
                Some(same) => {
                    let what = format!(
                        "`{}` and `{}` would both be the variant `{}`",
                        show(&same.ty),
                        show(ty),
                        variant.name
                    );
                    errors.at(
                        ty,
                        what,
                        "give one of them another name: `type Other = ..;`, or `use .. as Other;`",
                    );
                    sound = false;
                }
                None => variants.push(variant),
            }
        }
        let name = Ident::new(&format!("{}{suffix}", camel(&endpoint.unraw().to_string())), endpoint.span());
        sound.then(|| Self { name, endpoint: endpoint.clone(), variants })
    }

    /// The types as a user writes them: `A | B`.
    fn shown(&self) -> String {
        self.variants.iter().map(Variant::shown).collect::<Vec<_>>().join(" | ")
    }
}

impl Variant {
    fn check(ty: &Type, errors: &mut Errors) -> Option<Self> {
        if is_none(ty) {
            let span = ty.span().resolved_at(Span::call_site());
            let unit = parse_quote_spanned!(span=> ());
            return Some(Self { name: Ident::new("None", span), ty: unit, is_unit: true });
        }
        if !check_owned(ty, "a message", errors) {
            return None;
        }
        let mut words = String::new();
        if !name_of(ty, &mut words) {
            let what = format!("`{}` gives no name to a variant", show(ty));
            errors.at(ty, what, "give it a name, `type Other = ..;`, and use that here");
            return None;
        }
        let name = Ident::new(&words, ty.span().resolved_at(Span::call_site()));
        Some(Self { name, ty: ty.clone(), is_unit: false })
    }
}

impl Variant {
    /// The type as a user writes it.
    fn shown(&self) -> String {
        if self.is_unit { "None".to_owned() } else { show(&self.ty) }
    }
}

/// Whether the alternative is the one without a value: `None`, or `()`.
pub(crate) fn is_none(ty: &Type) -> bool {
    match peel(ty) {
        Type::Path(path) => path.path.is_ident("None"),
        Type::Tuple(tuple) => tuple.elems.is_empty(),
        _ => false,
    }
}

/// Appends the name of a variant for `ty`: `VecU8` for `std::vec::Vec<u8>`. Returns whether there is one.
fn name_of(ty: &Type, words: &mut String) -> bool {
    match peel(ty) {
        Type::Path(path) => {
            let Some(last) = path.path.segments.last() else { return false };
            words.push_str(&camel(&last.ident.unraw().to_string()));
            let PathArguments::AngleBracketed(generics) = &last.arguments else { return true };
            generics.args.iter().all(|argument| match argument {
                GenericArgument::Type(ty) => name_of(ty, words),
                GenericArgument::Lifetime(_) => true,
                _ => false,
            })
        }
        Type::Tuple(tuple) => !tuple.elems.is_empty() && tuple.elems.iter().all(|ty| name_of(ty, words)),
        _ => false,
    }
}

/// `UpperCamel` of `snake_case`; a name that is camel case already stays as it is.
fn camel(snake: &str) -> String {
    let mut camel = String::new();
    for word in snake.split('_') {
        let mut letters = word.chars();
        camel.extend(letters.next().into_iter().flat_map(char::to_uppercase));
        camel.push_str(letters.as_str());
    }
    camel
}
