//! The arguments of `#[main]` and `#[test]`, typed.

use proc_macro2::TokenStream;
use syn::{LitInt, LitStr, Path};

use crate::attribute_args::{Args, CRATE, Key};
use crate::errors::Errors;

const FLAVOR: Key = Key::new("flavor", "flavor = \"multi_thread\"");
const WORKER_THREADS: Key = Key::new("worker_threads", "worker_threads = 4");
const KEYS: &[Key] = &[FLAVOR, WORKER_THREADS, CRATE];

/// What `#[main(..)]` or `#[test(..)]` was given.
pub(crate) struct EntryArgs {
    pub(crate) krate: Path,
    pub(crate) flavor: Option<LitStr>,
    pub(crate) worker_threads: Option<LitInt>,
}

impl EntryArgs {
    pub(crate) fn parse(attr: TokenStream, errors: &mut Errors) -> Self {
        let mut args = Args::parse(attr, KEYS, errors);
        Self {
            flavor: args.take(&FLAVOR, errors),
            worker_threads: args.take(&WORKER_THREADS, errors),
            krate: args.take_crate(errors),
        }
    }
}
