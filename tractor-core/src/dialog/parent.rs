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
use std::future::{Ready, ready};
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::call::{ContextTarget, StreamTarget};
use super::cancel::CancelContext;
use super::deadline::{Inside, in_time};
use super::endpoint::{ContextEndpoint, StreamEndpoint};
use super::oneway::ReceiveStream;
use super::parent_stream::ParentStream;
use super::portal::Portal;
use super::rule::StreamRules;
use super::run::abandon;
use super::scope::Scope;
use super::stream::{MsgStream, decode};
use crate::actor::{Linked, Outcome, Overflow, Rule};
use crate::error::{Error, MessagingError, Result, RuntimeFailure};
use crate::proto::codec::PldKind;
use crate::proto::dialog::Side;
use crate::proto::id::{Cid, Uid};
use crate::proto::payload::Payload;

/// The types of a context, as its endpoint sees them.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a context",
    label = "not the name of a `#[tractor::context(..)]`",
    note = "write the name of a function with this attribute, as in `ParentStream<scale>`; streams of any context are \
            `MsgStream<Tx, Rx>`"
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
    #[doc(hidden)]
    const STARTED_RULE: Option<Rule<Self::Started>> = None;
    #[doc(hidden)]
    const SEND_RULE: Option<Rule<Self::Send>> = None;
    #[doc(hidden)]
    const RECV_RULE: Option<Rule<Self::Recv>> = None;
    #[doc(hidden)]
    const RETURNS_RULE: Option<Rule<Self::Returns>> = None;
}

#[diagnostic::do_not_recommend]
impl<E: ContextEndpoint> ContextTypes for E {
    type Started = E::Started;
    type Send = E::Send;
    type Recv = E::Recv;
    type Returns = E::Returns;
    const STARTED_RULE: Option<Rule<Self::Started>> = E::STARTED_RULE;
    const SEND_RULE: Option<Rule<Self::Send>> = E::SEND_RULE;
    const RECV_RULE: Option<Rule<Self::Recv>> = E::RECV_RULE;
    const RETURNS_RULE: Option<Rule<Self::Returns>> = E::RETURNS_RULE;
}

/// The parent side of a context, inside [`Portal::open_context`].
pub struct ParentContext<E> {
    linked: Arc<Linked>,
    types: PhantomData<fn(E)>,
}

/// Never implemented: sides of a context that send its first value and are not a `Context`.
#[diagnostic::on_unimplemented(
    message = "the parent side of `{Self}` does not call `started`: it waits for the first value",
    label = "only the endpoint sends a first value",
    note = "the body gets the first value beside the context: `async |ctx, first| {{ .. }}`; to send values, open the stream"
)]
pub trait SendsFirst {}

impl<E> ParentContext<E> {
    pub(super) fn new(linked: Arc<Linked>) -> Self {
        Self { linked, types: PhantomData }
    }
}

impl<E: ContextTypes> ParentContext<E> {
    /// Exists for its error message.
    #[doc(hidden)]
    pub fn started<V>(&self, _value: V) -> Ready<Result<()>>
    where
        E: SendsFirst,
    {
        ready(Ok(()))
    }

    /// Opens the stream. Once per context: a closed stream is not reopened, a new context is. The macros refuse a second call
    /// where they see one; any other is an error when it runs.
    ///
    /// # Errors
    /// The stream was opened before, or the context has ended.
    ///
    /// # Cancel safety
    /// Opens at its first poll, without waiting.
    pub async fn open_stream(&mut self) -> Result<ParentStream<E>> {
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
    pub async fn open_stream_with(&mut self, overflow: Overflow) -> Result<ParentStream<E>> {
        match self.linked.open_stream(overflow) {
            Ok(()) => {
                let rules = StreamRules { send: E::RECV_RULE, recv: E::SEND_RULE };
                Ok(ParentStream::new(MsgStream::new(self.linked.clone(), rules)))
            }
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
        let outcome = self.linked.result().await;
        self.result_of(outcome)
    }

    /// Asks for the cancellation of the child side, and waits until it is acknowledged. Awaited, this tells whether it was
    /// within [`Timeouts::context_cancel`](crate::proto::limits::Timeouts::context_cancel), or within the
    /// [`timeout`](CancelContext::timeout) given.
    ///
    /// The body goes on until the child side's end arrives; it is then dropped at its next await that is not this
    /// context's own `receive` or `wait_for_result`. Leaving the scope waits for that end, however late it is.
    ///
    /// # Errors
    /// None today.
    ///
    /// # Cancel safety
    /// The request is sent at the first poll and stays sent.
    pub fn cancel(&mut self) -> CancelContext<'_> {
        CancelContext::new(&self.linked)
    }

    /// Whether this side has called [`cancel`](Self::cancel).
    pub fn cancel_called(&self) -> bool {
        self.linked.cancel_called()
    }

    /// Whether the context has ended with the cancellation that this side asked for: a
    /// [`ContextCancelled`](crate::error::ContextCancelled) of the child side that names this actor, after
    /// [`cancel`](Self::cancel). Such an end is no error of the scope.
    ///
    /// It stays `false` when the child side returned or failed before the request took effect, and when somebody else had
    /// it cancelled first.
    pub fn cancel_acked(&self) -> bool {
        self.linked.cancel_acked()
    }

    /// Who is responsible for the failure that ended this context: this actor when a cancellation names it, else the
    /// actor whose task failed, was cancelled or is lost. For who cancelled that one ask the error. `None` as long as the
    /// context goes on, and when it ended with a result.
    pub fn canceller(&self) -> Option<Uid> {
        self.linked.responsible()
    }

    /// Whether the child side has ended, with whatever result.
    pub fn has_outcome(&self) -> bool {
        self.linked.has_outcome()
    }

    /// The outcome if it has arrived, without waiting: what [`wait_for_result`](Self::wait_for_result) would give. Stream
    /// values that came before it can still be received.
    pub fn outcome(&self) -> Option<Result<E::Returns>> {
        self.linked.outcome().map(|outcome| self.result_of(outcome))
    }

    /// The failure that ended the context, if one did: what [`outcome`](Self::outcome) would give as an error, whatever its
    /// result type. An acknowledged cancellation is one, too.
    pub fn maybe_error(&self) -> Option<Error> {
        self.linked.failed_with()
    }

    /// Which side this is: the one that has opened the context.
    pub fn side(&self) -> Side {
        self.linked.side()
    }

    /// The other side.
    pub fn peer_side(&self) -> Side {
        self.linked.side().other()
    }

    /// What the context is doing or how it ended, for people: `started`, `streaming` or `streaming-finished`; then
    /// `result-returned`, `self-cancelled` (as this side asked), `peer-cancelled` (by the child side itself),
    /// `actor-cancelled` (with its whole actor) or `errored`.
    pub fn state(&self) -> &'static str {
        self.linked.state()
    }

    /// When this context must have ended, on the runtime's clock; `None` without a deadline. Both sides keep to it, each by
    /// its own clock.
    pub fn deadline(&self) -> Option<Instant> {
        self.linked.deadline.map(|deadline| deadline.at)
    }

    /// The time that is left until the [`deadline`](Self::deadline).
    pub fn remaining(&self) -> Option<Duration> {
        self.deadline().map(|at| at.saturating_duration_since(Instant::now()))
    }

    fn result_of(&self, outcome: Outcome) -> Result<E::Returns> {
        match outcome {
            Outcome::Returned(value) => decode(&self.linked, PldKind::Return, E::RETURNS_RULE, &value),
            Outcome::Failed(error) => Err(error),
            Outcome::StreamDone => Err(out_of_order(&self.linked)),
        }
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
            .field("state", &self.linked.state())
            .finish()
    }
}

fn out_of_order(linked: &Linked) -> Error {
    MessagingError::new("the endpoint ended as a one-way stream", Some(linked.cid)).into()
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
        self.refuse_self()?;
        let scope = Scope::of_context(self, call)?;
        let linked = scope.0.clone();
        in_time(&linked, async {
            match scope.first().await {
                Ok(first) => scope.run::<C::Endpoint, _, _, _>(&first, body).await,
                Err(error) => Inside::Failed(error.into()),
            }
        })
        .await
    }

    /// An actor opens no context to itself.
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
        F: AsyncFnOnce(&mut ReceiveStream<<C::Endpoint as StreamEndpoint>::Item>) -> Result<T, Err>,
        Err: From<Error>,
    {
        let scope = Scope::of_stream(self, call)?;
        let linked = scope.0.clone();
        let mut stream = ReceiveStream::new(linked.clone(), C::Endpoint::ITEM_RULE);
        in_time(&linked, async {
            // A failure reaches the body through `receive`, after the values that came before it.
            let value = match body(&mut stream).await {
                Ok(value) => value,
                Err(error) => {
                    linked.report_type_error();
                    return Inside::Failed(error);
                }
            };
            abandon(&linked);
            let outcome = linked.drained().await;
            Inside::Done(scope.raised(outcome).map_or(Ok(value), |error| Err(error.into())))
        })
        .await
    }
}
