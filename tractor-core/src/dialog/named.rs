//! Lets rustc name the endpoint whose contract a call breaks.
//!
//! The types of handles do not tell: a `MsgStream<u64>` may be any endpoint's. So in the body of an endpoint the macros send values
//! that do, `stream.send(endpoint::tell(value))`, and call `ctx.__tractor_open_stream::<endpoint>()`, where `endpoint` is an
//! [`Of<scale>`](Of). The bounds then ask for [`AllowsIn`] and the like, whose texts name the endpoint. Nothing of it is left when
//! the program runs.

use std::borrow::Borrow;
use std::convert::Infallible;
use std::fmt;
use std::marker::PhantomData;

use super::sending::Allows;
use crate::proto::payload::Payload;

/// Stands for a body that belongs to the endpoint `E`; without values.
#[derive(Debug)]
pub struct Of<E>(Infallible, PhantomData<E>);

impl<E> Of<E> {
    /// The value, which tells the endpoint.
    #[inline]
    pub fn tell<V>(value: V) -> Told<E, V> {
        Told { value, endpoint: PhantomData }
    }
}

/// The endpoint of an [`Of`].
pub trait InBody {
    /// The endpoint.
    type Endpoint;
}

impl<E> InBody for Of<E> {
    type Endpoint = E;
}

/// A value that is sent in the body of the endpoint `E`.
pub struct Told<E, V> {
    value: V,
    endpoint: PhantomData<fn() -> E>,
}

impl<T: AllowsIn<V, E>, V, E> Allows<Told<E, V>> for T {
    type Held = <T as AllowsIn<V, E>>::Held;

    fn hold(told: Told<E, V>) -> Self::Held {
        <T as AllowsIn<V, E>>::hold(told.value)
    }
}

impl<E, V> fmt::Debug for Told<E, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Told").finish_non_exhaustive()
    }
}

/// [`Allows`], in the body of the endpoint `E`.
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

// A name that a macro has taken for a stream of its endpoint may be one of another context.
#[diagnostic::do_not_recommend]
impl<T: AllowsIn<V, B>, V, B, E> AllowsIn<Told<B, V>, E> for T {
    type Held = <T as AllowsIn<V, B>>::Held;

    fn hold(told: Told<B, V>) -> Self::Held {
        <T as AllowsIn<V, B>>::hold(told.value)
    }
}
