//! The traits that the attribute macros implement for every endpoint.
//!
//! An endpoint is a type without values, named like the user's function. Its traits give its module and name, its
//! arguments and its results. The function itself is [`EndpointBody::run`]; an `extern` endpoint has none.

use std::any::Any;
use std::error::Error as StdError;

use super::Context;
use crate::error::{Carried, EndpointError};
use crate::proto::args::{ArgTuple, no_defaults};
use crate::proto::payload::Payload;

/// A function that other actors may call.
///
/// Helpers that work for any endpoint take `E: Endpoint`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an endpoint",
    label = "not an endpoint",
    note = "add `#[tractor::actor_fn]`, `#[tractor::context(..)]` or `#[tractor::stream]` to the function"
)]
pub trait Endpoint: Sized + 'static {
    /// The module's name on the wire: the path of the module that defines the function, or the declared name.
    const MODULE: &'static str;
    /// The endpoint's name on the wire: the function's name, or the declared name.
    const NAME: &'static str;
    /// Names of its arguments, in order.
    const ARGS: &'static [&'static str];
    /// Types of its arguments, as a tuple.
    type Args: ArgTuple;
    /// Type of its final value.
    type Returns: Payload;
    /// The declared return type; `()` if the function lives in another program.
    type Output: Send;

    /// The value of the argument at `position` when a caller omits it.
    #[doc(hidden)]
    fn default_arg(position: usize) -> Option<Box<dyn Any>> {
        no_defaults(position)
    }
}

/// The outcome of the function behind the endpoint `E`.
pub type EndpointResult<E> = Result<<E as Endpoint>::Returns, EndpointError>;

/// The function behind an endpoint, which lives in this program.
#[diagnostic::on_unimplemented(
    message = "`{Self}` lives in another program: an actor of this one cannot run it",
    label = "declared `extern`",
    note = "run it in an actor that has it: `portal.run({Self}(..)).await`"
)]
pub trait EndpointBody: Endpoint {
    /// The value that the function gets before its arguments: nothing, a context or a sender.
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
    note = "a context is opened with `portal.open_context({Self}(..), async |ctx, first| {{ .. }})`, a one-way stream \
            with `portal.open_stream_from({Self}(..), async |mut stream| {{ .. }})`"
)]
pub trait FnEndpoint: Endpoint {}

/// An endpoint linked to the task that opened it: `#[tractor::context]`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a context",
    label = "not the name of a `#[tractor::context(..)]`",
    note = "a function with one result is run with `portal.run(..)`, a one-way stream opened with \
            `portal.open_stream_from(..)`"
)]
pub trait ContextEndpoint: Endpoint {
    /// Type of the first value.
    type Started: Payload;
    /// Type of the values the endpoint streams.
    type Send: Payload;
    /// Type of the values streamed to the endpoint.
    type Recv: Payload;
    /// Whether streamed values are encoded and decoded again before they leave, in both directions.
    const STRICT: bool = false;
}

/// The context that the function behind `E` gets.
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
    type Item: Payload;
    /// Whether items are encoded and decoded again before they leave.
    const STRICT: bool = false;
}

/// A return type that may be a failure: `Result`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is named like a `Result` but is none",
    label = "not a `Result`",
    note = "return a `std::result::Result<T, E>` or an alias of it, or give the type another name"
)]
pub trait Fallible {
    /// Type of the value.
    type Ok;
}

#[diagnostic::do_not_recommend]
impl<T, F> Fallible for Result<T, F> {
    type Ok = T;
}

/// The failure of an endpoint: any error, or text.
#[diagnostic::on_unimplemented(
    message = "an endpoint cannot fail with `{Self}`",
    label = "neither an error nor text",
    note = "implement `std::error::Error` for `{Self}`, such as with `#[derive(thiserror::Error)]`; it is also `Send`, \
            `Sync` and free of borrowed data",
    note = "or fail with a `String`, a `Box<dyn std::error::Error + Send + Sync>` or a `tractor::Error`"
)]
pub trait Failure: Sized {
    #[doc(hidden)]
    fn into_failure(self) -> EndpointError;
}

#[diagnostic::do_not_recommend]
impl<T: Into<Box<dyn StdError + Send + Sync>>> Failure for T {
    fn into_failure(self) -> EndpointError {
        EndpointError::new(self)
    }
}

/// The outcome of a function that returns a `Result`. `carried` gives the name of the failure, and the parts of it that
/// travel besides its texts.
///
/// # Errors
/// The function's own failure.
pub fn fallible<T, F: Failure>(
    output: Result<T, F>,
    carried: impl FnOnce(&F) -> (Carried, Option<&'static str>),
) -> Result<T, EndpointError> {
    output.map_err(|error| {
        let (carried, name) = carried(&error);
        error.into_failure().carrying(carried, name)
    })
}

/// The outcome of a function whose failures travel as values: `error = F`.
///
/// # Errors
/// The function's own failure.
pub fn fallible_as<F: Failure + Payload, T>(
    output: Result<T, F>,
    carried: impl FnOnce(&F) -> (Carried, Option<&'static str>),
) -> Result<T, EndpointError> {
    fallible(output, carried)
}

/// A default value of an argument. A closure gives it, so that a default that panics makes no later code unreachable.
pub fn default_arg<T: Any>(value: impl FnOnce() -> T) -> Option<Box<dyn Any>> {
    Some(Box::new(value()))
}
