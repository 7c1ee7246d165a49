//! Collects every error of one macro call, so that a user sees all of them at once.
//!
//! Each error says what is wrong in the user's words, points at the exact tokens, and ends in a help line with what to
//! write instead.

use std::fmt::Display;

use proc_macro2::{Span, TokenStream, TokenTree};
use quote::ToTokens;

/// The errors found so far, in the order they were found.
#[derive(Default)]
#[must_use]
pub(crate) struct Errors(Option<syn::Error>);

impl Errors {
    /// Records an error that underlines all of `tokens`.
    pub(crate) fn at(&mut self, tokens: impl ToTokens, what: impl Display, help: impl Display) {
        self.push(syn::Error::new_spanned(tokens, text(what, help)));
    }

    /// Records an error at one span; `Span::call_site()` is the attribute itself.
    pub(crate) fn at_span(&mut self, span: Span, what: impl Display, help: impl Display) {
        self.push(syn::Error::new(span, text(what, help)));
    }

    /// Records an error of the parser.
    pub(crate) fn push(&mut self, error: syn::Error) {
        match &mut self.0 {
            Some(all) => all.combine(error),
            none => *none = Some(error),
        }
    }

    /// Takes over the errors of `other`.
    pub(crate) fn append(&mut self, other: Self) {
        other.0.into_iter().for_each(|error| self.push(error));
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// `item` followed by one `compile_error!` per error; editors keep the item even when there are errors.
    pub(crate) fn with_item(self, mut item: TokenStream) -> TokenStream {
        if let Some(error) = self.0 {
            item.extend(error.into_compile_error());
        }
        item
    }
}

fn text(what: impl Display, help: impl Display) -> String {
    format!("{what}\n  = help: {help}")
}

/// Tokens as one would type them, for error texts: `Vec<&str>` rather than `Vec < & str >`.
pub(crate) fn show(tokens: impl ToTokens) -> String {
    let mut shown = String::new();
    write(tokens.to_token_stream(), &mut shown);
    shown
}

fn write(tokens: TokenStream, shown: &mut String) {
    for token in tokens {
        match token {
            TokenTree::Group(group) => {
                let (open, close) = match group.delimiter() {
                    proc_macro2::Delimiter::Parenthesis => ("(", ")"),
                    proc_macro2::Delimiter::Bracket => ("[", "]"),
                    proc_macro2::Delimiter::Brace => ("{", "}"),
                    proc_macro2::Delimiter::None => ("", ""),
                };
                shown.push_str(open);
                write(group.stream(), shown);
                shown.push_str(close);
            }
            TokenTree::Punct(punct) => {
                if "=+|".contains(punct.as_char()) {
                    shown.push(' ');
                }
                shown.push(punct.as_char());
            }
            word => {
                if shown.ends_with(|last: char| last.is_alphanumeric() || ",;+=|>_)".contains(last)) {
                    shown.push(' ');
                }
                shown.push_str(&word.to_string());
            }
        }
    }
}
