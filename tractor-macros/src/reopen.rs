//! Reports a context whose stream is opened a second time, as far as the tokens of one function show it.
//!
//! The types cannot forbid it: a context goes on beside its stream, to wait for the result. So this looks for two
//! `ctx.open_stream(..)` of which the second can only run after the first: both stand in one sequence of statements, or the
//! second in a block further in. `ctx` is the argument of a `#[context]`, or of a closure that is handed to `open_context`.
//!
//! It would rather miss one than report a sound function. Whatever mentions the name other than by a method call may bind
//! it anew, and is where the search begins afresh; a statement with a closure, an attribute, `&&` or `||` may not run at all.
//! What is missed fails when it runs.

use proc_macro2::{Delimiter, Ident, TokenStream, TokenTree};

use crate::diag::Errors;
use crate::sig::Func;

const OPENS: &[&str] = &["open_stream", "open_stream_with"];
const SCOPES: &[&str] = &["open_context", "open_context_dyn"];

/// Looks through a function's body. `ctx` is the name of the context it was given, if it was.
pub(crate) fn check(func: &Func, ctx: Option<&Ident>, errors: &mut Errors) {
    let Some(TokenTree::Group(body)) = &func.body else { return };
    if let Some(ctx) = ctx {
        sequence(body.stream(), ctx, false, errors);
    }
    scopes(body.stream(), &mut ctx.into_iter().cloned().collect(), errors);
}

/// Looks for bodies of contexts that are opened in these tokens. A body whose context is named like one of the `outer` ones was
/// looked through with that.
fn scopes(tokens: TokenStream, outer: &mut Vec<Ident>, errors: &mut Errors) {
    let mut opening = false;
    for token in tokens {
        if let TokenTree::Group(group) = &token {
            let inner = closure(group.stream()).filter(|(ctx, _)| opening && !outer.contains(ctx));
            let depth = outer.len();
            if let Some((ctx, body)) = inner {
                sequence(body, &ctx, false, errors);
                outer.push(ctx);
            }
            scopes(group.stream(), outer, errors);
            outer.truncate(depth);
        }
        opening = is_one_of(&token, SCOPES);
    }
}

/// The first parameter and the body of a closure among these arguments.
fn closure(arguments: TokenStream) -> Option<(Ident, TokenStream)> {
    let mut tokens = arguments.into_iter().skip_while(|token| !is_punct(token, '|')).skip(1);
    let TokenTree::Ident(ctx) = tokens.next()? else { return None };
    tokens.find_map(|token| match token {
        TokenTree::Group(group) if group.delimiter() == Delimiter::Brace => {
            Some((ctx.clone(), group.stream()))
        }
        _ => None,
    })
}

/// Looks through tokens that run one after the other, after the stream was `opened` or not. Whether the name may mean
/// something else behind them.
fn sequence(tokens: TokenStream, ctx: &Ident, mut opened: bool, errors: &mut Errors) -> bool {
    let (mut before, mut unsure, mut bound) = (opened, false, false);
    let mut tokens = tokens.into_iter().peekable();
    let mut after_dot = false;
    while let Some(token) = tokens.next() {
        let next = tokens.peek();
        let is_field = std::mem::replace(&mut after_dot, is_punct(&token, '.'));
        match &token {
            TokenTree::Group(group) if sequence(group.stream(), ctx, opened, errors) => {
                (opened, before, bound) = (false, false, true);
            }
            TokenTree::Ident(name) if name == ctx && !is_field => {
                if !next.is_some_and(|next| is_punct(next, '.')) {
                    (opened, before, bound) = (false, false, true);
                    continue;
                }
                tokens.next();
                after_dot = true;
                let Some(method) = tokens.peek().filter(|method| is_one_of(method, OPENS)) else { continue };
                if opened {
                    let what = format!("`{ctx}` opens its stream a second time: a context has one");
                    let help = "go on with the first one (`split` gives a half to each of two tasks, `subscribe` a \
                                reader to each of several), or open another context";
                    errors.at(method, what, help);
                }
                opened |= !unsure;
            }
            // The next arm of a `match` runs instead of the last one.
            TokenTree::Punct(punct)
                if punct.as_char() == '=' && next.is_some_and(|next| is_punct(next, '>')) =>
            {
                (opened, unsure) = (before, false);
            }
            TokenTree::Punct(punct) => match punct.as_char() {
                ';' => unsure = false,
                '|' | '#' => unsure = true,
                '&' if next.is_some_and(|next| is_punct(next, '&')) => unsure = true,
                _ => {}
            },
            TokenTree::Group(_) | TokenTree::Ident(_) | TokenTree::Literal(_) => {}
        }
    }
    bound
}

fn is_punct(token: &TokenTree, punct: char) -> bool {
    matches!(token, TokenTree::Punct(found) if found.as_char() == punct)
}

fn is_one_of(token: &TokenTree, names: &[&str]) -> bool {
    matches!(token, TokenTree::Ident(ident) if names.iter().any(|name| ident == name))
}
