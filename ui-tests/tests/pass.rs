//! Programs that compile without a warning: the files in `pass/`, and every kind of expansion in many environments
//! (`build.rs` writes the lists).

#![allow(unknown_lints, reason = "the table has every lint that rustc lists, some are unstable")]

include!(concat!(env!("OUT_DIR"), "/files.rs"));
include!(concat!(env!("OUT_DIR"), "/surroundings.rs"));
