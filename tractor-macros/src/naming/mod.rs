//! Lets rustc name the endpoint when a value or a step in a body is wrong.
//!
//! A `Context<T>` or a `MsgStream<T>` is the same type in every endpoint, and may be handed to helpers of any, so its type does
//! not tell whose contract was broken. The body does: in it `stream.send(value)` becomes
//! `stream.send_in(Of::<scale>::ENDPOINT, value)`, and `ctx.open_stream()` becomes `ctx.open_stream_in::<scale>()`: twins of
//! the methods with the endpoint in their bounds, and hence in rustc's texts. In the body of a context on its parent side it
//! is `stream.send_in(of, value)`, where `of` comes from the context, whose type has the endpoint.
//!
//! A call that is left as it is works as well, so whatever is in doubt is:
//!
//! 1. A handle is the leading argument, and what `let` binds to what a method of one gives back: `let mut stream =
//!    ctx.open_stream().await?;`.
//! 2. A name that is mentioned in any other way, except as the receiver of a method, or that an argument has, may be bound to
//!    something else, and is none.
//! 3. What macros are given is left alone. So is a body that came out of one: with what a fragment such as `$x:expr` stands
//!    for, its tokens say less than rustc knows.
//! 4. A body that is not complete is left alone, for rustc and editors to see what was typed.
//! 5. So is the body of an endpoint that mentions its name, or imports who knows what: it may mean something else there.

mod handles;

use proc_macro2::{Delimiter, Group, Ident, Span, TokenStream, TokenTree};
use quote::{ToTokens, quote, quote_spanned};
use syn::ext::IdentExt;
use syn::{Block, Path, Signature};

pub(crate) use self::handles::Handle;
use self::handles::{Handles, is_macro_input, is_variable};
use crate::args::split_at_commas;
use crate::scope::Scope;
use crate::tokens::{is_ident, is_punct};

/// An endpoint's own side of its dialog.
pub(crate) struct OwnSide<'a> {
    /// The leading argument.
    pub(crate) lead: &'a Ident,
    pub(crate) handle: Handle,
    pub(crate) endpoint: &'a Ident,
    pub(crate) krate: &'a Path,
}

/// The body of a function with the endpoints in the calls on their handles: of the one that it is the body of, and of those that
/// it opens.
pub(crate) fn name_calls(body: TokenStream, sig: &Signature, own: Option<OwnSide<'_>>) -> TokenStream {
    if !is_as_typed(body.clone()) || syn::parse2::<Block>(body.clone()).is_err() {
        return body;
    }
    let body = opened(&body).unwrap_or(body);
    match own {
        Some(own) if !may_mean_else(body.clone(), own.endpoint) => own_side(&body, sig, own).unwrap_or(body),
        Some(_) | None => body,
    }
}

fn own_side(body: &TokenStream, sig: &Signature, own: OwnSide<'_>) -> Option<TokenStream> {
    let OwnSide { lead, handle, endpoint, krate } = own;
    let others = sig.inputs.iter().skip(1).map(ToTokens::to_token_stream).collect();
    let handles = Handles::find(body, others, lead, handle);
    let of = quote!(#krate::__private::Of::<#endpoint>::ENDPOINT);
    Naming { handles, endpoint: Some(endpoint), of }.rewrite(body)
}

/// Whether no token is out of a macro's fragment.
fn is_as_typed(tokens: TokenStream) -> bool {
    tokens.into_iter().all(|token| match token {
        TokenTree::Group(group) => group.delimiter() != Delimiter::None && is_as_typed(group.stream()),
        TokenTree::Ident(_) | TokenTree::Punct(_) | TokenTree::Literal(_) => true,
    })
}

/// Whether these tokens may give another meaning to a name: they mention it, or import with a `*`.
fn may_mean_else(tokens: TokenStream, name: &Ident) -> bool {
    let tokens: Vec<_> = tokens.into_iter().collect();
    tokens.iter().enumerate().any(|(position, token)| match token {
        TokenTree::Group(group) => may_mean_else(group.stream(), name),
        TokenTree::Ident(ident) => ident.unraw() == name.unraw(),
        TokenTree::Punct(_) => {
            let before = &tokens[..position];
            is_punct(token, '*') && before.last().is_some_and(|before| is_punct(before, ':'))
        }
        TokenTree::Literal(_) => false,
    })
}

fn opened(tokens: &TokenStream) -> Option<TokenStream> {
    rewrite(tokens, |passed, token, _| {
        let TokenTree::Group(group) = token else { return None };
        let inner = opened(&group.stream()).map(|tokens| replace(group, tokens));
        let arguments = inner.as_ref().unwrap_or(group);
        let opens = passed.last().is_some_and(|last| is_ident(last, "open_context"));
        let scope = opens.then(|| Scope::find(arguments)).flatten();
        let named = scope.and_then(|scope| parent_side(&scope, arguments));
        named.or(inner).map(|group| TokenTree::Group(group).into())
    })
}

/// The arguments of `open_context` with the endpoint in the body among them, if that has a use for it.
fn parent_side(scope: &Scope, arguments: &Group) -> Option<Group> {
    let Scope { ctx, first, body, position } = scope;
    let statements = body.stream();
    let handles = Handles::find(&statements, first.clone(), ctx, Handle::Parent);
    // Not in scope for the user's names.
    let of = Ident::new("of", Span::mixed_site());
    let named = Naming { handles, endpoint: None, of: of.to_token_stream() }.rewrite(&statements)?;
    let body = TokenTree::Group(replace(body, quote!(let #of = #ctx.endpoint(); #named)));
    let mut tokens: Vec<_> = arguments.stream().into_iter().collect();
    *tokens.get_mut(*position)? = body;
    Some(replace(arguments, tokens.into_iter().collect()))
}

/// How the calls on some handles are written.
struct Naming<'a> {
    handles: Handles,
    /// The endpoint, in its own body.
    endpoint: Option<&'a Ident>,
    /// An `Of<E>`.
    of: TokenStream,
}

impl Naming<'_> {
    /// The tokens with the endpoint in the calls; `None` if there are none.
    fn rewrite(&self, tokens: &TokenStream) -> Option<TokenStream> {
        rewrite(tokens, |passed, token, rest| match (passed, token, rest) {
            (_, TokenTree::Group(group), _) => {
                let inner = self.rewrite(&group.stream()).map(|tokens| replace(group, tokens));
                let sent = self.sent(passed, inner.as_ref().unwrap_or(group));
                sent.or(inner).map(|group| TokenTree::Group(group).into())
            }
            (_, TokenTree::Ident(method), [TokenTree::Group(arguments), ..]) => {
                self.twin(passed, method, arguments)
            }
            _ => None,
        })
    }

    /// The name of a method's twin, if it is one that has such.
    fn twin(&self, passed: &[TokenTree], method: &Ident, arguments: &Group) -> Option<TokenStream> {
        let count = split_at_commas(arguments.stream()).len();
        let generics = match (self.receiver(passed)?, method.to_string().as_str(), count) {
            (Handle::Context, "started", 1) | (Handle::Context, "started_with", 2) => quote!(, _),
            (Handle::Context, "open_stream", 0) | (Handle::Context, "open_stream_with", 1) => quote!(),
            (handle, "send", 1) if handle.sends() => return Some(twin(method).into_token_stream()),
            _ => return None,
        };
        // By name, as rustc reports a step out of turn before it looks at arguments.
        let (span, mut endpoint) = (method.span(), self.endpoint?.clone());
        endpoint.set_span(span.resolved_at(endpoint.span()));
        let method = twin(method);
        Some(quote_spanned!(span=> #method::<#endpoint #generics>))
    }

    /// The arguments of a `send` for its twin, if they are such.
    fn sent(&self, passed: &[TokenTree], arguments: &Group) -> Option<Group> {
        let [before @ .., TokenTree::Ident(method)] = passed else { return None };
        let value = arguments.stream();
        if !self.receiver(before)?.sends() || method != "send" || split_at_commas(value.clone()).len() != 1 {
            return None;
        }
        let of = self.of.clone().into_iter().map(|mut token| {
            token.set_span(token.span().located_at(method.span()));
            token
        });
        let of: TokenStream = of.collect();
        Some(replace(arguments, quote!(#of, #value)))
    }

    /// What the tokens before a method's name say that it is called on.
    fn receiver(&self, passed: &[TokenTree]) -> Option<Handle> {
        match passed {
            [before @ .., TokenTree::Ident(name), dot] if is_punct(dot, '.') && is_variable(before) => {
                self.handles.get(name)
            }
            _ => None,
        }
    }
}

fn twin(method: &Ident) -> Ident {
    Ident::new(&format!("{method}_in"), method.span())
}

/// The tokens in which `instead` says what stands in for a token, given those before and after it; `None` if it never does. What
/// macros are given is left out.
fn rewrite(
    tokens: &TokenStream,
    instead: impl Fn(&[TokenTree], &TokenTree, &[TokenTree]) -> Option<TokenStream>,
) -> Option<TokenStream> {
    let tokens: Vec<_> = tokens.clone().into_iter().collect();
    let mut written = TokenStream::new();
    let mut changed = false;
    for (position, token) in tokens.iter().enumerate() {
        let (passed, rest) = (&tokens[..position], &tokens[position + 1..]);
        let instead = if is_macro_input(passed) { None } else { instead(passed, token, rest) };
        changed |= instead.is_some();
        written.extend(instead.unwrap_or_else(|| token.to_token_stream()));
    }
    changed.then_some(written)
}

/// The group with other tokens inside.
fn replace(group: &Group, tokens: TokenStream) -> Group {
    let mut written = Group::new(group.delimiter(), tokens);
    written.set_span(group.span());
    written
}
