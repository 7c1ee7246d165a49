//! The arguments of `#[main]` and `#[test]`, typed.

use proc_macro2::TokenStream;
use syn::{LitBool, LitInt, LitStr, Path};

use super::Entry;
use crate::attribute_args::{Args, CRATE, Key};
use crate::errors::Errors;

const FLAVOR: Key = Key::new("flavor", "flavor = \"multi_thread\"");
const WORKER_THREADS: Key = Key::new("worker_threads", "worker_threads = 4");
const START_PAUSED: Key = Key::new("start_paused", "start_paused = true");
const MAIN_KEYS: &[Key] = &[FLAVOR, WORKER_THREADS, SETUP, CRATE];
const TEST_KEYS: &[Key] = &[FLAVOR, WORKER_THREADS, START_PAUSED, SETUP, CRATE];
const SETUP: Key = Key::new("setup", "setup = my_setup");

/// The arguments of one `#[main(..)]` or `#[test(..)]`.
pub(crate) struct EntryArgs {
    pub(crate) krate: Path,
    pub(crate) flavor: Option<LitStr>,
    pub(crate) worker_threads: Option<LitInt>,
    /// Only for tests.
    pub(crate) start_paused: Option<LitBool>,
    pub(crate) setup: Option<Path>,
}

impl EntryArgs {
    pub(crate) fn parse(entry: Entry, attr: TokenStream, errors: &mut Errors) -> Self {
        let keys = if entry == Entry::Test { TEST_KEYS } else { MAIN_KEYS };
        let mut args = Args::parse(attr, keys, errors);
        Self {
            flavor: args.take(&FLAVOR, errors),
            worker_threads: args.take(&WORKER_THREADS, errors),
            start_paused: args.take(&START_PAUSED, errors),
            setup: args.take_path(&SETUP, errors),
            krate: args.take_crate(errors),
        }
    }
}
