//! Longer explanations, with examples that are compiled and run.

#[doc = include_str!("bytes.md")]
pub mod bytes {}

#[doc = include_str!("cancellation.md")]
pub mod cancellation {}

#[doc = include_str!("logs.md")]
pub mod logs {}

#[doc = include_str!("names.md")]
pub mod names {}

#[doc = include_str!("pools.md")]
pub mod pools {}

#[doc = include_str!("supervision.md")]
pub mod supervision {}
