//! Small helpers for tokens.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote};

/// The tokens, for rustc to underline at `span`; what names mean stays as it is.
pub(crate) fn moved_to(span: Span, tokens: TokenStream) -> TokenStream {
    let moved = tokens.into_iter().map(|mut token| {
        token.set_span(token.span().located_at(span));
        token
    });
    moved.collect()
}

/// The spans of the first and the last token.
///
/// Stable Rust cannot join two spans, but rustc underlines everything from one to the other when they begin and end
/// one piece of generated code.
pub(crate) fn edges(tokens: impl ToTokens) -> (Span, Span) {
    let mut tokens = tokens.into_token_stream().into_iter();
    let first = tokens.next().map_or_else(Span::call_site, |token| token.span());
    (first, tokens.last().map_or(first, |token| token.span()))
}

/// `tokens` with the outer attribute `#[allow(unused)]`: what is re-emitted beside an error may go unused.
pub(crate) fn unused(tokens: impl ToTokens) -> TokenStream {
    quote!(#[allow(unused, reason = "it has errors")] #tokens)
}
