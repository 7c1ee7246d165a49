//! Half-typed functions: an item that the parser refuses is completed to a function that editors can work in.
//!
//! rustc stops at such code before it expands macros, but editors expand it, and complete names in the body with the
//! help of the expanded arguments. A missing type becomes `_`, missing parentheses and a missing body are added.

use proc_macro2::{Delimiter, Group, Ident, TokenStream, TokenTree};
use quote::quote;
use syn::FnArg;

use crate::attribute_args::split_at_commas;
use crate::tokens::unused;

/// The completed function of `item`; `item` itself if it is not the beginning of a function.
pub(crate) fn recover(item: TokenStream) -> TokenStream {
    match complete(item.clone()) {
        Some(completed) => unused(completed),
        None => item,
    }
}

fn complete(item: TokenStream) -> Option<TokenStream> {
    let mut tokens = item.into_iter().peekable();
    let mut header = TokenStream::new();
    loop {
        let token = tokens.next()?;
        let is_fn = matches!(&token, TokenTree::Ident(ident) if ident == "fn");
        header.extend([token]);
        if is_fn {
            break;
        }
    }
    let TokenTree::Ident(name) = tokens.next()? else { return None };
    let args = match tokens.peek() {
        Some(TokenTree::Group(group)) if group.delimiter() == Delimiter::Parenthesis => {
            let args = complete_args(group);
            tokens.next();
            args
        }
        _ => quote!(()),
    };
    let rest: Vec<_> = tokens.collect();
    let (body, output) = match rest.split_last() {
        Some((TokenTree::Group(body), output)) if body.delimiter() == Delimiter::Brace => {
            (quote!(#body), output)
        }
        _ => (quote!({}), &rest[..]),
    };
    let output: TokenStream = output.iter().cloned().collect();
    let output = if syn::parse2::<syn::ReturnType>(output.clone()).is_ok() { output } else { quote!() };
    let completed = function(&header, &name, &args, &output, &body);
    syn::parse2::<syn::ItemFn>(function(&header, &name, &args, &output, &quote!({})))
        .is_ok()
        .then_some(completed)
}

fn function(
    header: &TokenStream,
    name: &Ident,
    args: &TokenStream,
    output: &TokenStream,
    body: &TokenStream,
) -> TokenStream {
    quote!(#header #name #args #output #body)
}

/// The arguments, each with a type; an argument without a name is dropped.
fn complete_args(group: &Group) -> TokenStream {
    let args = split_at_commas(group.stream()).into_iter().filter_map(|arg| {
        if syn::parse2::<FnArg>(arg.clone()).is_ok() {
            return Some(arg);
        }
        let named = arg.into_iter().take_while(|token| !matches!(token, TokenTree::Punct(_)));
        let named: TokenStream = named.collect();
        let typed = quote!(#named: _);
        syn::parse2::<FnArg>(typed.clone()).is_ok().then_some(typed)
    });
    quote!((#(#args),*))
}
