//! The expansion of `#[context]`.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens, quote};
use syn::Type;
use syn::spanned::Spanned;

use super::check::Dialog;
use crate::endpoint::Endpoint;
use crate::endpoint::expand::{Kind, associated_type};
use crate::tokens::our_visibility;

/// All items of a context.
pub(crate) fn expand(endpoint: &Endpoint<'_>, dialog: &Dialog, context: &Type) -> TokenStream {
    let (vis, attrs, krate) = (our_visibility(&endpoint.func.vis), &endpoint.attrs, &endpoint.options.krate);
    let unions = dialog.unions.iter().map(|union| union.expand(&vis, attrs, krate));
    let unions: TokenStream = unions.collect();
    let expanded = endpoint.expand(&kind(endpoint, dialog, context));
    quote!(#expanded #unions)
}

/// The parts of the expansion that differ for a context.
fn kind(endpoint: &Endpoint<'_>, dialog: &Dialog, context: &Type) -> Kind {
    let returns = dialog.returns.as_ref().map_or_else(|| endpoint.returned(), |ty| quote!(#ty));
    // The hygiene of this name keeps it out of scope for the user's arguments.
    let ctx = Ident::new("__ctx", Span::mixed_site());
    let types = [("Started", &dialog.started), ("Send", &dialog.send), ("Recv", &dialog.recv)];
    let types = types.map(|(name, ty)| associated_type(name, ty, endpoint.name()));
    let strict = endpoint.options.strictness();
    Kind {
        entry: "context",
        endpoint_trait: "ContextEndpoint",
        lead: context.to_token_stream(),
        returns,
        types: quote!(#(#types)* #strict),
        parameter: quote!(#ctx),
        passed: quote!(#ctx,),
        witness: witness(endpoint, dialog, context),
    }
}

/// Compares the types of the signature with those of the attribute. With a body, rustc does that there.
fn witness(endpoint: &Endpoint<'_>, dialog: &Dialog, context: &Type) -> TokenStream {
    let (krate, cfg, name) = (&endpoint.options.krate, &endpoint.attrs.cfg, endpoint.name());
    let same = |ty: &TokenStream, declared: &TokenStream| {
        let value = Ident::new("__value", ty.span().resolved_at(Span::mixed_site()));
        quote!(#(#cfg)* const _: fn(#ty) -> #declared = |#value| #value;)
    };
    let context = same(&quote!(#context), &quote!(#krate::__private::ContextOf<#name>));
    let returned = dialog.returns.as_ref().map(|declared| same(&endpoint.returned(), &quote!(#declared)));
    quote!(#context #returned)
}
