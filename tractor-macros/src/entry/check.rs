//! Checks the runtime options and the function of `#[main]` and `#[test]`.

use syn::LitBool;

use super::Entry;
use super::ast::EntryArgs;
use crate::errors::{Errors, show};
use crate::function::Func;

/// The options of the runtime the function runs on.
#[derive(Debug, PartialEq)]
pub(crate) struct Options {
    pub(crate) multi_thread: bool,
    pub(crate) worker_threads: Option<usize>,
    pub(crate) start_paused: bool,
}

impl Options {
    pub(crate) fn check(entry: Entry, args: &EntryArgs, errors: &mut Errors) -> Self {
        let multi_thread = match args.flavor.as_ref().map(|flavor| (flavor, flavor.value())) {
            None => entry == Entry::Main,
            Some((_, flavor)) if flavor == "multi_thread" => true,
            Some((_, flavor)) if flavor == "current_thread" => false,
            Some((literal, flavor)) => {
                let help = "write `flavor = \"multi_thread\"` or `flavor = \"current_thread\"`";
                errors.at(literal, format_args!("there is no runtime flavor `{flavor}`"), help);
                true
            }
        };
        let start_paused = args.start_paused.as_ref().is_some_and(LitBool::value);
        if let Some(literal) = args.start_paused.as_ref().filter(|_| start_paused && multi_thread) {
            let what = "a runtime of several threads has no clock that can be paused";
            errors.at(literal, what, "leave `flavor = \"multi_thread\"` out, or `start_paused`");
        }
        let Some(literal) = &args.worker_threads else {
            return Self { multi_thread, worker_threads: None, start_paused };
        };
        let worker_threads = literal.base10_parse().ok().filter(|threads: &usize| *threads > 0);
        if worker_threads.is_none() {
            let what = format!("`{}` is not a number of threads", show(literal));
            errors.at(literal, what, "write a whole number, at least 1: `worker_threads = 4`");
        } else if !multi_thread {
            let what = "`worker_threads` does nothing on the `current_thread` runtime";
            errors.at(literal, what, "add `flavor = \"multi_thread\"`, or leave `worker_threads` out");
        }
        Self { multi_thread, worker_threads, start_paused }
    }
}

/// Reports everything in `func` that an entry point cannot have.
pub(crate) fn check_func(entry: Entry, func: &Func, errors: &mut Errors) {
    let what = &format!("the {} `{}`", entry.noun(), func.sig.ident);
    func.check_async(what, "; if it is one, an attribute above has changed it: keep one of them", errors);
    func.check_header(what, errors);
    if !func.sig.inputs.is_empty() {
        errors.at(&func.sig.inputs, format_args!("{what} takes no arguments"), entry.instead_of_arguments());
    }
    let (name, what, help) = entry.rival();
    for attr in &func.attrs {
        if attr.path().segments.last().is_some_and(|last| last.ident == name) {
            errors.at(attr, what, help);
        }
    }
}
