//! Expansion without a compiler: the tokens emitted for each input, and the error texts.
//!
//! The compile-fail tests cover the spans of the errors and rustc's view of an expansion.

mod errors;
mod expansion;
mod fallback;

use proc_macro2::TokenStream;
use syn::{Item, Macro};

use crate::entry::Entry;

/// The macros under test.
#[derive(Clone, Copy)]
enum Attr {
    ActorFn,
    Context,
    Stream,
    Main,
    Test,
}

const ALL: [Attr; 5] = [Attr::ActorFn, Attr::Context, Attr::Stream, Attr::Main, Attr::Test];

fn expand(attr: Attr, args: &str, item: &str) -> TokenStream {
    let (args, item) = (tokens(args), tokens(item));
    match attr {
        Attr::ActorFn => crate::actor_fn::expand(args, item),
        Attr::Context => crate::context::expand(args, item),
        Attr::Stream => crate::stream::expand(args, item),
        Attr::Main => crate::entry::expand(Entry::Main, args, item),
        Attr::Test => crate::entry::expand(Entry::Test, args, item),
    }
}

/// The emitted items, errors included.
fn items(attr: Attr, args: &str, item: &str) -> Vec<Item> {
    syn::parse2::<syn::File>(expand(attr, args, item)).expect("the expansion is items").items
}

/// The texts of the emitted errors, in order.
fn errors(attr: Attr, args: &str, item: &str) -> Vec<String> {
    let errors = items(attr, args, item).into_iter().filter_map(|item| match item {
        Item::Macro(item) => error(&item.mac),
        _ => None,
    });
    errors.collect()
}

fn error(mac: &Macro) -> Option<String> {
    let name = &mac.path.segments.last()?.ident;
    (name == "compile_error").then(|| mac.parse_body::<syn::LitStr>().expect("an error has a text").value())
}

fn tokens(text: &str) -> TokenStream {
    text.parse().expect("the test's own input has balanced brackets")
}
