//! Collects every error of one macro call, so that a user sees all of them at once.
//!
//! Each error says what is wrong in the user's words, points at the exact tokens, names the function, and ends in a
//! help line with what to write instead.

use std::fmt::Display;

use proc_macro2::{Ident, Span, TokenStream, TokenTree};
use quote::ToTokens;

use crate::function::Func;

/// The errors found so far, in the order they were found.
#[derive(Default)]
#[must_use]
pub(crate) struct Errors {
    found: Vec<Found>,
    /// The function, with a noun. It is known only after parsing, which follows the attribute's arguments.
    about: Option<(&'static str, String)>,
}

enum Found {
    Ours { at: TokenStream, what: String, help: String },
    Parser(syn::Error),
}

impl Errors {
    /// Records an error that underlines all of `tokens`.
    pub(crate) fn at(&mut self, tokens: impl ToTokens, what: impl Display, help: impl Display) {
        let at = tokens.into_token_stream();
        self.found.push(Found::Ours { at, what: what.to_string(), help: help.to_string() });
    }

    /// Records an error at one span; `Span::call_site()` is the attribute itself.
    pub(crate) fn at_span(&mut self, span: Span, what: impl Display, help: impl Display) {
        self.at(Ident::new("attribute", span), what, help);
    }

    /// Records an error of the parser.
    pub(crate) fn push(&mut self, error: syn::Error) {
        self.found.push(Found::Parser(error));
    }

    /// Names the function in every error that does not name it already; `noun` is its kind: "endpoint".
    pub(crate) fn about(&mut self, noun: &'static str, func: &Func) {
        self.about = Some((noun, func.sig.ident.to_string()));
    }

    /// Takes over the errors of `other`.
    pub(crate) fn append(&mut self, other: Self) {
        self.found.extend(other.found);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    /// `item` followed by one `compile_error!` per error; editors keep the item even when there are errors.
    pub(crate) fn with_item(self, mut item: TokenStream) -> TokenStream {
        for found in self.found {
            let error = match found {
                Found::Ours { at, what, help } => {
                    syn::Error::new_spanned(at, text(&what, &help, &self.about))
                }
                Found::Parser(error) => error,
            };
            item.extend(error.into_compile_error());
        }
        item
    }
}

fn text(what: &str, help: &str, about: &Option<(&str, String)>) -> String {
    match about {
        Some((noun, name)) if ![what, help].iter().any(|said| names(said, name)) => {
            format!("{what}\n  = note: in the {noun} `{name}`\n  = help: {help}")
        }
        Some(_) | None => format!("{what}\n  = help: {help}"),
    }
}

/// Whether a text names the function, alone or with its arguments.
fn names(text: &str, name: &str) -> bool {
    text.contains(&format!("`{name}`")) || text.contains(&format!("fn {name}("))
}

/// Tokens as a user types them, for error texts: `Vec<&str>` rather than `Vec < & str >`.
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
