//! What the attribute macros implement for every endpoint.
//!
//! An endpoint is a type without values, named like the user's function. Its traits say where it lives, what it takes
//! and what it gives back, which is all that callers need. The function itself is [`EndpointBody::run`]; an endpoint that
//! is declared `extern` has none, because it lives in another program.

use std::any::Any;
use std::error::Error as StdError;

use super::Context;
use crate::error::EndpointError;
use crate::proto::args::{ArgTuple, no_defaults};
use crate::proto::msg::ErrorValue;
use crate::proto::payload::PayloadOf;

/// A function that other actors may call.
///
/// Helpers that work for any endpoint take `E: Endpoint`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no endpoint",
    label = "not an endpoint",
    note = "add `#[tractor::actor_fn]`, `#[tractor::context(..)]` or `#[tractor::stream]` to the function"
)]
pub trait Endpoint: Sized + 'static {
    /// Path of the module the function is defined in, or what it is known under instead.
    const MODULE: &'static str;
    /// Name of the function, or what it is known under instead.
    const NAME: &'static str;
    /// Names of its arguments, in order.
    const ARGS: &'static [&'static str];
    /// Types of its arguments, as a tuple.
    type Args: ArgTuple;
    /// Type of its final value.
    type Returns: PayloadOf<Self>;
    /// The declared return type; nothing where the function lives in another program.
    type Output: Send;

    /// The value of the argument at `position` when a caller leaves it out.
    #[doc(hidden)]
    fn default_arg(position: usize) -> Option<Box<dyn Any>> {
        no_defaults(position)
    }
}

/// What became of the function behind the endpoint `E`.
pub type EndpointResult<E> = Result<<E as Endpoint>::Returns, EndpointError>;

/// The function behind an endpoint, which lives in this program.
#[diagnostic::on_unimplemented(
    message = "`{Self}` lives in another program: an actor of this one cannot run it",
    label = "declared `extern`",
    note = "run it in an actor that has it: `portal.run({Self}(..)).await`"
)]
pub trait EndpointBody: Endpoint {
    /// What the function is given before its arguments: nothing, a context or a sender.
    type Lead: Send;
    /// Runs the function here.
    fn run(lead: Self::Lead, args: Self::Args) -> impl Future<Output = Self::Output> + Send;

    /// Splits the declared return type into value and failure.
    ///
    /// # Errors
    /// The function's own failure.
    fn outcome(output: Self::Output) -> EndpointResult<Self>;
}

/// An endpoint with one result: `#[tractor::actor_fn]`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a function with one result",
    label = "not the name of a `#[tractor::actor_fn]`",
    note = "a context is opened with `portal.open_context({Self}(..), async |ctx, first| {{ .. }})`, a one-way stream with \
            `portal.open_stream_from({Self}(..), async |mut stream| {{ .. }})`"
)]
pub trait FnEndpoint: Endpoint {}

/// An endpoint linked to the task that opened it: `#[tractor::context]`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a context",
    label = "not the name of a `#[tractor::context(..)]`",
    note = "a function with one result is run with `portal.run(..)`, a one-way stream opened with `portal.open_stream_from(..)`"
)]
pub trait ContextEndpoint: Endpoint {
    /// Type of the first value.
    type Started: PayloadOf<Self>;
    /// Type of the values the endpoint streams.
    type Send: PayloadOf<Self>;
    /// Type of the values streamed to the endpoint.
    type Recv: PayloadOf<Self>;
    /// Whether streamed values are encoded and decoded again before they leave, in both directions.
    const STRICT: bool = false;
}

/// What the function behind the context `E` is handed.
pub type ContextOf<E> =
    Context<<E as ContextEndpoint>::Started, <E as ContextEndpoint>::Send, <E as ContextEndpoint>::Recv>;

/// An endpoint with a one-way stream of values as its answer: `#[tractor::stream]`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a one-way stream",
    label = "not the name of a `#[tractor::stream]`",
    note = "a function with one result is run with `portal.run(..)`, a context opened with `portal.open_context(..)`"
)]
pub trait StreamEndpoint: Endpoint {
    /// Type of the streamed values.
    type Item: PayloadOf<Self>;
    /// Whether items are encoded and decoded again before they leave.
    const STRICT: bool = false;
}

/// A return type of the endpoint `E` that may be a failure: `Result`.
#[diagnostic::on_unimplemented(
    message = "`{E}` returns a `{Self}` that is named like a `Result` but is none",
    label = "not a `Result`",
    note = "return a `std::result::Result<T, E>` or an alias of it, or give the type another name"
)]
pub trait Fallible<E> {
    /// Type of the value.
    type Ok;
    /// Type of the failure.
    type Err;
    #[doc(hidden)]
    fn into_result(self) -> Result<Self::Ok, Self::Err>;
}

#[diagnostic::do_not_recommend]
impl<E, T, F> Fallible<E> for Result<T, F> {
    type Ok = T;
    type Err = F;

    fn into_result(self) -> Self {
        self
    }
}

/// What the endpoint `E` may fail with: any error, or text.
#[diagnostic::on_unimplemented(
    message = "`{E}` cannot fail with `{Self}`",
    label = "neither an error nor text",
    note = "implement `std::error::Error` for `{Self}`, such as with `#[derive(thiserror::Error)]`; it is also `Send`, \
            `Sync` and free of borrowed data",
    note = "or fail with a `String`, a `Box<dyn std::error::Error + Send + Sync>` or a `tractor::Error`"
)]
pub trait Failure<E>: Sized {
    #[doc(hidden)]
    fn into_failure(self) -> EndpointError;
}

#[diagnostic::do_not_recommend]
impl<E, T: Into<Box<dyn StdError + Send + Sync>>> Failure<E> for T {
    fn into_failure(self) -> EndpointError {
        EndpointError::new(self)
    }
}

/// Two types of the endpoint `E` that must be the same one.
#[diagnostic::on_unimplemented(
    message = "`{E}` has a `{Self}` where its attribute says `{T}`",
    label = "must be `{T}`",
    note = "change this type, or the types in the attribute, so that both agree"
)]
pub trait SameAs<T, E>: Sized {
    #[doc(hidden)]
    fn into_declared(self) -> T;
    #[doc(hidden)]
    fn from_declared(declared: T) -> Self;
}

#[diagnostic::do_not_recommend]
impl<T, E> SameAs<T, E> for T {
    fn into_declared(self) -> T {
        self
    }

    fn from_declared(declared: T) -> T {
        declared
    }
}

/// The final value of the function behind `E`, whose type has to be the one that the attribute says.
pub fn declared<E: Endpoint, T: SameAs<E::Returns, E>>(value: T) -> E::Returns {
    value.into_declared()
}

/// The outcome of the function behind `E`, which returns a `Result`. `carry` gives the failure as a value, if it is one.
///
/// # Errors
/// The function's own failure.
pub fn fallible<E, R: Fallible<E, Err: Failure<E>>>(
    output: R,
    carry: impl FnOnce(&R::Err) -> Option<ErrorValue>,
) -> Result<R::Ok, EndpointError> {
    output.into_result().map_err(|error| {
        let value = carry(&error);
        error.into_failure().carrying(value)
    })
}

/// The outcome of the function behind `E`, whose failures travel as values: `error = F`.
///
/// # Errors
/// The function's own failure.
pub fn fallible_as<E, F: Failure<E> + PayloadOf<E>, R: Fallible<E, Err: SameAs<F, E>>>(
    output: R,
    carry: impl FnOnce(&F) -> Option<ErrorValue>,
) -> Result<R::Ok, EndpointError> {
    fallible::<E, _>(output.into_result().map_err(SameAs::into_declared), carry)
}

/// A type that `#[tractor(default)]` works for, in the endpoint `E`.
#[diagnostic::on_unimplemented(
    message = "the argument of type `{Self}` of `{E}` has no default of its own",
    label = "does not implement `Default`",
    note = "say which value it is, `#[tractor(default = ..)]`, or implement `Default` for `{Self}`"
)]
pub trait HasDefault<E> {
    #[doc(hidden)]
    fn default_value() -> Self;
}

#[diagnostic::do_not_recommend]
impl<E, T: Default> HasDefault<E> for T {
    fn default_value() -> T {
        T::default()
    }
}

/// A default value of an argument.
pub fn default_arg<T: Any>(value: T) -> Option<Box<dyn Any>> {
    Some(Box::new(value))
}

/// The outcome of a function that cannot fail.
///
/// # Errors
/// Never.
pub fn infallible<T>(output: T) -> Result<T, EndpointError> {
    Ok(output)
}
