//! Small helpers for tokens.

use proc_macro2::{Span, TokenStream};

/// The tokens, for rustc to underline at `span`; what names mean stays as it is.
pub(crate) fn moved_to(span: Span, tokens: TokenStream) -> TokenStream {
    let moved = tokens.into_iter().map(|mut token| {
        token.set_span(token.span().located_at(span));
        token
    });
    moved.collect()
}
