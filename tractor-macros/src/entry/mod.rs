//! `#[main]` and `#[test]`: async functions that run as the root actor.

mod ast;
mod check;

use proc_macro2::TokenStream;
use quote::quote;
use syn::ext::IdentExt;

use crate::errors::Errors;
use crate::function::Func;
use crate::tokens::unused;
use ast::EntryArgs;
use check::Options;

/// Which of the two macros it is.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Entry {
    Main,
    Test,
}

impl Entry {
    fn noun(self) -> &'static str {
        match self {
            Self::Main => "function",
            Self::Test => "test",
        }
    }

    /// The name of an attribute that cannot be combined with the macro, the error text for it, and the help.
    fn rival(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Self::Main => (
                "main",
                "this is a second attribute for `main`: there would be two runtimes",
                "keep only `#[tractor::main]`",
            ),
            Self::Test => (
                "test",
                "this is a second test attribute: the function would run twice",
                "keep only `#[tractor::test]`",
            ),
        }
    }

    fn instead_of_arguments(self) -> &'static str {
        match self {
            Self::Main => "read the command line with `std::env::args()`",
            Self::Test => "call a helper function with them from several tests",
        }
    }
}

/// Expands the macro.
pub(crate) fn expand(entry: Entry, attr: TokenStream, item: TokenStream) -> TokenStream {
    let mut errors = Errors::default();
    let args = EntryArgs::parse(entry, attr, &mut errors);
    let options = Options::check(entry, &args, &mut errors);
    let func = match Func::parse_item(item, &mut errors) {
        Ok(func) => func,
        Err(instead) => return errors.with_item(instead),
    };
    errors.about(entry.noun(), &func);
    func.check_body("", &mut errors);
    check::check_func(entry, &func, &mut errors);
    let expanded = if errors.is_empty() { run(entry, &func, &options, &args) } else { fallback(&func) };
    errors.with_item(expanded)
}

/// A plain function that runs the user's function, which is nested in it under its own name.
fn run(entry: Entry, func: &Func, options: &Options, args: &EntryArgs) -> TokenStream {
    let Func { attrs, vis, sig, .. } = func;
    let EntryArgs { krate, setup, .. } = args;
    let setup = setup.as_ref().map_or_else(|| quote!(|| {}), |path| quote!(#path));
    let (name, output) = (&sig.ident, &sig.output);
    let body = func.renamed(name, &[], &func.body_or_stub());
    let Options { multi_thread, worker_threads, start_paused } = options;
    let worker_threads = match worker_threads {
        Some(threads) => quote!(::core::option::Option::Some(#threads)),
        None => quote!(::core::option::Option::None),
    };
    let options = quote! {
        #krate::__private::RuntimeOptions {
            setup: #setup,
            multi_thread: #multi_thread,
            worker_threads: #worker_threads,
        }
    };
    let (test, call) = match entry {
        Entry::Main => (quote!(), quote!(run_main(#options, #name))),
        Entry::Test => {
            let label = name.unraw().to_string();
            let path = quote!(::core::concat!(::core::module_path!(), "::", #label));
            let call = match start_paused {
                true => quote!(run_paused_test(#options, #path, #name)),
                false => quote!(run_test(#options, #path, #name)),
            };
            (quote!(#[::core::prelude::v1::test]), call)
        }
    };
    quote! {
        #(#attrs)*
        #test
        #vis fn #name() #output {
            #body
            #krate::__private::#call
        }
    }
}

/// The user's function beside an error. rustc rejects an `async fn main`, so that is nested in a plain function.
fn fallback(func: &Func) -> TokenStream {
    let name = &func.sig.ident;
    if name != "main" {
        return unused(func);
    }
    let body = unused(func.renamed(name, &[], &func.body_or_stub()));
    quote!(fn #name() { #body })
}
