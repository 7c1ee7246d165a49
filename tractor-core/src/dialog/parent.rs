//! The parent side of a context: the scope that opens it, and what its body is handed.
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
use std::marker::PhantomData;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use super::call::{ContextTarget, StreamTarget};
use super::endpoint::{ContextEndpoint, Endpoint, StreamEndpoint};
use super::oneway::ReceiveStream;
use super::portal::Portal;
use super::run::abandon;
use super::stream::{MsgStream, decode};
use crate::actor::{Linked, Outcome, Overflow, Request};
use crate::error::{Error, MessagingError, Result};
use crate::proto::args::ArgTuple;
use crate::proto::dialog::{Verdict, judge};
use crate::proto::id::{Cid, Uid};
use crate::proto::msg::FuncType;

/// The parent side of a context, inside [`Portal::open_context`].
pub struct ParentContext<E> {
    linked: Arc<Linked>,
    types: PhantomData<fn(E)>,
}

impl<E: ContextEndpoint> ParentContext<E> {
    /// Opens the stream. Once per context: a closed stream is not reopened, a new context is.
    ///
    /// # Errors
    /// The stream was opened before, or the context has ended.
    ///
    /// # Cancel safety
    /// Opens at its first poll, without waiting.
    pub async fn open_stream(&mut self) -> Result<MsgStream<E::Recv, E::Send>> {
        self.open_stream_with(Overflow::default()).await
    }

    /// Opens the stream, and says what happens when this side does not receive fast enough; see
    /// [`Context::open_stream_with`](super::Context::open_stream_with).
    ///
    /// # Errors
    /// As [`open_stream`](Self::open_stream).
    ///
    /// # Cancel safety
    /// As [`open_stream`](Self::open_stream).
    pub async fn open_stream_with(&mut self, overflow: Overflow) -> Result<MsgStream<E::Recv, E::Send>> {
        match self.linked.open_stream(overflow) {
            Ok(()) => Ok(MsgStream::new(self.linked.clone())),
            Err(misuse) => match self.linked.outcome() {
                Some(Outcome::Failed(error)) => Err(error),
                Some(Outcome::Returned(_) | Outcome::StreamDone) | None => Err(misuse),
            },
        }
    }

    /// Waits for the final value of the child side. May be called again and again.
    ///
    /// Stream values that nobody has received by then are discarded.
    ///
    /// # Errors
    /// The child side failed, was cancelled (by whomever) or is lost, or the value is no `E::Returns`.
    ///
    /// # Cancel safety
    /// Cancel safe.
    pub async fn wait_for_result(&mut self) -> Result<E::Returns> {
        match poll_fn(|cx| self.linked.poll_drain(cx)).await {
            Outcome::Returned(value) => decode(&self.linked, "Return", &value),
            Outcome::Failed(error) => Err(error),
            Outcome::StreamDone => Err(out_of_order(&self.linked)),
        }
    }

    /// Asks for the cancellation of the child side, and waits until it is acknowledged, at most
    /// [`Timeouts::context_cancel`](crate::proto::limits::Timeouts::context_cancel). Returns whether it was.
    ///
    /// The body goes on until the child side's end arrives; it is then dropped at its next await that is not this
    /// context's own `receive` or `wait_for_result`.
    ///
    /// # Errors
    /// None today.
    ///
    /// # Cancel safety
    /// The request is sent at the first poll and stays sent.
    pub async fn cancel(&mut self) -> Result<bool> {
        let limit = self.linked.peer.timeouts.context_cancel;
        abandon(&self.linked);
        let outcome = poll_fn(|cx| self.linked.poll_outcome(cx));
        Ok(tokio::time::timeout(limit, outcome).await.is_ok())
    }

    /// The actor at the other end.
    pub fn peer(&self) -> &Uid {
        &self.linked.peer.aid.uid
    }

    /// The context's id.
    pub fn cid(&self) -> Cid {
        self.linked.cid
    }
}

impl<E> fmt::Debug for ParentContext<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ParentContext")
            .field("endpoint", &self.linked.endpoint)
            .field("peer", &self.linked.peer.aid.uid)
            .field("cid", &self.linked.cid)
            .field("state", &self.linked.phase_name())
            .finish()
    }
}

fn out_of_order(linked: &Linked) -> Error {
    MessagingError::new("the endpoint ended as a one-way stream", Some(linked.cid)).into()
}

/// Cancels a dialog whose scope is left before its outcome, by whatever way.
struct Scope(Arc<Linked>);

impl Drop for Scope {
    fn drop(&mut self) {
        if self.0.outcome().is_none() {
            abandon(&self.0);
        }
    }
}

impl Scope {
    /// The failure of a settled dialog that its scope has to raise.
    fn raised(&self, outcome: Outcome) -> Option<Error> {
        let Outcome::Failed(error) = outcome else { return None };
        let Error::Cancelled(cancelled) = &error else { return Some(error) };
        let linked = &self.0;
        let cancel_called = linked.canceller().as_ref() == Some(&linked.peer.us);
        match judge(&linked.peer.us, &linked.peer.aid.uid, cancel_called, cancelled.msg()) {
            Verdict::Absorbed => None,
            Verdict::Raised => Some(error),
        }
    }

    /// Polls the body; a failure of the other side ends it where it waits.
    async fn run_body<T, Err>(&self, body: impl Future<Output = Result<T, Err>>) -> Body<T, Err> {
        let mut body = pin!(body);
        poll_fn(|cx| {
            if let Poll::Ready(result) = body.as_mut().poll(cx) {
                return Poll::Ready(Body::Ended(result));
            }
            self.0.poll_failed(cx).map(Body::Dropped)
        })
        .await
    }

    /// What the scope returns once its body has ended.
    async fn leave<T, Err: From<Error>>(self, body: Body<T, Err>) -> Result<T, Err> {
        match body {
            Body::Ended(Ok(value)) => {
                let outcome = poll_fn(|cx| self.0.poll_drain(cx)).await;
                self.raised(outcome).map_or(Ok(value), |error| Err(error.into()))
            }
            Body::Ended(Err(error)) => {
                abandon(&self.0);
                _ = poll_fn(|cx| self.0.poll_drain(cx)).await; // the body's error wins over everything later
                Err(error)
            }
            Body::Dropped(error) => Err(error.into()),
        }
    }
}

enum Body<T, Err> {
    Ended(Result<T, Err>),
    /// The other side failed with this, and the body was dropped.
    Dropped(Error),
}

impl Portal {
    /// Opens a context in the actor: runs the endpoint there and the body here, as one scope.
    ///
    /// The body gets the context and the endpoint's first value. When this returns, the task on the other side has
    /// ended. A failure of the other side drops the body at its next await and is raised; a failure of the body
    /// cancels the other side and is raised. A cancellation that the body itself asked for with
    /// [`ParentContext::cancel`] is not an error.
    ///
    /// # Errors
    /// The body's own error; else the failure, cancellation or loss of the other side.
    ///
    /// # Cancel safety
    /// Dropping the future cancels the other side. Its end is not waited for then.
    pub async fn open_context<C, T, Err, F>(&self, call: C, body: F) -> Result<T, Err>
    where
        C: ContextTarget,
        F: AsyncFnOnce(
            &mut ParentContext<C::Endpoint>,
            <C::Endpoint as ContextEndpoint>::Started,
        ) -> Result<T, Err>,
        Err: From<Error>,
    {
        let args = call.into_args();
        let request = Request {
            ns: C::Endpoint::MODULE,
            func: C::Endpoint::NAME,
            kind: FuncType::Context,
            pld_spec: std::any::type_name::<<C::Endpoint as ContextEndpoint>::Started>(),
        };
        let linked = self.peer.start(request, |format, out| args.encode(C::Endpoint::ARGS, format, out))?;
        let scope = Scope(linked.clone());
        let first = poll_fn(|cx| linked.poll_first(cx)).await?;
        let first = match decode(&linked, "Started", &first) {
            Ok(first) => first,
            Err(error) => return scope.leave(Body::Ended(Err(error.into()))).await,
        };
        let mut ctx = ParentContext { linked, types: PhantomData };
        let body = scope.run_body(body(&mut ctx, first)).await;
        scope.leave(body).await
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
        F: AsyncFnOnce(&mut ReceiveStream<<C::Endpoint as StreamEndpoint>::Item>) -> Result<T, Err>,
        Err: From<Error>,
    {
        let args = call.into_args();
        let request = Request {
            ns: C::Endpoint::MODULE,
            func: C::Endpoint::NAME,
            kind: FuncType::AsyncGen,
            pld_spec: std::any::type_name::<<C::Endpoint as StreamEndpoint>::Item>(),
        };
        let linked = self.peer.start(request, |format, out| args.encode(C::Endpoint::ARGS, format, out))?;
        let scope = Scope(linked.clone());
        let mut stream = ReceiveStream::new(linked.clone());
        // A failure reaches the body through `receive`, after the values that came before it.
        let result = body(&mut stream).await;
        abandon(&linked);
        let outcome = poll_fn(|cx| linked.poll_drain(cx)).await;
        match result {
            Ok(value) => scope.raised(outcome).map_or(Ok(value), |error| Err(error.into())),
            Err(error) => Err(error),
        }
    }
}
