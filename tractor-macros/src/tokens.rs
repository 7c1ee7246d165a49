//! Small helpers for tokens.

use proc_macro2::{Delimiter, Group, Ident, Span, TokenStream, TokenTree};
use quote::{ToTokens, quote};
use syn::{Expr, VisRestricted, Visibility};

/// The tokens with the position of `span`, where rustc underlines errors; names keep their meaning.
pub(crate) fn moved_to(span: Span, tokens: TokenStream) -> TokenStream {
    let moved = tokens.into_iter().map(|mut token| {
        token.set_span(token.span().located_at(span));
        token
    });
    moved.collect()
}

/// The spans of the first and the last token.
///
/// Stable Rust cannot join two spans, but rustc underlines everything between them when they begin and end one piece of
/// generated code.
pub(crate) fn edges(tokens: impl ToTokens) -> (Span, Span) {
    let mut tokens = tokens.into_token_stream().into_iter();
    let first = tokens.next().map_or_else(Span::call_site, |token| token.span());
    (first, tokens.last().map_or(first, |token| token.span()))
}

/// A name given by the user, for a generated item or variable that represents the user's own.
///
/// Its position is the user's, but lints treat it as the macro's: a warning about dead code or the wrong case concerns
/// only the user's own item.
pub(crate) fn ours(name: &Ident) -> Ident {
    let mut name = name.clone();
    name.set_span(name.span().resolved_at(Span::call_site()));
    name
}

/// The visibility of the function, for a generated item that stands for it: rustc treats an item as the macro's own if
/// the macro made its first token.
pub(crate) fn our_visibility(vis: &Visibility) -> Visibility {
    let mut vis = vis.clone();
    match &mut vis {
        Visibility::Public(token) | Visibility::Restricted(VisRestricted { pub_token: token, .. }) => {
            token.span = token.span.resolved_at(Span::call_site());
        }
        Visibility::Inherited => {}
    }
    vis
}

/// The tokens with parentheses around each operation that is a fragment of another macro: `$n * 2` for an `$n` of `1 +
/// 2`.
///
/// Such a fragment is one operand in invisible delimiters, which rustc ignores in the output of a procedural macro.
pub(crate) fn parenthesized(tokens: TokenStream) -> TokenStream {
    if !has_fragment(tokens.clone()) {
        return tokens;
    }
    let tokens = tokens.into_iter().map(|token| {
        let TokenTree::Group(group) = &token else { return token };
        let delimiter = match group.delimiter() {
            Delimiter::None if is_operation(group.stream()) => Delimiter::Parenthesis,
            other => other,
        };
        let mut written = Group::new(delimiter, parenthesized(group.stream()));
        written.set_span(group.span().resolved_at(Span::call_site()));
        written.into()
    });
    tokens.collect()
}

fn has_fragment(tokens: TokenStream) -> bool {
    tokens.into_iter().any(|token| match token {
        TokenTree::Group(group) => group.delimiter() == Delimiter::None || has_fragment(group.stream()),
        _ => false,
    })
}

fn is_operation(tokens: TokenStream) -> bool {
    let operation = syn::parse2(tokens);
    matches!(
        operation,
        Ok(Expr::Binary(_) | Expr::Cast(_) | Expr::Closure(_) | Expr::Range(_) | Expr::Unary(_))
    )
}

/// `tokens` with the outer attribute `#[allow(unused)]`: code that is re-emitted beside an error may be unused.
pub(crate) fn unused(tokens: impl ToTokens) -> TokenStream {
    quote!(#[allow(unused, reason = "it has errors")] #tokens)
}
