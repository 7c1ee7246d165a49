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
    /// A `MsgStream`.
    Stream,
    /// A `StreamSender`.
    Sender,
    /// The sending half of a stream, or one of its subscribers.
    Part,
}

impl Handle {
    pub(super) fn sends(self) -> bool {
        matches!(self, Self::Stream | Self::Sender | Self::Part)
    }

    /// What `let` binds to what this method gives back, if the statement goes on like that.
    fn makes(self, method: &Ident, then: &[TokenTree]) -> Option<Self> {
        match (self, method.to_string().as_str()) {
            (Self::Context, "started" | "started_with") => awaited(then).then_some(Self::Context),
            (Self::Context, "open_stream" | "open_stream_with") => awaited(then).then_some(Self::Stream),
            (Self::Stream, "split" | "subscribe") => ends(then).then_some(Self::Part),
            (Self::Stream | Self::Sender, "strict") => ends(then).then_some(self),
            _ => None,
        }
    }
}

/// Whether these tokens await a future and take the value out of the `Result`.
fn awaited(tokens: &[TokenTree]) -> bool {
    let [dot, word, tokens @ ..] = tokens else { return false };
    is_punct(dot, '.') && is_ident(word, "await") && taken_out(tokens)
}

fn taken_out(tokens: &[TokenTree]) -> bool {
    match tokens {
        [question, rest @ ..] if is_punct(question, '?') => ends(rest),
        [dot, TokenTree::Ident(method), TokenTree::Group(_), rest @ ..] if is_punct(dot, '.') => {
            match method.to_string().as_str() {
                "unwrap" | "expect" => ends(rest),
                "map_err" => taken_out(rest),
                _ => false,
            }
        }
        _ => false,
    }
}

/// Whether a statement ends here, perhaps after `.strict()`.
fn ends(tokens: &[TokenTree]) -> bool {
    match tokens {
        [end, ..] if is_punct(end, ';') => true,
        [dot, method, TokenTree::Group(_), rest @ ..] => {
            is_punct(dot, '.') && is_ident(method, "strict") && ends(rest)
        }
        _ => false,
    }
}

/// How many handles may be made of one another: each takes one more look at the body.
const ROUNDS_MAX: usize = 12;

/// The names that stand for handles throughout a body.
#[derive(PartialEq)]
pub(super) struct Handles(Vec<(Ident, Handle)>);

impl Handles {
    /// Those in a body, of which the first is called `lead`. Names that stand in `others`, the further arguments, are none.
    pub(super) fn find(body: &TokenStream, others: TokenStream, lead: &Ident, handle: Handle) -> Self {
        let mut lost = idents(others);
        let mut known = Self(Vec::new());
        for _ in 0..ROUNDS_MAX {
            let mut found = Self(Vec::new());
            found.bind(lead, handle, &mut lost);
            known.scan(body.clone(), Inside::Code, &mut found, &mut lost);
            found.0.retain(|(name, _)| !lost.contains(name));
            if found == known {
                return known;
            }
            known = found;
        }
        Self(Vec::new())
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
    fn scan(&self, tokens: TokenStream, inside: Inside, found: &mut Self, lost: &mut Vec<Ident>) {
        let tokens: Vec<_> = tokens.into_iter().collect();
        let mut position = 0;
        while let Some(token) = tokens.get(position) {
            let (passed, rest) = (&tokens[..position], &tokens[position + 1..]);
            position += 1;
            match token {
                TokenTree::Group(group) => {
                    let inside = if is_macro_input(passed) { Inside::Macro } else { inside };
                    self.scan(group.stream(), inside, found, lost);
                }
                TokenTree::Ident(word) if word == "let" && inside == Inside::Code => {
                    let Some((name, handle, length)) = self.binding(rest) else { continue };
                    found.bind(&name, handle, lost);
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
    fn binding(&self, tokens: &[TokenTree]) -> Option<(Ident, Handle, usize)> {
        let length = tokens.iter().position(|token| is_punct(token, '='))? + 1;
        let (pattern, made) = tokens.split_at(length);
        let [TokenTree::Ident(maker), dot, TokenTree::Ident(method), TokenTree::Group(_), then @ ..] = made
        else {
            return None;
        };
        let handle = self.get(maker)?.makes(method, then).filter(|_| is_punct(dot, '.'))?;
        let name = match pattern {
            // `split` gives a sender and a receiver.
            [TokenTree::Group(pair), _] if method == "split" => {
                let halves = split_at_commas(pair.stream());
                let [sender, _receiver] = &halves[..] else { return None };
                name(&sender.clone().into_iter().collect::<Vec<_>>())?
            }
            _ if method == "split" => return None,
            pattern => name(&pattern[..pattern.len() - 1])?,
        };
        Some((name, handle, length))
    }
}

/// Where tokens stand.
#[derive(Clone, Copy, PartialEq)]
enum Inside {
    Code,
    /// What looks like a `let` may be anything.
    Macro,
}

fn idents(tokens: TokenStream) -> Vec<Ident> {
    let idents = tokens.into_iter().flat_map(|token| match token {
        TokenTree::Group(group) => idents(group.stream()),
        TokenTree::Ident(ident) => vec![ident.unraw()],
        TokenTree::Punct(_) | TokenTree::Literal(_) => Vec::new(),
    });
    idents.collect()
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

/// Whether a name between these tokens is a field or a method, or is used without being bound: by calling a method.
fn is_used(passed: &[TokenTree], rest: &[TokenTree]) -> bool {
    let is_receiver = matches!(rest, [dot, TokenTree::Ident(_), ..] if is_punct(dot, '.'));
    is_member(passed) || is_receiver && is_variable(passed)
}

/// Whether what comes after these tokens is a field or a method: after `.`, but not after `..`.
fn is_member(passed: &[TokenTree]) -> bool {
    match passed {
        [.., before, dot] => is_punct(dot, '.') && !is_punct(before, '.'),
        _ => false,
    }
}

/// Whether a name after these tokens stands for itself, and is not the end of a path or of a chain.
pub(super) fn is_variable(passed: &[TokenTree]) -> bool {
    !is_member(passed) && !passed.last().is_some_and(|before| is_punct(before, ':'))
}

/// Whether a group after these tokens is what a macro or an attribute is given.
pub(super) fn is_macro_input(passed: &[TokenTree]) -> bool {
    match passed {
        [.., hash] if is_punct(hash, '#') => true,
        [.., TokenTree::Ident(_), bang] | [.., TokenTree::Ident(_), bang, TokenTree::Ident(_)] => {
            is_punct(bang, '!')
        }
        _ => false,
    }
}
