//! The body of a context that a function opens, as far as its tokens show it: `open_context(scale(3), async |ctx, first| { .. })`.

use proc_macro2::{Delimiter, Group, Ident, TokenTree};

use crate::args::split_at_commas;
use crate::tokens::{is_ident, is_punct};

/// The body of a context on its parent side.
pub(crate) struct Scope {
    /// What the body calls the context.
    pub(crate) ctx: Ident,
    pub(crate) body: Group,
}

impl Scope {
    /// Looks for an `async |ctx, first| { .. }`, or one with `move` or a return type, among these arguments.
    pub(crate) fn find(arguments: &Group) -> Option<Self> {
        let tokens: Vec<_> = arguments.stream().into_iter().collect();
        let pipe = |token: &TokenTree| is_punct(token, '|');
        let mut start = tokens.iter().position(|token| is_ident(token, "async"))? + 1;
        if tokens.get(start).is_some_and(|token| is_ident(token, "move")) {
            start += 1;
        }
        tokens.get(start).filter(|token| pipe(token))?;
        start += 1;
        let end = start + tokens[start..].iter().position(pipe)?;
        let parameters = split_at_commas(tokens[start..end].iter().cloned().collect());
        let [ctx, _first] = &parameters[..] else { return None };
        let TokenTree::Ident(ctx) = ctx.clone().into_iter().next()? else { return None };
        let rest = &tokens[end + 1..];
        let position = match rest {
            [dash, more, ..] if is_punct(dash, '-') && is_punct(more, '>') => {
                end + 1 + rest.iter().position(is_braces)?
            }
            _ => end + 1,
        };
        match tokens.get(position)? {
            TokenTree::Group(body) if body.delimiter() == Delimiter::Brace => {
                Some(Self { ctx, body: body.clone() })
            }
            _ => None,
        }
    }
}

fn is_braces(token: &TokenTree) -> bool {
    matches!(token, TokenTree::Group(group) if group.delimiter() == Delimiter::Brace)
}
