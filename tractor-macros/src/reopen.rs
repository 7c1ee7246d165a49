//! Reports a context whose stream is opened a second time, as far as the tokens of one function show it.
//!
//! The types cannot forbid it: a context goes on beside its stream, to wait for the result. So this looks for two
//! `ctx.open_stream().await` of which the second can only run after the first: both stand in one sequence of statements, or
//! the second in a block further in. `ctx` is the argument of a `#[context]`, or the first one of an
//! `async |ctx, first| { .. }` that is handed to `open_context`.
//!
//! It would rather miss one than report a sound function; what is missed fails when it runs. Hence:
//!
//! 1. Whatever mentions the name other than by a method call may bind it anew, and ends the search. Only
//!    `let ctx = ctx.started(..)` is known to be the same context.
//! 2. What is in a block of its own is never the first. What is handed to a macro, and a statement with a closure, an `async`
//!    block, an attribute, an `else`, `&&` or `||`, is neither the first nor the second.
//! 3. The arms of a `match` run instead of each other.

use proc_macro2::{Group, Ident, TokenStream, TokenTree};
use syn::ext::IdentExt;

use crate::args::split_at_commas;
use crate::diag::Errors;
use crate::scope::Scope;
use crate::sig::Func;
use crate::tokens::{is_ident, is_punct};

/// Looks through a function's body. `ctx` is the name of the context it was given, if it was.
pub(crate) fn check(func: &Func, ctx: Option<&Ident>, errors: &mut Errors) {
    let Some(TokenTree::Group(body)) = &func.body else { return };
    if let Some(ctx) = ctx {
        sequence(body.stream(), ctx, Stream::Unopened, errors);
    }
    scopes(body.stream(), errors);
}

/// Looks for bodies of contexts that are opened in these tokens.
fn scopes(tokens: TokenStream, errors: &mut Errors) {
    let mut opening = false;
    for token in tokens {
        if let TokenTree::Group(group) = &token {
            if opening && let Some(Scope { ctx, body }) = Scope::find(group) {
                sequence(body.stream(), &ctx, Stream::Unopened, errors);
            }
            scopes(group.stream(), errors);
        }
        opening = is_ident(&token, "open_context") || is_ident(&token, "open_context_dyn");
    }
}

/// What is known of the stream of the context with a name.
#[derive(Clone, Copy, PartialEq)]
enum Stream {
    Unopened,
    Opened,
    /// The name may stand for something else.
    Lost,
}

/// Looks through tokens that run one after the other. What is known of the stream behind them: what a group opens may not
/// have run, but a name that it has bound anew stays lost.
fn sequence(tokens: TokenStream, ctx: &Ident, before: Stream, errors: &mut Errors) -> Stream {
    let tokens: Vec<_> = tokens.into_iter().collect();
    let (mut stream, mut unsure, mut gated) = (before, false, false);
    for (position, token) in tokens.iter().enumerate() {
        let (passed, rest) = (&tokens[..position], &tokens[position + 1..]);
        match token {
            _ if stream == Stream::Lost => break,
            TokenTree::Group(group) => {
                // A statement that is unsure is so in its blocks.
                let known = if unsure { Stream::Unopened } else { stream };
                let lost = match passed {
                    [.., TokenTree::Ident(_), bang] if is_punct(bang, '!') => mentions(group.stream(), ctx),
                    _ => sequence(group.stream(), ctx, known, errors) == Stream::Lost,
                };
                if lost {
                    stream = Stream::Lost;
                }
            }
            TokenTree::Ident(name) if name.unraw() == ctx.unraw() => match rest {
                _ if passed.last().is_some_and(|last| is_punct(last, '.')) => {}
                [dot, TokenTree::Ident(method), TokenTree::Group(arguments), then, awaited, ..]
                    if is_punct(dot, '.') && is_punct(then, '.') && is_ident(awaited, "await") =>
                {
                    if opens(method, arguments) && !unsure {
                        if stream == Stream::Opened {
                            report(ctx, method, errors);
                        }
                        stream = Stream::Opened;
                    }
                }
                [dot, ..] if is_punct(dot, '.') => {}
                [equals, TokenTree::Ident(same), dot, started, ..]
                    if is_punct(equals, '=') && same == name && is_punct(dot, '.') && starts(started) => {}
                _ => stream = Stream::Lost,
            },
            TokenTree::Ident(word) if word == "else" || word == "async" => unsure = true,
            TokenTree::Punct(punct) => match punct.as_char() {
                ';' => (unsure, gated) = (false, false),
                '#' => (unsure, gated) = (true, true),
                '|' => unsure = true,
                '&' if rest.first().is_some_and(|next| is_punct(next, '&')) => unsure = true,
                '=' if rest.first().is_some_and(|next| is_punct(next, '>')) => {
                    (stream, unsure) = (before, gated);
                }
                _ => {}
            },
            TokenTree::Ident(_) | TokenTree::Literal(_) => {}
        }
    }
    stream
}

fn report(ctx: &Ident, method: &Ident, errors: &mut Errors) {
    let what = format!("`{ctx}` opens its stream a second time: a context has one");
    let help = "go on with the first one (`split` gives a half to each of two tasks, `subscribe` a reader to each of \
                several), or open another context";
    errors.at(method, what, help);
}

/// Whether `method(arguments)` opens a stream of ours. Other libraries' contexts have such methods with other arguments.
fn opens(method: &Ident, arguments: &Group) -> bool {
    let count = split_at_commas(arguments.stream()).len();
    method == "open_stream" && count == 0 || method == "open_stream_with" && count == 1
}

/// Whether this is the method that gives the context back.
fn starts(method: &TokenTree) -> bool {
    is_ident(method, "started") || is_ident(method, "started_with")
}

fn mentions(tokens: TokenStream, name: &Ident) -> bool {
    tokens.into_iter().any(|token| match token {
        TokenTree::Group(group) => mentions(group.stream(), name),
        TokenTree::Ident(found) => found.unraw() == name.unraw(),
        TokenTree::Punct(_) | TokenTree::Literal(_) => false,
    })
}
