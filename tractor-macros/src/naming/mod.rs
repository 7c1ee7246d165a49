//! Lets rustc name the endpoint when a value or a step in a body is wrong.
//!
//! A `Context<T>` or a `MsgStream<T>` is the same type in every endpoint, and may be handed to helpers of any, so its type does
//! not tell whose contract was broken. The body does: in it `stream.send(value)` becomes
//! `stream.send(__tractor_scale::tell(value))`, and `ctx.open_stream()` becomes
//! `ctx.__tractor_open_stream::<__tractor_scale>()`, which have the endpoint in their bounds, and hence in rustc's texts. The type
//! `__tractor_scale` knows it; it stands beside the function, so that whatever the body calls by the endpoint's name does not
//! matter.
//!
//! A call that is left as it is works as well, so whatever is in doubt is:
//!
//! 1. A handle is the leading argument, and what `let` binds to what a method of one gives back: `let mut stream =
//!    ctx.open_stream().await?;`.
//! 2. A name that is mentioned in any other way, except as the receiver of a method, or that an argument has, may be bound to
//!    something else, and is none.
//! 3. What macros are given is left alone. So is a body that came out of one: with what a fragment such as `$x:expr` stands
//!    for, its tokens say less than rustc knows.
//! 4. A body that is not complete is left alone, for rustc and editors to see what was typed; and one that is nested too deep to
//!    tell.

mod handles;

use proc_macro2::{Delimiter, Group, Ident, TokenStream, TokenTree};
use quote::{ToTokens, quote_spanned};
use syn::{Block, Signature};

pub(crate) use self::handles::Handle;
use self::handles::{Handles, is_macro_input, is_variable};
use crate::args::split_at_commas;
use crate::sig::edges;
use crate::tokens::{is_punct, moved_to};

/// How deep the groups of a body may be nested. Parsing takes stack for each.
const DEPTH_MAX: usize = 100;

/// The body of an endpoint, whose leading argument is called `lead`, with the endpoint in the calls on its handles. `own` is the
/// type that knows it; `tells` is whether that includes the values of streams. `None` if there are no such calls.
pub(crate) fn name_calls(
    body: &TokenStream,
    sig: &Signature,
    (lead, handle): (&Ident, Handle),
    own: &Ident,
    tells: bool,
) -> Option<TokenStream> {
    if !is_as_typed(body.clone(), DEPTH_MAX) || syn::parse2::<Block>(body.clone()).is_err() {
        return None;
    }
    let others = sig.inputs.iter().skip(1).map(ToTokens::to_token_stream).collect();
    let handles = Handles::find(body, others, lead, handle);
    Naming { handles, own, tells }.rewrite(body)
}

/// Whether no token is out of a macro's fragment, and none nested deeper.
fn is_as_typed(tokens: TokenStream, depth: usize) -> bool {
    depth > 0
        && tokens.into_iter().all(|token| match token {
            TokenTree::Group(group) => {
                group.delimiter() != Delimiter::None && is_as_typed(group.stream(), depth - 1)
            }
            TokenTree::Ident(_) | TokenTree::Punct(_) | TokenTree::Literal(_) => true,
        })
}

/// How the calls on some handles are written.
struct Naming<'a> {
    handles: Handles,
    /// The type that knows the endpoint.
    own: &'a Ident,
    /// Whether values are sent that tell it.
    tells: bool,
}

impl Naming<'_> {
    /// The tokens with the endpoint in the calls; `None` if there are none.
    fn rewrite(&self, tokens: &TokenStream) -> Option<TokenStream> {
        rewrite(tokens, |passed, token, rest| match (token, rest) {
            (TokenTree::Group(group), _) => {
                let inner = self.rewrite(&group.stream()).map(|tokens| replace(group, tokens));
                let told = self.told(passed, inner.as_ref().unwrap_or(group));
                told.or(inner).map(|group| TokenTree::Group(group).into())
            }
            (TokenTree::Ident(method), [TokenTree::Group(arguments), ..]) => {
                self.step(passed, method, arguments)
            }
            _ => None,
        })
    }

    /// The arguments of a `send`, if they are such, with a value that tells the endpoint.
    fn told(&self, passed: &[TokenTree], arguments: &Group) -> Option<Group> {
        let [before @ .., TokenTree::Ident(method)] = passed else { return None };
        let value = arguments.stream();
        if !self.tells
            || !self.receiver(before)?.sends()
            || method != "send"
            || split_at_commas(value.clone()).len() != 1
        {
            return None;
        }
        // Where the value stands, for what rustc has to say about it.
        let (first, last) = edges(&value);
        let own = moved_to(first, self.own.to_token_stream());
        let mut value = Group::new(Delimiter::Parenthesis, value);
        value.set_span(last);
        Some(replace(arguments, quote_spanned!(first=> #own::tell #value)))
    }

    /// The twin of a method whose turn may not have come, with its generics, if it is such.
    fn step(&self, passed: &[TokenTree], method: &Ident, arguments: &Group) -> Option<TokenStream> {
        if self.receiver(passed)? != Handle::Context {
            return None;
        }
        let count = split_at_commas(arguments.stream()).len();
        let sends_value = match (method.to_string().as_str(), count) {
            ("started", 1) | ("started_with", 2) => true,
            ("open_stream", 0) | ("open_stream_with", 1) => false,
            _ => return None,
        };
        let span = method.span();
        let (own, method) =
            (moved_to(span, self.own.to_token_stream()), Ident::new(&format!("__tractor_{method}"), span));
        let value = sends_value.then(|| quote_spanned!(span=> , _));
        Some(quote_spanned!(span=> #method::<#own #value>))
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
