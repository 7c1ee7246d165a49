//! What the files of this repository are held to.

pub mod endpoint_lints;
mod file_names;
mod rule_map;
mod tidy;
