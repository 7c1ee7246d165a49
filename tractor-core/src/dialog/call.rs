//! A call is a value: what an annotated function returns instead of a future.

use std::pin::Pin;

use super::endpoint::{ContextEndpoint, Endpoint, FnEndpoint, StreamEndpoint};

macro_rules! call_type {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[must_use = "a call does nothing by itself: hand it to a portal"]
        pub struct $name<E: Endpoint> {
            args: E::Args,
        }

        impl<E: Endpoint> $name<E> {
            #[doc(hidden)]
            pub fn new(args: E::Args) -> Self {
                Self { args }
            }
        }

        impl<E: Endpoint> std::fmt::Debug for $name<E> {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                write!(f, "{}({}:{})", stringify!($name), E::MODULE, E::NAME)
            }
        }
    };
}

call_type! {
    /// A call of a function annotated with `#[tractor::actor_fn]`: awaited it runs here, handed to
    /// [`Portal::run`](super::Portal::run) it runs there.
    Call
}

call_type! {
    /// A call of a function annotated with `#[tractor::context(..)]`, for
    /// [`Portal::open_context`](super::Portal::open_context).
    ContextCall
}

call_type! {
    /// A call of a function annotated with `#[tractor::stream]`, for
    /// [`Portal::open_stream_from`](super::Portal::open_stream_from).
    StreamCall
}

/// Runs the function here, as part of the awaiting task.
impl<E: FnEndpoint> IntoFuture for Call<E> {
    type Output = E::Output;
    type IntoFuture = Pin<Box<dyn Future<Output = E::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(E::run(self.args))
    }
}

/// What [`Portal::run`](super::Portal::run) takes: a call of an annotated function.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a call that can run in another actor",
    label = "not a call of a function annotated with `#[tractor::actor_fn]`",
    note = "add `#[tractor::actor_fn]` to the function; contexts are opened with `portal.open_context(..)`, one-way \
            streams with `portal.open_stream_from(..)`"
)]
pub trait FnTarget {
    /// The function.
    type Endpoint: FnEndpoint;
    #[doc(hidden)]
    fn into_args(self) -> <Self::Endpoint as Endpoint>::Args;
}

impl<E: FnEndpoint> FnTarget for Call<E> {
    type Endpoint = E;

    fn into_args(self) -> E::Args {
        self.args
    }
}

/// What [`Portal::open_context`](super::Portal::open_context) takes: a call of an annotated context.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a context that can be opened in another actor",
    label = "not a call of a function annotated with `#[tractor::context(..)]`",
    note = "add `#[tractor::context(pld_spec = T)]` to the function and give it a first argument `ctx: Context<T>`; \
            functions with one result are called with `portal.run(..)`"
)]
pub trait ContextTarget {
    /// The context.
    type Endpoint: ContextEndpoint;
    #[doc(hidden)]
    fn into_args(self) -> <Self::Endpoint as Endpoint>::Args;
}

impl<E: ContextEndpoint> ContextTarget for ContextCall<E> {
    type Endpoint = E;

    fn into_args(self) -> E::Args {
        self.args
    }
}

/// What [`Portal::open_stream_from`](super::Portal::open_stream_from) takes: a call of an annotated one-way stream.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a one-way stream that can be opened in another actor",
    label = "not a call of a function annotated with `#[tractor::stream]`",
    note = "add `#[tractor::stream]` to the function and give it a first argument `out: StreamSender<T>`"
)]
pub trait StreamTarget {
    /// The stream.
    type Endpoint: StreamEndpoint;
    #[doc(hidden)]
    fn into_args(self) -> <Self::Endpoint as Endpoint>::Args;
}

impl<E: StreamEndpoint> StreamTarget for StreamCall<E> {
    type Endpoint = E;

    fn into_args(self) -> E::Args {
        self.args
    }
}
