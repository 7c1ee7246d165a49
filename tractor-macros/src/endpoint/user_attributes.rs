//! Sorts the user's attributes by the generated items on which they must stand.
//!
//! An endpoint's function becomes two: the *handle*, which callers use, and the *body*, which runs. Attributes for
//! callers go to the handle, attributes about the running code go to the body, `cfg` goes to both.

use proc_macro2::Ident;
use quote::{ToTokens, quote};
use syn::parse::{Parse, ParseStream, Parser};
use syn::punctuated::Punctuated;
use syn::spanned::Spanned;
use syn::{Attribute, Meta, Path, Token, parse_quote};

use crate::attribute_args::split_at_commas;
use crate::errors::Errors;

/// Lints about what callers see: the header of the function.
const SEEN: &[&str] = &["missing_docs", "non_snake_case"];

/// The user's attributes, sorted by the item they go to; one may go to several.
#[derive(Default)]
pub(crate) struct Attrs {
    /// On every generated item.
    pub(crate) cfg: Vec<Attribute>,
    /// On the handle and its type.
    pub(crate) docs: Vec<Attribute>,
    /// On the handle.
    pub(crate) handle: Vec<Attribute>,
    /// Levels of lints, on all other items made of the function.
    pub(crate) levels: Vec<Attribute>,
    pub(crate) body: Vec<Attribute>,
}

impl Attrs {
    pub(crate) fn sort(attrs: &[Attribute]) -> Self {
        let mut sorted = Self::default();
        for attr in attrs {
            match split_cfg_attr(attr) {
                Some((predicate, metas)) => metas.iter().for_each(|meta| sorted.add(meta, Some(&predicate))),
                None => sorted.add(&attr.meta, None),
            }
        }
        sorted
    }

    /// Sorts in the attribute `meta`, which applies if `predicate` holds.
    fn add(&mut self, meta: &Meta, predicate: Option<&Meta>) {
        let attr = |meta: &dyn ToTokens| match predicate {
            None => parse_quote!(#[#meta]),
            Some(predicate) => parse_quote!(#[cfg_attr(#predicate, #meta)]),
        };
        let name = meta.path().get_ident().map(ToString::to_string);
        match name.as_deref() {
            Some("cfg") => self.cfg.push(attr(meta)),
            Some("doc") => self.docs.push(attr(meta)),
            Some("deprecated") => self.handle.push(attr(meta)),
            // A call is `must_use` already; only a message adds something.
            Some("must_use") if matches!(meta, Meta::Path(_)) => {}
            Some("must_use") => self.handle.push(attr(meta)),
            Some("allow" | "warn" | "deny" | "forbid") => {
                self.handle.push(attr(meta));
                self.levels.push(attr(meta));
                self.body.push(attr(meta));
            }
            Some("expect") => self.expect(meta, &attr),
            _ => self.body.push(attr(meta)),
        }
    }

    /// An `expect` goes to one item: to the body, or to the handle if the lint is about what callers see. All other
    /// items get an `allow`.
    fn expect(&mut self, meta: &Meta, attr: &dyn Fn(&dyn ToTokens) -> Attribute) {
        let Meta::List(list) = meta else { return self.body.push(attr(meta)) };
        let (lints, reason): (Vec<_>, Vec<_>) = split_at_commas(list.tokens.clone())
            .into_iter()
            .partition(|part| syn::parse2::<Path>(part.clone()).is_ok());
        for lint in lints {
            let [allow, expect] = ["allow", "expect"].map(|level| {
                let level = Ident::new(level, list.path.span());
                attr(&quote!(#level(#lint #(, #reason)*)))
            });
            if SEEN.contains(&lint.to_string().as_str()) {
                self.body.push(allow.clone());
                self.handle.push(expect);
            } else {
                self.body.push(expect);
                self.handle.push(allow.clone());
            }
            self.levels.push(allow);
        }
    }
}

/// Removes and reports every other attribute that would take over the function: the endpoint attributes of this library
/// (`krate`) and the entry-point attributes of any library. A `context` attribute of another crate is left alone.
pub(crate) fn take_rivals(attrs: &mut Vec<Attribute>, krate: &Path, errors: &mut Errors) {
    attrs.retain(|attr| {
        let path = attr.path();
        let from = |krate: &Path| {
            path.segments.first().map(|from| &from.ident) == krate.segments.first().map(|from| &from.ident)
        };
        let is_ours = path.segments.len() == 1 || from(krate) || from(&parse_quote!(tractor));
        let ours: &[_] = if is_ours { &["actor_fn", "context", "stream"] } else { &[] };
        let rival = ours.iter().chain(&["main", "test"]);
        let rival = rival.copied().find(|rival| path.segments.last().is_some_and(|last| last.ident == rival));
        if let Some(rival) = rival {
            let what = format!("`#[{rival}]` cannot be combined with another endpoint attribute");
            errors.at(attr.path(), what, "keep one of them");
        }
        rival.is_none()
    });
}

/// The predicate and the attributes of a `cfg_attr`.
fn split_cfg_attr(attr: &Attribute) -> Option<(Meta, Punctuated<Meta, Token![,]>)> {
    let Meta::List(list) = &attr.meta else { return None };
    if !list.path.is_ident("cfg_attr") {
        return None;
    }
    let parse = |input: ParseStream<'_>| {
        let predicate = Meta::parse(input)?;
        input.parse::<Token![,]>()?;
        Ok((predicate, Punctuated::<Meta, Token![,]>::parse_terminated(input)?))
    };
    parse.parse2(list.tokens.clone()).ok()
}
