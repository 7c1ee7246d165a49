//! Lets rustc name the endpoint when a value or a step in its body is wrong.
//!
//! A `Context<T>` is the same type in every endpoint, and may be handed to helpers of any, so its type does not tell whose
//! contract was broken. The body does: in it, `ctx.started(value)` becomes `ctx.started_in::<scale, _>(value)`, which is the
//! same method with the endpoint in its bounds, and hence in rustc's texts. Only what must be a handle of this endpoint is
//! touched:
//!
//! 1. the leading argument, and what `let` binds to what one of its methods gives back: `let mut stream =
//!    ctx.open_stream().await?;`;
//! 2. under a name that is mentioned in no other way than that, or as the receiver of a method: anything else may bind it
//!    anew, and leaves all calls with this name as they are;
//! 3. outside of macros, which may look at their tokens.
//!
//! A call that is left as it is works as well; its errors name the types only.

use proc_macro2::{Group, Ident, TokenStream, TokenTree};
use quote::quote_spanned;
use syn::ext::IdentExt;

use crate::args::split_at_commas;
use crate::tokens::{is_ident, is_punct};

/// What a name in a body stands for.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Handle {
    /// A `Context`.
    Context,
    /// What has a `send`: a stream, one of its halves, a subscriber, a `StreamSender`.
    Sender,
}

impl Handle {
    /// The methods whose errors may be about the contract.
    fn methods(self) -> &'static [Method] {
        const fn method(name: &'static str, arguments: usize, has_value: bool) -> Method {
            Method { name, arguments, has_value }
        }
        match self {
            Self::Context => {
                &const {
                    [
                        method("started", 1, true),
                        method("started_with", 2, true),
                        method("open_stream", 0, false),
                        method("open_stream_with", 1, false),
                    ]
                }
            }
            Self::Sender => &const { [method("send", 1, true)] },
        }
    }

    /// What this method gives back, after an `.await?` as the case may be.
    fn makes(self, method: &Ident) -> Option<Self> {
        match (self, method.to_string().as_str()) {
            (Self::Context, "started" | "started_with") => Some(Self::Context),
            (Self::Context, "open_stream" | "open_stream_with") => Some(Self::Sender),
            (Self::Sender, "split" | "strict" | "subscribe") => Some(Self::Sender),
            _ => None,
        }
    }
}

/// A method of a handle, which has a twin `<name>_in` whose first type parameter is the endpoint.
struct Method {
    name: &'static str,
    arguments: usize,
    /// Whether it is generic over the value that is sent.
    has_value: bool,
}

/// The body of `endpoint` with its name in the calls on its handles, of which the first is called `lead`.
pub(crate) fn name_calls(body: &TokenTree, lead: (&Ident, Handle), endpoint: &Ident) -> TokenTree {
    let TokenTree::Group(group) = body else { return body.clone() };
    let handles = Handles::find(group.stream(), lead);
    handles.rewrite(group, endpoint).map_or_else(|| body.clone(), TokenTree::Group)
}

/// The names that stand for handles throughout a body.
#[derive(PartialEq)]
struct Handles(Vec<(Ident, Handle)>);

impl Handles {
    fn find(body: TokenStream, (lead, handle): (&Ident, Handle)) -> Self {
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

    fn get(&self, name: &Ident) -> Option<Handle> {
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

impl Handles {
    /// The group with the endpoint's name in the calls on these handles; `None` if there are none.
    fn rewrite(&self, group: &Group, endpoint: &Ident) -> Option<Group> {
        let tokens: Vec<_> = group.stream().into_iter().collect();
        let mut written = TokenStream::new();
        let mut changed = false;
        for (position, token) in tokens.iter().enumerate() {
            let (passed, rest) = (&tokens[..position], &tokens[position + 1..]);
            let instead = match token {
                TokenTree::Group(inner) if !is_macro_input(passed) => {
                    self.rewrite(inner, endpoint).map(|inner| TokenTree::Group(inner).into())
                }
                TokenTree::Ident(method) => self.named(passed, method, rest, endpoint),
                _ => None,
            };
            changed |= instead.is_some();
            written.extend(instead.unwrap_or_else(|| token.clone().into()));
        }
        changed.then(|| {
            let mut written = Group::new(group.delimiter(), written);
            written.set_span(group.span());
            written
        })
    }

    /// `started_in::<endpoint, _>` for the method of a handle, if it is one.
    fn named(
        &self,
        passed: &[TokenTree],
        method: &Ident,
        rest: &[TokenTree],
        endpoint: &Ident,
    ) -> Option<TokenStream> {
        let ([before @ .., TokenTree::Ident(name), dot], [TokenTree::Group(arguments), ..]) = (passed, rest)
        else {
            return None;
        };
        let handle = self.get(name).filter(|_| is_punct(dot, '.') && !is_member(before))?;
        let count = split_at_commas(arguments.stream()).len();
        let is_called = |known: &&Method| method == known.name && count == known.arguments;
        let Method { has_value, .. } = handle.methods().iter().find(is_called)?;
        let span = method.span();
        let (mut endpoint, method) = (endpoint.clone(), Ident::new(&format!("{method}_in"), span));
        endpoint.set_span(span.resolved_at(endpoint.span()));
        let value = has_value.then(|| quote_spanned!(span=> , _));
        Some(quote_spanned!(span=> #method::<#endpoint #value>))
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
fn is_member(passed: &[TokenTree]) -> bool {
    match passed {
        [.., before, dot] => is_punct(dot, '.') && !is_punct(before, '.'),
        _ => false,
    }
}

/// Whether a group after these tokens is what a macro or an attribute is given.
fn is_macro_input(passed: &[TokenTree]) -> bool {
    match passed {
        [.., hash] if is_punct(hash, '#') => true,
        [.., TokenTree::Ident(_), bang] | [.., TokenTree::Ident(_), bang, TokenTree::Ident(_)] => {
            is_punct(bang, '!')
        }
        _ => false,
    }
}
