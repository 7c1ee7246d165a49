//! A call is a value: what an annotated function returns instead of a future.

use std::pin::Pin;
use std::task::{Context, Poll};

use super::endpoint::{ContextEndpoint, Endpoint, FnBody, StreamEndpoint};

macro_rules! call_type {
    ($(#[$attr:meta])* $name:ident) => {
        $(#[$attr])*
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
    #[must_use = "a call does nothing by itself: await it, or hand it to `portal.run(..)`"]
    Call
}

call_type! {
    /// A call of a function that is declared with `#[tractor::actor_fn(extern, ..)]` and lives elsewhere: handed to
    /// [`Portal::run`](super::Portal::run) it runs there. It cannot be awaited here.
    #[must_use = "a call does nothing by itself: hand it to `portal.run(..)`"]
    RemoteCall
}

call_type! {
    /// A call of a function annotated with `#[tractor::context(..)]`, for
    /// [`Portal::open_context`](super::Portal::open_context).
    #[must_use = "a call does nothing by itself: hand it to `portal.open_context(..)`"]
    ContextCall
}

call_type! {
    /// A call of a function annotated with `#[tractor::stream]`, for
    /// [`Portal::open_stream_from`](super::Portal::open_stream_from).
    #[must_use = "a call does nothing by itself: hand it to `portal.open_stream_from(..)`"]
    StreamCall
}

/// Runs the function here, as part of the awaiting task.
impl<E: FnBody> IntoFuture for Call<E> {
    type Output = E::Output;
    type IntoFuture = Pin<Box<dyn Future<Output = E::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(E::run(self.args))
    }
}

// Calls that need another actor are futures under a condition that never holds, so that rustc says what to do instead of
// awaiting one, and not that it is no future.

/// Never implemented.
#[diagnostic::on_unimplemented(
    message = "`{Self}` lives in another program: its call cannot be awaited here",
    label = "declared `extern`, cannot run here",
    note = "run it in an actor that has it: `portal.run({Self}(..)).await`"
)]
pub trait FnRunsHere {
    #[doc(hidden)]
    fn never() -> !;
}

/// Never implemented.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is a context: its call cannot be awaited",
    label = "a dialog needs a second side",
    note = "open it in another actor: `portal.open_context({Self}(..), async |ctx, first| {{ .. }}).await`"
)]
pub trait ContextRunsHere {
    #[doc(hidden)]
    fn never() -> !;
}

/// Never implemented.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is a one-way stream: its call cannot be awaited",
    label = "a stream needs a receiver",
    note = "open it in another actor: `portal.open_stream_from({Self}(..), async |mut stream| {{ .. }}).await`"
)]
pub trait StreamRunsHere {
    #[doc(hidden)]
    fn never() -> !;
}

macro_rules! not_awaitable {
    ($($call:ident: $endpoint:ident + $runs_here:ident;)*) => {$(
        #[doc(hidden)]
        impl<E: $endpoint + $runs_here> Future for $call<E> {
            type Output = E::Returns;

            fn poll(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<Self::Output> {
                E::never()
            }
        }
    )*};
}

not_awaitable! {
    RemoteCall: Endpoint + FnRunsHere;
    ContextCall: ContextEndpoint + ContextRunsHere;
    StreamCall: StreamEndpoint + StreamRunsHere;
}

/// What [`Portal::run`](super::Portal::run) takes: a call of an annotated function.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a call that another actor can run",
    label = "not a call of a `#[tractor::actor_fn]`",
    note = "if the function has no attribute, add `#[tractor::actor_fn]` to it",
    note = "a `ContextCall` is opened with `portal.open_context(..)`, a `StreamCall` with \
            `portal.open_stream_from(..)`"
)]
pub trait FnTarget {
    /// The function.
    type Endpoint: Endpoint;
    #[doc(hidden)]
    fn into_args(self) -> <Self::Endpoint as Endpoint>::Args;
}

#[diagnostic::do_not_recommend]
impl<E: FnBody> FnTarget for Call<E> {
    type Endpoint = E;

    fn into_args(self) -> E::Args {
        self.args
    }
}

#[diagnostic::do_not_recommend]
impl<E: Endpoint> FnTarget for RemoteCall<E> {
    type Endpoint = E;

    fn into_args(self) -> E::Args {
        self.args
    }
}

/// What [`Portal::open_context`](super::Portal::open_context) takes: a call of an annotated context.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a context that another actor can open",
    label = "not a call of a `#[tractor::context(..)]`",
    note = "if the function has no attribute, add `#[tractor::context(pld_spec = T)]` to it; the first argument, \
            `ctx: Context<T>`, is not passed by callers",
    note = "a `Call` is run with `portal.run(..)`, a `StreamCall` is opened with `portal.open_stream_from(..)`"
)]
pub trait ContextTarget {
    /// The context.
    type Endpoint: ContextEndpoint;
    #[doc(hidden)]
    fn into_args(self) -> <Self::Endpoint as Endpoint>::Args;
}

#[diagnostic::do_not_recommend]
impl<E: ContextEndpoint> ContextTarget for ContextCall<E> {
    type Endpoint = E;

    fn into_args(self) -> E::Args {
        self.args
    }
}

/// What [`Portal::open_stream_from`](super::Portal::open_stream_from) takes: a call of an annotated one-way stream.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a one-way stream that another actor can open",
    label = "not a call of a `#[tractor::stream]`",
    note = "if the function has no attribute, add `#[tractor::stream]` to it; the first argument, \
            `out: StreamSender<T>`, is not passed by callers",
    note = "a `Call` is run with `portal.run(..)`, a `ContextCall` is opened with `portal.open_context(..)`"
)]
pub trait StreamTarget {
    /// The stream.
    type Endpoint: StreamEndpoint;
    #[doc(hidden)]
    fn into_args(self) -> <Self::Endpoint as Endpoint>::Args;
}

#[diagnostic::do_not_recommend]
impl<E: StreamEndpoint> StreamTarget for StreamCall<E> {
    type Endpoint = E;

    fn into_args(self) -> E::Args {
        self.args
    }
}
