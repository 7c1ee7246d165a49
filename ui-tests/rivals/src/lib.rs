//! Attributes of another crate. Some have the names of ours; one rewrites a function's body as `tracing::instrument`
//! does.

use proc_macro::{Delimiter, Group, TokenStream, TokenTree};

/// Leaves the item as it is.
#[proc_macro_attribute]
pub fn actor_fn(_: TokenStream, item: TokenStream) -> TokenStream {
    item
}

/// Leaves the item as it is.
#[proc_macro_attribute]
pub fn context(_: TokenStream, item: TokenStream) -> TokenStream {
    item
}

/// Leaves the item as it is.
#[proc_macro_attribute]
pub fn stream(_: TokenStream, item: TokenStream) -> TokenStream {
    item
}

/// Makes a body of an async function that awaits the function's own one.
#[proc_macro_attribute]
pub fn instrument(_: TokenStream, item: TokenStream) -> TokenStream {
    let tokens = item.into_iter().map(|token| match token {
        TokenTree::Group(body) if body.delimiter() == Delimiter::Brace => {
            let mut inner: TokenStream = "async move".parse().expect("these are tokens");
            inner.extend([TokenTree::Group(body)]);
            inner.extend(".await".parse::<TokenStream>().expect("these are tokens"));
            TokenTree::Group(Group::new(Delimiter::Brace, inner))
        }
        other => other,
    });
    tokens.collect()
}
