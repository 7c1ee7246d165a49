//! A parser for `key = value` attribute arguments that reports unknown, repeated and malformed ones.
//!
//! The parser splits at the commas outside angle brackets and keeps each value as tokens; the macro then takes the keys
//! that it knows, each with its type. So one bad value never hides another one.

use proc_macro2::{Ident, Punct, Span, TokenStream, TokenTree};
use syn::parse::{Parse, ParseStream, Parser};
use syn::punctuated::Punctuated;
use syn::{Path, Token};

use crate::errors::{Errors, show};
use crate::tokens::parenthesized;

/// A key an attribute accepts.
pub(crate) struct Key {
    pub(crate) name: &'static str,
    /// The key with a sample value: `worker_threads = 4`.
    pub(crate) example: &'static str,
    pub(crate) takes: Takes,
}

/// Whether a key is followed by `= value`.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Takes {
    Value,
    Nothing,
    Either,
}

impl Key {
    /// A key with a value.
    pub(crate) const fn new(name: &'static str, example: &'static str) -> Self {
        Self { name, example, takes: Takes::Value }
    }
}

/// The `crate` key, which every macro accepts.
pub(crate) const CRATE: Key = Key::new("crate", "crate = ::tractor");

/// The arguments of one attribute; every key in it is known and given once.
pub(crate) struct Args {
    allowed: &'static [Key],
    entries: Vec<Entry>,
}

struct Entry {
    key: Ident,
    /// The tokens after the `=`, if there is one.
    value: Option<TokenStream>,
}

impl Args {
    /// Parses the text between the attribute's parentheses.
    pub(crate) fn parse(tokens: TokenStream, allowed: &'static [Key], errors: &mut Errors) -> Self {
        Self::of_parts(split_at_commas(parenthesized(tokens)), allowed, errors)
    }

    /// As [`parse`](Self::parse), for tokens that were split at their commas already.
    pub(crate) fn of_parts(parts: Vec<TokenStream>, allowed: &'static [Key], errors: &mut Errors) -> Self {
        let mut args = Self { allowed, entries: Vec::new() };
        for part in parts {
            match split_entry(part.clone()) {
                Some(entry) => args.add(entry, errors),
                None => {
                    let what = format!("`{}` is not of the form `key = value`", show(&part));
                    errors.at(&part, what, format_args!("write {}", args.examples()));
                }
            }
        }
        args
    }

    fn add(&mut self, entry: Entry, errors: &mut Errors) {
        let Entry { key, value } = &entry;
        let name = key.to_string();
        let Some(known) = self.allowed.iter().find(|known| known.name == name) else {
            let names: Vec<_> = self.allowed.iter().map(|known| format!("`{}`", known.name)).collect();
            errors.at(
                key,
                format_args!("unknown key `{name}`"),
                format_args!("allowed here: {}", names.join(", ")),
            );
            return;
        };
        let write = format!("write `{}`", known.example);
        let empty = value.as_ref().is_some_and(TokenStream::is_empty);
        if self.entries.iter().any(|other| other.key == name) {
            errors.at(key, format_args!("`{name}` is given twice"), "keep one of them");
        } else if empty {
            errors.at(key, format_args!("`{name}` has no value"), write);
        } else if value.is_none() && known.takes == Takes::Value {
            errors.at(key, format_args!("`{name}` is not of the form `key = value`"), write);
        } else if value.is_some() && known.takes == Takes::Nothing {
            errors.at(value, format_args!("`{name}` takes no value"), write);
        } else {
            self.entries.push(entry);
        }
    }

    /// Takes `key` if it was given without a value.
    pub(crate) fn take_flag(&mut self, key: &Key) -> Option<Ident> {
        let found = self.entries.iter().position(|entry| entry.key == key.name && entry.value.is_none())?;
        Some(self.entries.remove(found).key)
    }

    /// Takes the value of `key`, if it was given and is a `T`.
    pub(crate) fn take<T: Parse>(&mut self, key: &Key, errors: &mut Errors) -> Option<T> {
        self.take_with(key, T::parse, errors)
    }

    /// Takes the alternatives `A | B | ..` given for `key`.
    pub(crate) fn take_alternatives<T: Parse>(&mut self, key: &Key, errors: &mut Errors) -> Option<Vec<T>> {
        let alternatives =
            self.take_with(key, Punctuated::<T, Token![|]>::parse_separated_nonempty, errors)?;
        Some(alternatives.into_iter().collect())
    }

    /// Takes the path given for `key`.
    pub(crate) fn take_path(&mut self, key: &Key, errors: &mut Errors) -> Option<Path> {
        self.take_with(key, Path::parse_mod_style, errors)
    }

    /// Takes the path of `crate = path`, by default `::tractor`.
    pub(crate) fn take_crate(&mut self, errors: &mut Errors) -> Path {
        self.take_path(&CRATE, errors).unwrap_or_else(|| syn::parse_quote!(::tractor))
    }

    fn take_with<T>(
        &mut self,
        key: &Key,
        parser: impl FnOnce(ParseStream<'_>) -> syn::Result<T>,
        errors: &mut Errors,
    ) -> Option<T> {
        let found = self.entries.iter().position(|entry| entry.key == key.name)?;
        let value = self.entries.remove(found).value?;
        let parsed = parser.parse2(value.clone());
        if parsed.is_err() {
            errors.at(
                &value,
                format_args!("`{}` is not a value for `{}`", show(&value), key.name),
                format_args!("write `{}`", key.example),
            );
        }
        parsed.ok()
    }

    fn examples(&self) -> String {
        let examples: Vec<_> = self.allowed.iter().map(|key| format!("`{}`", key.example)).collect();
        examples.join(", ")
    }
}

/// The parts between the commas outside `<..>`; other brackets are single tokens, so only angle brackets count.
pub(crate) fn split_at_commas(tokens: TokenStream) -> Vec<TokenStream> {
    let mut parts = Vec::new();
    let mut part = TokenStream::new();
    let mut depth = 0_usize;
    let mut after_dash = false;
    for token in tokens {
        let punct = as_punct(&token);
        match punct {
            Some(',') if depth == 0 => {
                parts.push(std::mem::take(&mut part));
                continue;
            }
            Some('<') => depth += 1,
            Some('>') if !after_dash => depth = depth.saturating_sub(1),
            _ => {}
        }
        after_dash = punct == Some('-');
        part.extend([token]);
    }
    parts.push(part);
    let last = parts.len() - 1;
    // A trailing comma, or no arguments at all, leaves an empty part that is not a mistake.
    if parts[last].is_empty() {
        parts.truncate(last);
    }
    parts
}

/// Splits `key = value`, or a key alone; `None` if the tokens do not begin with a key.
fn split_entry(part: TokenStream) -> Option<Entry> {
    let mut tokens = part.into_iter();
    let Some(TokenTree::Ident(key)) = tokens.next() else { return None };
    let Some(next) = tokens.next() else { return Some(Entry { key, value: None }) };
    (as_punct(&next) == Some('=')).then(|| Entry { key, value: Some(tokens.collect()) })
}

fn as_punct(token: &TokenTree) -> Option<char> {
    if let TokenTree::Punct(punct) = token { Some(Punct::as_char(punct)) } else { None }
}

/// The span of the attribute itself, for errors about missing arguments.
pub(crate) fn attribute() -> Span {
    Span::call_site()
}
