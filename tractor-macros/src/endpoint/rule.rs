//! `validate = path`: what values have to keep to, besides having the right type.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens, format_ident, quote, quote_spanned};
use syn::Path;
use syn::spanned::Spanned;

use crate::sig::edges;

/// The constant `name` of a trait, which holds the rule for values of the associated type `of`; empty if there is none.
/// `at` is where the signature says which type that is.
pub(crate) fn rule(
    name: &str,
    of: &str,
    path: Option<&Path>,
    at: impl ToTokens,
    krate: &Path,
) -> TokenStream {
    let Some(path) = path else { return TokenStream::new() };
    let (name, of) = (format_ident!("{name}"), format_ident!("{of}"));
    // Not in scope for the user's path. rustc underlines what is passed when its type will not do.
    let (at, _) = edges(at);
    let value = Ident::new("value", Span::mixed_site().located_at(at));
    // rustc underlines the argument when the function returns something else.
    let said = quote_spanned!(path.span()=> #path(#value));
    quote! {
        const #name: ::core::option::Option<#krate::__private::Rule<Self::#of>> = ::core::option::Option::Some(
            |#value| #krate::__private::IntoVerdict::<Self>::into_verdict(#said)
        );
    }
}
