//! Which names in a body stand for a context, or for something with a `send` that was made from it.

use proc_macro2::{Ident, TokenStream, TokenTree};
use syn::ext::IdentExt;

use crate::args::split_at_commas;
use crate::tokens::{is_ident, is_punct};

/// What a name in a body stands for.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Handle {
    /// A `Context`.
    Context,
    /// A `ParentContext`.
    Parent,
    /// What has a `send`: a stream, one of its halves, a subscriber, a `StreamSender`.
    Sender,
}

impl Handle {
    /// What this method gives back, after an `.await?` as the case may be.
    fn makes(self, method: &Ident) -> Option<Self> {
        match (self, method.to_string().as_str()) {
            (Self::Context, "started" | "started_with") => Some(Self::Context),
            (Self::Context | Self::Parent, "open_stream" | "open_stream_with") => Some(Self::Sender),
            (Self::Sender, "split" | "strict" | "subscribe") => Some(Self::Sender),
            _ => None,
        }
    }
}

/// The names that stand for handles throughout a body.
#[derive(PartialEq)]
pub(super) struct Handles(Vec<(Ident, Handle)>);

impl Handles {
    /// Those in a body, of which the first is called `lead`.
    pub(super) fn find(body: &TokenStream, lead: &Ident, handle: Handle) -> Self {
        let mut lost = Vec::new();
        let mut known = Self(Vec::new());
        loop {
            let mut found = Self(Vec::new());
            found.bind(lead, handle, &mut lost);
            known.scan(body.clone(), &mut found, &mut lost);
            found.0.retain(|(name, _)| !lost.contains(name));
            if found == known {
                return known;
            }
            known = found;
        }
    }

    /// What this name stands for, if it is a handle.
    pub(super) fn get(&self, name: &Ident) -> Option<Handle> {
        self.0.iter().find(|(known, _)| known.unraw() == name.unraw()).map(|(_, handle)| *handle)
    }

    /// Adds a name, unless it stands for something else elsewhere.
    fn bind(&mut self, name: &Ident, handle: Handle, lost: &mut Vec<Ident>) {
        match self.get(name) {
            None => self.0.push((name.unraw(), handle)),
            Some(same) if same == handle => {}
            Some(_) => lost.push(name.unraw()),
        }
    }

    /// Collects what `let` binds to handles made by those known, and which of the known names may be bound to something else.
    fn scan(&self, tokens: TokenStream, found: &mut Self, lost: &mut Vec<Ident>) {
        let tokens: Vec<_> = tokens.into_iter().collect();
        let mut position = 0;
        while let Some(token) = tokens.get(position) {
            let (passed, rest) = (&tokens[..position], &tokens[position + 1..]);
            position += 1;
            match token {
                TokenTree::Group(group) => self.scan(group.stream(), found, lost),
                TokenTree::Ident(word) if word == "let" => {
                    let Some((names, handle, length)) = self.binding(rest) else { continue };
                    for name in &names {
                        found.bind(name, handle, lost);
                    }
                    position += length;
                }
                TokenTree::Ident(name) if self.get(name).is_some() && !is_used(passed, rest) => {
                    lost.push(name.unraw());
                }
                TokenTree::Ident(_) | TokenTree::Punct(_) | TokenTree::Literal(_) => {}
            }
        }
    }

    /// What a `let` that goes on with these tokens binds, if it is made by a handle, and how many tokens come before that one.
    fn binding(&self, tokens: &[TokenTree]) -> Option<(Vec<Ident>, Handle, usize)> {
        let length = tokens.iter().position(|token| is_punct(token, '='))? + 1;
        let (pattern, made) = tokens.split_at(length);
        let [TokenTree::Ident(maker), dot, TokenTree::Ident(method), TokenTree::Group(_), then @ ..] = made
        else {
            return None;
        };
        let handle = self.get(maker)?.makes(method).filter(|_| is_punct(dot, '.') && gives_back(then))?;
        let names = match pattern {
            // `split` gives a sender and a receiver.
            [TokenTree::Group(pair), _] if method == "split" => {
                let halves = split_at_commas(pair.stream());
                let [sender, _receiver] = &halves[..] else { return None };
                vec![name(&sender.clone().into_iter().collect::<Vec<_>>())?]
            }
            _ if method == "split" => return None,
            pattern => vec![name(&pattern[..pattern.len() - 1])?],
        };
        Some((names, handle, length))
    }
}

/// The name in `name`, `mut name` or `name: Type`.
fn name(pattern: &[TokenTree]) -> Option<Ident> {
    match pattern {
        [TokenTree::Ident(word), rest @ ..] if word == "mut" => name(rest),
        [TokenTree::Ident(name)] => Some(name.clone()),
        [TokenTree::Ident(name), colon, ty @ ..]
            if is_punct(colon, ':') && !ty.iter().any(|token| is_punct(token, ';')) =>
        {
            Some(name.clone())
        }
        _ => None,
    }
}

/// Whether these tokens end a statement with nothing before that turns a handle, or the future or `Result` of one, into
/// something else.
fn gives_back(tokens: &[TokenTree]) -> bool {
    match tokens {
        [end, ..] if is_punct(end, ';') => true,
        [question, rest @ ..] if is_punct(question, '?') => gives_back(rest),
        [dot, awaited, rest @ ..] if is_punct(dot, '.') && is_ident(awaited, "await") => gives_back(rest),
        [dot, TokenTree::Ident(method), TokenTree::Group(_), rest @ ..] if is_punct(dot, '.') => {
            KEEPING.iter().any(|keeping| method == keeping) && gives_back(rest)
        }
        _ => false,
    }
}

/// Methods of a `Result` that keep its value, and `strict`.
const KEEPING: &[&str] = &["unwrap", "expect", "map_err", "context", "with_context", "strict"];

/// Whether a name between these tokens is a field or a method, or is used without being bound: by calling a method.
fn is_used(passed: &[TokenTree], rest: &[TokenTree]) -> bool {
    let is_receiver = matches!(rest, [dot, TokenTree::Ident(_), ..] if is_punct(dot, '.'));
    is_receiver || is_member(passed)
}

/// Whether what comes after these tokens is a field or a method: after `.`, but not after `..`.
pub(super) fn is_member(passed: &[TokenTree]) -> bool {
    match passed {
        [.., before, dot] => is_punct(dot, '.') && !is_punct(before, '.'),
        _ => false,
    }
}
