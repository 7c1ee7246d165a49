//! Every kind of expansion in a crate where the library has another name. Each attribute gets its path.

include!(concat!(env!("OUT_DIR"), "/renamed.rs"));
