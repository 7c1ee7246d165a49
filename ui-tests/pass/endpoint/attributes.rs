//! Attributes are on the right items, and the generated items need no further ones.

#![deny(missing_docs, missing_debug_implementations, unreachable_pub, warnings)]

/// Adds.
#[tractor::actor_fn]
#[inline]
#[must_use = "adding has no other effect"]
#[allow(unused_variables, reason = "it has to reach the body")]
#[cfg_attr(unix, doc = "On Unix.")]
pub async fn add(a: i64, b: i64) -> i64 {
    a
}

#[tractor::actor_fn]
#[deprecated]
async fn old() {}

#[tractor::actor_fn]
#[cfg(not(all()))]
async fn absent(a: Missing) -> Missing {}
