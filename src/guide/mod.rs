//! Longer explanations, with examples that are compiled and run.

#[doc = include_str!("bytes.md")]
pub mod bytes {}

#[doc = include_str!("cancellation.md")]
pub mod cancellation {}

#[doc = include_str!("compiler.md")]
pub mod compiler {}

#[doc = include_str!("errors.md")]
pub mod errors {}

#[doc = include_str!("logs.md")]
pub mod logs {}

#[doc = include_str!("migrating.md")]
pub mod migrating {}

#[doc = include_str!("names.md")]
pub mod names {}

#[doc = include_str!("pools.md")]
pub mod pools {}

#[doc = include_str!("signals.md")]
pub mod signals {}

#[doc = include_str!("supervision.md")]
pub mod supervision {}

#[doc = include_str!("testing.md")]
pub mod testing {}

#[doc = include_str!("web.md")]
pub mod web {}
