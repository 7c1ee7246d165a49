//! Rules for the files of this repository.

pub mod endpoint_lints;
mod file_names;
mod protocol_frames;
mod rule_map;
mod texts;
mod tidy;
