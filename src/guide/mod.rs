//! Longer explanations, with examples that are compiled and run.

#[doc = include_str!("cancellation.md")]
pub mod cancellation {}
