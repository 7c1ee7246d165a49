//! The inputs and outputs of the dialog machine.

use std::fmt;

use crate::id::Uid;
use crate::msg::FuncType;

/// A message from the peer. Its payload `P` or error `E` is passed through unread.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Received<P, E> {
    /// The peer accepted our request.
    StartAck(FuncType),
    /// First value.
    Started(P),
    /// Streamed value.
    Yield(P),
    /// End of the peer's half of the stream.
    Stop,
    /// Final value.
    Return(P),
    /// Final value of a cancel request.
    CancelAck(P),
    /// Failure.
    Error(E),
    /// The peer had no room for a value of ours. This `Error` precedes the outcome and does not replace it.
    Overrun(E),
    /// Room for more stream bytes.
    Credit(u32),
}

impl<P, E> Received<P, E> {
    /// The message's name on the wire.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::StartAck(_) => "StartAck",
            Self::Started(_) => "Started",
            Self::Yield(_) => "Yield",
            Self::Stop => "Stop",
            Self::Return(_) => "Return",
            Self::CancelAck(_) => "CancelAck",
            Self::Error(_) | Self::Overrun(_) => "Error",
            Self::Credit(_) => "Credit",
        }
    }
}

/// The meaning of one message of the peer for the local side.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect<P, E> {
    /// The peer accepted; nothing to hand over.
    Accepted,
    /// The first value, for the task that opens the context.
    First(P),
    /// A streamed value, for the inbox.
    Deliver(P),
    /// The peer closed its half; the inbox ends after what is queued.
    EndOfStream,
    /// More room at the peer.
    Grant(u32),
    /// The dialog is over with this value. `stream_cut` says that the peer ended without closing its stream.
    Settled {
        /// The final value.
        value: P,
        /// Whether a local reader must know that the stream was not closed.
        stream_cut: bool,
    },
    /// The one-way stream is over.
    StreamDone,
    /// Parent side: the dialog is over with this failure.
    Failed(E),
    /// Child side: the parent side failed; end the local task and relay this failure.
    CancelTask(E),
    /// The peer had no room for a value of ours. On the parent side the outcome is still to come; on the child side the
    /// local task must end, and this is relayed.
    Overrun(E),
    /// The peer broke the order of messages. The dialog is over; both sides must learn of it.
    Violated(Violation),
    /// Nothing to do; worth a line in the log.
    Ignored(&'static str),
}

/// A step that the local side wants to take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Command {
    /// Send the first value.
    Started,
    /// Open the local half of the stream.
    OpenStream,
    /// Send a streamed value.
    Yield,
    /// Close the local half of the stream.
    Stop,
    /// Close both halves: without `credit` one `Stop` ends both.
    StopBoth,
}

/// A command the dialog does not allow: a mistake of local code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Misuse {
    /// `started()` was called twice.
    StartedTwice,
    /// `started()` was called on the parent side or for an endpoint that is not a context.
    StartedByParent,
    /// `open_stream()` was called before `started()`.
    StreamBeforeStarted,
    /// `open_stream()` was called a second time.
    StreamReopened,
    /// A value was sent before `open_stream()`.
    StreamNotOpen,
    /// A value was sent after the local half was closed.
    StreamClosed,
    /// The dialog is over.
    Ended,
}

impl fmt::Display for Misuse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::StartedTwice => "`started()` was called twice; a context has one first value",
            Self::StartedByParent => "`started()` belongs to the child side of a context",
            Self::StreamBeforeStarted => {
                "`open_stream()` was called before `started()`; send the first value first"
            }
            Self::StreamReopened => {
                "the stream of this context was opened before; open a new context instead"
            }
            Self::StreamNotOpen => "no stream is open on this context; call `open_stream()` first",
            Self::StreamClosed => "the stream was closed on this side",
            Self::Ended => "the context has ended",
        })
    }
}

/// An order of messages that the protocol does not allow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Violation {
    /// The message's name.
    pub message: &'static str,
    /// The state of the dialog.
    pub phase: &'static str,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let known = match (self.message, self.phase) {
            ("Return", "awaiting Started") => {
                "the child side returned before started: a context endpoint must call `ctx.started(value)` first"
            }
            ("StartAck", "awaiting StartAck(asyncfunc)") => {
                "the endpoint is not a function: open a context with `open_context`, a one-way stream with \
                 `open_stream_from`"
            }
            // Only a function returns before anything else.
            ("StartAck" | "Return", "awaiting StartAck(asyncgen)") => {
                "the endpoint is not a one-way stream: call a function with `run`, open a context with `open_context`"
            }
            ("StartAck" | "Return", "awaiting StartAck(context)") => {
                "the endpoint is not a context: call a function with `run`, open a one-way stream with \
                 `open_stream_from`"
            }
            (message, phase) => return write!(f, "unexpected `{message}` while {phase}"),
        };
        f.write_str(known)
    }
}

/// How a child-side task ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TaskEnd {
    /// It returned a value.
    Returned,
    /// It failed with an error of its own, or panicked.
    Failed,
    /// It was dropped because of a cancel request, a failure of the parent side or a lost connection.
    Dropped,
}

/// The message with which a child side tells its parent side that it has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Conclusion {
    /// Send `Return` (or `CancelAck` for a cancel request).
    Return,
    /// Send `Stop`: the regular end of a one-way stream.
    Stop,
    /// A one-way stream was cancelled. Send `Stop` if its receiver asked for the cancellation, which is then no error;
    /// otherwise `Error(ContextCancelled)` naming this canceller.
    StreamCancelled(Uid),
    /// Send the task's own failure.
    Error,
    /// Send `Error(ContextCancelled)` naming this canceller.
    Cancelled(Uid),
    /// Send the parent side's own failure back, relayed.
    Relay,
    /// Send nothing: the connection is gone, or the dialog was over before.
    Nothing,
}
