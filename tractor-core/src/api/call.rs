//! A call is a value, which an annotated function returns instead of a future.

use std::marker::PhantomPinned;
use std::pin::Pin;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;

use super::endpoint::{ContextEndpoint, Endpoint, EndpointBody, FnEndpoint, StreamEndpoint};

pin_project! {
    /// A call of an annotated function: the endpoint and its arguments. It does nothing by itself.
    ///
    /// * The call of a `#[tractor::actor_fn]` is a future that runs the function here;
    ///   [`Portal::run`](super::Portal::run) runs it in the other actor.
    /// * The call of a `#[tractor::context(..)]` is for [`Portal::open_context`](super::Portal::open_context).
    /// * The call of a `#[tractor::stream]` is for [`Portal::open_stream_from`](super::Portal::open_stream_from).
    ///
    /// A call of a function that is declared `extern` runs only in actors of the program that has the function.
    #[must_use = "a call does nothing by itself: await it, or hand it to a portal"]
    pub struct Call<E: Endpoint> {
        state: State<E>,
        // A call that has begun to run here cannot be moved, so no portal can take it.
        #[pin]
        pinned: PhantomPinned,
    }
}

enum State<E: Endpoint> {
    Unstarted(E::Args),
    Running(Pin<Box<dyn Future<Output = E::Output> + Send>>),
    Over,
}

impl<E: Endpoint> Call<E> {
    #[doc(hidden)]
    pub fn new(args: E::Args) -> Self {
        Self { state: State::Unstarted(args), pinned: PhantomPinned }
    }

    fn into_args(self) -> E::Args {
        match self.state {
            State::Unstarted(args) => args,
            State::Running(_) | State::Over => unreachable!("it was pinned when it was polled"),
        }
    }
}

/// Clones a call, for instance for a pool that may try it again.
///
/// # Panics
/// If the call is running here: its arguments are consumed.
impl<E: Endpoint<Args: Clone>> Clone for Call<E> {
    fn clone(&self) -> Self {
        match &self.state {
            State::Unstarted(args) => Self::new(args.clone()),
            State::Running(_) | State::Over => panic!("a call was cloned after it had begun to run"),
        }
    }
}

impl<E: Endpoint> std::fmt::Debug for Call<E> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Call({}:{})", E::MODULE, E::NAME)
    }
}

/// Endpoints whose calls are futures: functions with one result that live in this program.
#[diagnostic::on_unimplemented(
    message = "a call of `{Self}` cannot be awaited",
    label = "runs in another actor only",
    note = "a context is opened with `portal.open_context({Self}(..), async |ctx, first| {{ .. }})`, a one-way stream \
            with `portal.open_stream_from({Self}(..), async |mut stream| {{ .. }})`; a function that is declared \
            `extern` is run where it lives: `portal.run({Self}(..))`"
)]
pub trait RunsHere: Endpoint {
    #[doc(hidden)]
    fn run_here(args: Self::Args) -> impl Future<Output = Self::Output> + Send;
}

#[diagnostic::do_not_recommend]
impl<E: FnEndpoint + EndpointBody<Lead = ()>> RunsHere for E {
    fn run_here(args: E::Args) -> impl Future<Output = E::Output> + Send {
        E::run((), args)
    }
}

/// Runs the function here, as part of the awaiting task.
impl<E: RunsHere> Future for Call<E> {
    type Output = E::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<E::Output> {
        let state = self.project().state;
        loop {
            match std::mem::replace(state, State::Over) {
                State::Unstarted(args) => *state = State::Running(Box::pin(E::run_here(args))),
                State::Running(mut running) => {
                    let polled = running.as_mut().poll(cx);
                    if polled.is_pending() {
                        *state = State::Running(running);
                    }
                    return polled;
                }
                State::Over => panic!("a call was polled after it was ready"),
            }
        }
    }
}

/// The argument of [`Portal::run`](super::Portal::run): a call of an endpoint with one result. Sealed.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a call that another actor can run",
    label = "not a call of a `#[tractor::actor_fn]`",
    note = "if the function has no attribute, add `#[tractor::actor_fn]` to it"
)]
pub trait FnTarget: sealed::Sealed {
    /// The function.
    type Endpoint: FnEndpoint;

    #[doc(hidden)]
    fn into_args(self) -> <Self::Endpoint as Endpoint>::Args;
}

impl<E: FnEndpoint> FnTarget for Call<E> {
    type Endpoint = E;

    fn into_args(self) -> E::Args {
        Self::into_args(self)
    }
}

/// The argument of [`Portal::open_context`](super::Portal::open_context): a call of a context. Sealed.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a context that another actor can open",
    label = "not a call of a `#[tractor::context(..)]`",
    note = "if the function has no attribute, add `#[tractor::context(pld_spec = T)]` to it; the first argument, \
            `ctx: Context<T>`, is not passed by callers"
)]
pub trait ContextTarget: sealed::Sealed {
    /// The context.
    type Endpoint: ContextEndpoint;

    #[doc(hidden)]
    fn into_args(self) -> <Self::Endpoint as Endpoint>::Args;
}

impl<E: ContextEndpoint> ContextTarget for Call<E> {
    type Endpoint = E;

    fn into_args(self) -> E::Args {
        Self::into_args(self)
    }
}

/// The argument of [`Portal::open_stream_from`](super::Portal::open_stream_from): a call of a one-way stream. Sealed.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a one-way stream that another actor can open",
    label = "not a call of a `#[tractor::stream]`",
    note = "if the function has no attribute, add `#[tractor::stream]` to it; the first argument, \
            `out: StreamSender<T>`, is not passed by callers"
)]
pub trait StreamTarget: sealed::Sealed {
    /// The stream.
    type Endpoint: StreamEndpoint;

    #[doc(hidden)]
    fn into_args(self) -> <Self::Endpoint as Endpoint>::Args;
}

impl<E: StreamEndpoint> StreamTarget for Call<E> {
    type Endpoint = E;

    fn into_args(self) -> E::Args {
        Self::into_args(self)
    }
}

mod sealed {
    pub trait Sealed {}

    impl<E: super::Endpoint> Sealed for super::Call<E> {}
}
