//! The parent side of a context: the scope that opens it, and the types that its body gets.
//!
//! ```text
//! Start --> wait for the first value --> body --> wait for the outcome --> judge
//!               |                         |           |
//!               +-- failure: raise        |           +-- dropped here: cancel request, the actor finishes it
//!                                         +-- body fails: cancel request, wait, raise the body's error
//!                                         +-- other side fails: body is dropped at its next await, raise
//! ```

use std::fmt;
use std::future::poll_fn;
use std::ops::Deref;
use std::sync::Arc;

use super::call::{ContextTarget, StreamTarget};
use super::deadline::{Inside, in_time};
use super::endpoint::{ContextEndpoint, StreamEndpoint};
use super::handle::ContextHandle;
use super::oneway::ReceiveStream;
use super::portal::Portal;
use super::scope::Scope;
use super::stream::{MsgStream, decode};
use crate::error::{Error, Result, RuntimeFailure};
use crate::proto::codec::PldKind;
use crate::proto::payload::Payload;
use crate::session::{Opener, Overflow, SessionEnd, in_order};

/// The types of a context, as its endpoint sees them.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a context",
    label = "not the name of a `#[tractor::context(..)]`",
    note = "write the name of a function with this attribute, as in `ParentContext<scale>`"
)]
pub trait ContextTypes: 'static {
    /// Type of the first value.
    type Started: Payload;
    /// Type of the values the endpoint streams.
    type Send: Payload;
    /// Type of the values streamed to the endpoint.
    type Recv: Payload;
    /// Type of the final value.
    type Returns: Payload;
    /// Whether streamed values are encoded and decoded again before they leave.
    const STRICT: bool = false;
}

#[diagnostic::do_not_recommend]
impl<E: ContextEndpoint> ContextTypes for E {
    type Started = E::Started;
    type Send = E::Send;
    type Recv = E::Recv;
    type Returns = E::Returns;
    const STRICT: bool = E::STRICT;
}

/// The parent side of a context, inside [`Portal::open_context`]. Dropping it does not end the context, which the scope
/// owns, but closes the stream: the endpoint's `receive` gives `None`, and the endpoint's values are discarded.
pub struct ParentContext<E: ContextTypes> {
    handle: ContextHandle<E::Returns>,
    opener: Opener,
}

impl<E: ContextTypes> ParentContext<E> {
    /// Opens the stream and consumes the context, which has only one stream. Take a [`handle`](ContextHandle::handle)
    /// first if a task needs the context beside the stream.
    ///
    /// This neither waits nor fails: the stream's `receive` and `send` return any failure.
    #[must_use = "a stream that is dropped is closed"]
    pub fn open_stream(self) -> MsgStream<E::Recv, E::Send, E::Returns> {
        self.open_stream_with(Overflow::default())
    }

    /// Opens the stream with a policy for values that this side does not receive fast enough; see
    /// [`Context::open_stream_with`](super::Context::open_stream_with).
    #[must_use = "a stream that is dropped is closed"]
    pub fn open_stream_with(self, overflow: Overflow) -> MsgStream<E::Recv, E::Send, E::Returns> {
        MsgStream::open(self.handle, self.opener, overflow)
    }

    /// Closes the stream without opening it, and waits for the endpoint's final value. To wait beside an open stream,
    /// or more than once, use a [`handle`](ContextHandle::handle).
    ///
    /// # Errors
    /// As [`ContextHandle::wait_for_result`].
    ///
    /// # Cancel safety
    /// Closes at its first poll. A [`handle`](ContextHandle::handle) can wait for the result again.
    pub async fn wait_for_result(self) -> Result<E::Returns> {
        drop(self.opener);
        self.handle.wait_for_result().await
    }
}

impl<E: ContextTypes> Deref for ParentContext<E> {
    type Target = ContextHandle<E::Returns>;

    fn deref(&self) -> &ContextHandle<E::Returns> {
        &self.handle
    }
}

impl<E: ContextTypes> fmt::Debug for ParentContext<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.handle.fmt_as("ParentContext", f)
    }
}

/// A context that was requested and has not started yet, inside [`Portal::open_unstarted`].
pub struct Opening<E: ContextTypes> {
    handle: ContextHandle<E::Returns>,
    opener: Opener,
}

impl<E: ContextTypes> Opening<E> {
    pub(super) fn new(session: Arc<SessionEnd>) -> Self {
        Self { opener: Opener::new(session.clone()), handle: ContextHandle::new(session) }
    }

    /// Waits for the first value, and returns it with the context.
    ///
    /// # Errors
    /// The other side failed, was cancelled or is lost, or the value is not an `E::Started`.
    ///
    /// # Cancel safety
    /// After the future was dropped, the context's stream can no longer be opened. The scope goes on.
    pub async fn started(self) -> Result<(ParentContext<E>, E::Started)> {
        let session = self.handle.session();
        let first = in_order(poll_fn(|cx| session.poll_first(cx)).await).await?;
        if E::STRICT {
            session.be_strict();
        }
        let first = decode(session, PldKind::Started, &first)?;
        Ok((ParentContext { handle: self.handle, opener: self.opener }, first))
    }

    /// The body of a scope that begins with the first value.
    pub(super) async fn body<T, Err, F>(self, body: F) -> Result<T, Err>
    where
        F: AsyncFnOnce(ParentContext<E>, E::Started) -> Result<T, Err>,
        Err: From<Error>,
    {
        let (ctx, first) = self.started().await?;
        body(ctx, first).await
    }
}

impl<E: ContextTypes> Deref for Opening<E> {
    type Target = ContextHandle<E::Returns>;

    fn deref(&self) -> &ContextHandle<E::Returns> {
        &self.handle
    }
}

impl<E: ContextTypes> fmt::Debug for Opening<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.handle.fmt_as("Opening", f)
    }
}

impl Portal {
    /// Opens a context in the actor: runs the endpoint there and the body here, as one scope.
    ///
    /// The body gets the context and the endpoint's first value. When this returns, the task on the other side has
    /// ended. A failure of the other side drops the body at its next await and is returned; a failure of the body
    /// cancels the other side and is returned. A cancellation that the body itself asked for with
    /// [`cancel`](ContextHandle::cancel) is not an error.
    ///
    /// # Errors
    /// The body's own error; else the failure, cancellation or loss of the other side.
    ///
    /// # Cancel safety
    /// Dropping the future cancels the other side. The surrounding scope waits for its end: the body or endpoint that
    /// opened this context ends after it.
    pub async fn open_context<C, T, Err, F>(&self, call: C, body: F) -> Result<T, Err>
    where
        C: ContextTarget,
        F: AsyncFnOnce(
            ParentContext<C::Endpoint>,
            <C::Endpoint as ContextEndpoint>::Started,
        ) -> Result<T, Err>,
        Err: From<Error>,
    {
        let scope = Scope::of_context(self, call).await?;
        let opening = Opening::new(scope.0.clone());
        scope.run(opening.body(body)).await
    }

    /// As [`open_context`](Self::open_context), but the body begins before the context has started and can cancel it
    /// meanwhile. Leaving the scope still waits for the end of the other side.
    ///
    /// ```
    /// # use tractor_core::{ContextTarget, Error, Portal, Result};
    /// # async fn impatience() {}
    /// # async fn example(portal: &Portal, call: impl ContextTarget) -> Result<()> {
    /// portal.open_unstarted(call, async |opening| {
    ///     let handle = opening.handle();
    ///     tokio::select! {
    ///         started = opening.started() => {
    ///             let (ctx, first) = started?;
    ///             // ..
    ///         }
    ///         () = impatience() => {
    ///             handle.cancel().await?;
    ///         }
    ///     }
    ///     Ok::<_, Error>(())
    /// }).await
    /// # }
    /// ```
    ///
    /// # Errors
    /// As [`open_context`](Self::open_context).
    ///
    /// # Cancel safety
    /// As [`open_context`](Self::open_context).
    pub async fn open_unstarted<C, T, Err, F>(&self, call: C, body: F) -> Result<T, Err>
    where
        C: ContextTarget,
        F: AsyncFnOnce(Opening<C::Endpoint>) -> Result<T, Err>,
        Err: From<Error>,
    {
        let scope = Scope::of_context(self, call).await?;
        let opening = Opening::new(scope.0.clone());
        scope.run(body(opening)).await
    }

    /// Refuses a context of an actor to itself.
    pub(super) fn refuse_self(&self) -> Result<()> {
        if self.peer.aid.uid != self.peer.us {
            return Ok(());
        }
        let text = "Invalid Operation: an actor cannot open a context to itself; call the function instead";
        Err(RuntimeFailure::new(text).into())
    }

    /// Opens a one-way stream from the actor: runs the endpoint there and the body here, as one scope.
    ///
    /// Leaving the body cancels the endpoint if it has not ended, which is not an error.
    ///
    /// # Errors
    /// The body's own error; else the failure or loss of the other side.
    ///
    /// # Cancel safety
    /// As [`open_context`](Self::open_context).
    pub async fn open_stream_from<C, T, Err, F>(&self, call: C, body: F) -> Result<T, Err>
    where
        C: StreamTarget,
        F: AsyncFnOnce(ReceiveStream<<C::Endpoint as StreamEndpoint>::Item>) -> Result<T, Err>,
        Err: From<Error>,
    {
        Scope::of_stream(self, call).await?.receiving(body).await
    }
}

impl Scope {
    /// Runs the body of a scope that receives from a one-way stream.
    pub(super) async fn receiving<I, T, Err, F>(self, body: F) -> Result<T, Err>
    where
        I: Payload,
        F: AsyncFnOnce(ReceiveStream<I>) -> Result<T, Err>,
        Err: From<Error>,
    {
        let scope = self;
        let session = scope.0.clone();
        let stream = ReceiveStream::new(session.clone());
        in_time(&session, async {
            // A failure reaches the body through `receive`, after the values that came before it.
            let value = match body(stream).await {
                Ok(value) => value,
                Err(error) => {
                    session.report_type_error();
                    return Inside::Failed(error);
                }
            };
            session.cancel_remote();
            let outcome = session.drained().await;
            Inside::Done(in_order(scope.raised(outcome).map_or(Ok(value), Err)).await.map_err(Err::from))
        })
        .await
    }
}
