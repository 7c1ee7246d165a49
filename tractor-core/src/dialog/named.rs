//! Lets rustc name the endpoint whose contract a call breaks.
//!
//! The types of streams do not tell: a `MsgStream<u64>` may be any endpoint's. So the macros turn the calls in bodies, where they
//! see which endpoint a handle belongs to, into calls of twins: `stream.send(value)` into `stream.send_in(of, value)` with an
//! [`Of<scale>`](Of). The twins have the endpoint in their bounds, whose texts name it. Nothing of it is left when the program
//! runs.

use std::borrow::Borrow;
use std::fmt;
use std::marker::PhantomData;

use crate::proto::payload::Payload;

/// Says that a call is in a body that belongs to the endpoint `E`.
pub struct Of<E>(PhantomData<fn() -> E>);

impl<E> Of<E> {
    /// The only value.
    pub const ENDPOINT: Self = Self(PhantomData);
}

// Not derived: that would ask the same of the endpoint.
impl<E> Copy for Of<E> {}

impl<E> Clone for Of<E> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<E> fmt::Debug for Of<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Of").finish()
    }
}

/// [`Allows`](super::Allows), in a body that belongs to the endpoint `E`.
#[diagnostic::on_unimplemented(
    message = "`{V}` cannot be sent here: the payload contract of `{E}` says `{Self}`",
    label = "the contract says `{Self}`",
    note = "send a value of type `{Self}` or a reference to one, or change the types in the attribute of `{E}`"
)]
pub trait AllowsIn<V, E>: Sized {
    #[doc(hidden)]
    type Held: Borrow<Self>;
    #[doc(hidden)]
    fn hold(value: V) -> Self::Held;
}

#[diagnostic::do_not_recommend]
impl<T: Payload, E> AllowsIn<T, E> for T {
    type Held = T;

    fn hold(value: T) -> T {
        value
    }
}

#[diagnostic::do_not_recommend]
impl<'v, T: Payload, E> AllowsIn<&'v T, E> for T {
    type Held = &'v T;

    fn hold(value: &'v T) -> &'v T {
        value
    }
}
