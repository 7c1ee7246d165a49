//! One of everything the macros make, where the library is a dependency with another name: each attribute is told so.

include!(concat!(env!("OUT_DIR"), "/renamed.rs"));
