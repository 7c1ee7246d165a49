//! The code that `#[actor_fn]`, `#[context]` and `#[stream]` share: the checks of the signature, most of the expansion.
//!
//! An endpoint `add` becomes a type `add` (its name at compile time) and a function `add` that packs the arguments into
//! a call. There are also the user's function under the name `__tractor_add`, the trait impls, and an entry in the
//! link-time registry. An `extern` endpoint has only the parts that callers need: the type, the function that packs,
//! and the traits that name the types.

pub(crate) mod argument_attribute;
mod arguments;
pub(crate) mod expand;
pub(crate) mod leading_argument;
pub(crate) mod options;
pub(crate) mod owned_types;
mod signature;
pub(crate) mod user_attributes;

pub(crate) use signature::Endpoint;
