//! The child side of a context: what an endpoint is handed.

use std::borrow::Borrow;
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use super::portal::Portal;
use super::stream::{MsgStream, PayloadOf};
use crate::actor::Linked;
use crate::error::Result;
use crate::proto::dialog::Command;
use crate::proto::id::{Cid, Uid};
use crate::proto::payload::Payload;

/// State of a [`Context`] before its first value was sent.
#[derive(Debug)]
pub enum Opening {}

/// State of a [`Context`] after its first value was sent.
#[derive(Debug)]
pub enum Started {}

/// States in which a [`Context`] may stream.
#[diagnostic::on_unimplemented(
    message = "the context has not started: `open_stream` comes after `started`",
    label = "not available before `started`",
    note = "send the first value first: `let mut ctx = ctx.started(value).await?;`"
)]
pub trait CanStream {}

impl CanStream for Started {}

/// The child side of a context, linked to the task in another actor that opened it.
///
/// `S` is the type of the first value, `Tx` of the values this side streams, `Rx` of those it receives; with one type
/// given it is all three. The endpoint's future is dropped at its next await when the other side fails, asks for the
/// cancellation, or is lost.
pub struct Context<S, Tx = S, Rx = Tx, State = Opening> {
    linked: Arc<Linked>,
    types: PhantomData<Types<S, Tx, Rx, State>>,
}

/// Consumes `S` and `Tx`, produces `Rx`; never holds any of them.
type Types<S, Tx, Rx, State> = fn(S, Tx) -> (Rx, State);

impl<S, Tx, Rx> Context<S, Tx, Rx, Opening> {
    pub(crate) fn new(linked: Arc<Linked>) -> Self {
        Self { linked, types: PhantomData }
    }

    /// Sends the first value, which the opening task is waiting for. Exactly once, hence by value.
    ///
    /// # Errors
    /// The value cannot be encoded, or is larger than `frame_bytes_max`.
    ///
    /// # Cancel safety
    /// Sends at its first poll, without waiting.
    pub async fn started(self, value: impl PayloadOf<S>) -> Result<Context<S, Tx, Rx, Started>>
    where
        S: Payload,
    {
        self.linked.send_started(value.hold().borrow())?;
        Ok(Context { linked: self.linked, types: PhantomData })
    }
}

impl<S, Tx, Rx, State> Context<S, Tx, Rx, State> {
    /// Opens the stream. Once per context: a closed stream is not reopened, a new context is.
    ///
    /// # Errors
    /// The stream was opened before.
    ///
    /// # Cancel safety
    /// Opens at its first poll, without waiting.
    pub async fn open_stream(&mut self) -> Result<MsgStream<Tx, Rx>>
    where
        Tx: Payload,
        Rx: Payload,
        State: CanStream,
    {
        self.linked.command(Command::OpenStream)?;
        Ok(MsgStream::new(self.linked.clone()))
    }

    /// Cancels this context from its child side: the endpoint's future is dropped at its next await, and the parent side
    /// gets a [`ContextCancelled`](crate::error::ContextCancelled) that names this actor.
    pub fn cancel(&self) {
        self.linked.cancel(self.linked.peer.us.clone());
    }

    /// A portal to the actor at the other end, over the same connection.
    pub fn portal(&self) -> Portal {
        Portal::new(self.linked.peer.clone())
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

impl<S, Tx, Rx, State> fmt::Debug for Context<S, Tx, Rx, State> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context")
            .field("endpoint", &self.linked.endpoint)
            .field("peer", self.peer())
            .field("cid", &self.linked.cid)
            .field("state", &self.linked.phase_name())
            .finish()
    }
}
