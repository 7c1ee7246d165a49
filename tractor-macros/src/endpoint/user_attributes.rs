//! Decides which generated item each of the user's attributes belongs to.
//!
//! An endpoint's function becomes two: the *handle* one calls, and the *body* that runs. What a caller should see goes
//! to the handle, what shapes the running code goes to the body, `cfg` goes to everything.

use quote::ToTokens;
use syn::parse::{Parse, ParseStream, Parser};
use syn::punctuated::Punctuated;
use syn::{Attribute, Meta, Token, parse_quote};

use crate::errors::Errors;

/// The user's attributes, sorted by the item they go to; one may go to several.
#[derive(Default)]
pub(crate) struct Attrs {
    /// On every generated item.
    pub(crate) cfg: Vec<Attribute>,
    /// On the handle and its type.
    pub(crate) docs: Vec<Attribute>,
    pub(crate) handle: Vec<Attribute>,
    pub(crate) body: Vec<Attribute>,
}

impl Attrs {
    pub(crate) fn sort(attrs: &[Attribute]) -> Self {
        let mut sorted = Self::default();
        for attr in attrs {
            match split_cfg_attr(attr) {
                Some(parts) => parts.iter().for_each(|(meta, part)| sorted.add(meta, part)),
                None => sorted.add(&attr.meta, attr),
            }
        }
        sorted
    }

    /// Files `attr` by its content `meta`, which for `cfg_attr(.., meta)` is the inner attribute.
    fn add(&mut self, meta: &Meta, attr: &Attribute) {
        let attr = || attr.clone();
        let name = meta.path().get_ident().map(ToString::to_string);
        match name.as_deref() {
            Some("cfg") => self.cfg.push(attr()),
            Some("doc") => self.docs.push(attr()),
            Some("deprecated") => self.handle.push(attr()),
            // A call is `must_use` already; only a message adds to that.
            Some("must_use") if matches!(meta, Meta::Path(_)) => {}
            Some("must_use") => self.handle.push(attr()),
            Some("allow" | "warn" | "deny" | "forbid") => {
                self.handle.push(attr());
                self.body.push(attr());
            }
            _ => self.body.push(attr()),
        }
    }
}

/// Takes away every other attribute that wants the function for itself, and reports it.
pub(crate) fn take_rivals(attrs: &mut Vec<Attribute>, errors: &mut Errors) {
    attrs.retain(|attr| {
        let rival = ["actor_fn", "context", "stream", "main", "test"]
            .into_iter()
            .find(|rival| attr.path().segments.last().is_some_and(|last| last.ident == rival));
        if let Some(rival) = rival {
            let what = format!("`#[{rival}]` cannot be combined with another endpoint attribute");
            errors.at(attr.path(), what, "keep one of them");
        }
        rival.is_none()
    });
}

/// `cfg_attr(predicate, a, b)` as `a` with `cfg_attr(predicate, a)` and `b` with `cfg_attr(predicate, b)`.
fn split_cfg_attr(attr: &Attribute) -> Option<Vec<(Meta, Attribute)>> {
    let Meta::List(list) = &attr.meta else { return None };
    if !list.path.is_ident("cfg_attr") {
        return None;
    }
    let parse = |input: ParseStream<'_>| {
        let predicate = Meta::parse(input)?;
        input.parse::<Token![,]>()?;
        Ok((predicate, Punctuated::<Meta, Token![,]>::parse_terminated(input)?))
    };
    let (predicate, metas) = parse.parse2(list.tokens.to_token_stream()).ok()?;
    let parts = metas.into_iter().map(|meta| {
        let attr = parse_quote!(#[cfg_attr(#predicate, #meta)]);
        (meta, attr)
    });
    Some(parts.collect())
}
