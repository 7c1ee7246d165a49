//! The states of a dialog and the transitions between them.

use std::fmt;

use super::event::{Command, Conclusion, Effect, Misuse, Received, TaskEnd, Violation};
use crate::id::Uid;
use crate::msg::FuncType;

/// The two ends of a dialog. Not to be confused with parent and child *actors*: a grandchild may open a context into
/// the root and is then that context's parent side.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Side {
    /// The end that sent `Start`.
    Parent,
    /// The end that runs the endpoint.
    Child,
}

impl Side {
    /// The opposite end.
    #[must_use]
    pub const fn other(self) -> Self {
        match self {
            Self::Parent => Self::Child,
            Self::Child => Self::Parent,
        }
    }
}

/// `parent` or `child`.
impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Parent => "parent",
            Self::Child => "child",
        })
    }
}

/// One direction of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Half {
    Unopened,
    Open,
    Closed,
}

/// The answer of an endpoint that receives no stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum OneWay {
    Value,
    Stream,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Phase {
    /// Parent side: `Start` was sent for an endpoint of this kind.
    AwaitAck(FuncType),
    /// Parent side: the same for a function, with a peer that may send the result without a `StartAck`.
    AwaitAnswer,
    /// Parent side: a function runs.
    AwaitReturn,
    /// Parent side: a context was accepted. `rx` is the peer's half of the stream. A correct peer sends nothing on it
    /// before the first value. Values that arrive earlier are kept, as in the reference.
    AwaitStarted { rx: Half },
    /// Parent side: a one-way stream runs.
    Receiving,
    /// Child side: a context runs that has not sent its first value. `rx` as above.
    PreStarted { rx: Half },
    /// Child side: a function or one-way stream runs.
    Running(OneWay),
    /// Both sides: the first value has travelled. `tx` is the local half of the stream, `rx` the peer's.
    Open { tx: Half, rx: Half },
    /// Both sides: over.
    Settled,
    /// Parent side: over, with a result that came before the local side opened its stream. It may still open the
    /// stream, to read the values that came before the result.
    SettledUnopened,
}

/// Whether the local end of a dialog must end, and why.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Ending {
    /// It need not end.
    No,
    /// An actor asked for it; the first request counts.
    Cancelled { by: Uid },
    /// Child side: the parent side reported a failure.
    ParentFailed,
    /// The connection is gone.
    Lost,
}

/// The progress of a context.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Progress {
    /// The parent side waits for the first value.
    Syncing,
    /// The child side has not sent its first value.
    PreStarted,
    /// The first value was sent; the stream is not open.
    Started,
    /// The stream is open.
    Streaming,
    /// This side has closed its half.
    StreamingFinished,
    /// The dialog is over.
    Settled,
}

/// One end of one dialog. See the [module docs](super) for the diagram.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Dialog {
    side: Side,
    phase: Phase,
    ending: Ending,
}

impl Dialog {
    /// The parent side of a dialog whose `Start` asks for an endpoint of this kind.
    pub fn parent(kind: FuncType) -> Self {
        Self { side: Side::Parent, phase: Phase::AwaitAck(kind), ending: Ending::No }
    }

    /// As [`parent`](Self::parent), with a peer that may send a function's result without a `StartAck`. Extension
    /// `unacked`.
    pub fn parent_unacked(kind: FuncType) -> Self {
        match kind {
            FuncType::AsyncFunc => Self { phase: Phase::AwaitAnswer, ..Self::parent(kind) },
            FuncType::AsyncGen | FuncType::Context => Self::parent(kind),
        }
    }

    /// The child side of a dialog whose `Start` was accepted.
    pub fn child(kind: FuncType) -> Self {
        let phase = match kind {
            FuncType::Context => Phase::PreStarted { rx: Half::Open },
            FuncType::AsyncFunc => Phase::Running(OneWay::Value),
            FuncType::AsyncGen => Phase::Running(OneWay::Stream),
        };
        Self { side: Side::Child, phase, ending: Ending::No }
    }

    /// The side on which this end is.
    pub fn side(&self) -> Side {
        self.side
    }

    /// Whether the dialog is over.
    pub fn is_settled(&self) -> bool {
        matches!(self.phase, Phase::Settled | Phase::SettledUnopened)
    }

    /// Parent side: whether the request was neither accepted nor refused yet.
    pub fn is_unanswered(&self) -> bool {
        matches!(self.phase, Phase::AwaitAck(_) | Phase::AwaitAnswer)
    }

    /// The actor whose cancel request was the first, as far as this side knows.
    pub fn canceller(&self) -> Option<&Uid> {
        match &self.ending {
            Ending::Cancelled { by } => Some(by),
            Ending::No | Ending::ParentFailed | Ending::Lost => None,
        }
    }

    /// Parent side: whether a one-way stream was accepted and goes on.
    pub fn is_receiving(&self) -> bool {
        self.phase == Phase::Receiving
    }

    /// Whether the local task must end: a cancel request, a failure of the parent side or the loss of the connection
    /// has reached this side.
    pub fn is_ending(&self) -> bool {
        self.ending != Ending::No
    }

    /// Records a request to cancel this dialog. Returns whether it is the first one of a live dialog.
    ///
    /// On the child side it comes from the peer (or from the endpoint itself) and the task must be dropped; on the
    /// parent side it is our own and a cancel request must be sent.
    pub fn cancel(&mut self, by: Uid) -> bool {
        if self.is_settled() || self.is_ending() {
            return false;
        }
        self.ending = Ending::Cancelled { by };
        true
    }

    /// Records the loss of the connection. Returns whether the dialog was still live, and so has just been settled
    /// (parent side) or must drop its task (child side).
    pub fn lose(&mut self) -> bool {
        if self.is_settled() {
            return false;
        }
        self.ending = Ending::Lost;
        if self.side == Side::Parent {
            self.phase = Phase::Settled;
        }
        true
    }

    /// Parent side: records that the peer acknowledged the request to cancel this dialog. In the base protocol a
    /// cancelled function or one-way stream sends nothing else at its end. Returns whether the dialog was still live,
    /// and so has just been settled.
    pub fn acknowledge(&mut self) -> bool {
        if self.side == Side::Child || self.is_settled() {
            return false;
        }
        self.phase = Phase::Settled;
        true
    }

    /// Takes a step of the local side, if it is allowed now.
    ///
    /// # Errors
    /// [`Misuse`] says which rule of the dialog local code broke.
    pub fn command(&mut self, command: Command) -> Result<(), Misuse> {
        match command {
            Command::Started => self.start(),
            Command::OpenStream => self.open_stream(),
            Command::Yield => self.may_yield(),
            Command::Stop => self.stop(),
            Command::StopBoth => {
                self.stop()?;
                if let Phase::Open { rx, .. } = &mut self.phase {
                    *rx = Half::Closed;
                }
                Ok(())
            }
        }
    }

    fn start(&mut self) -> Result<(), Misuse> {
        match (self.side, self.phase) {
            (Side::Child, Phase::PreStarted { rx }) => {
                self.phase = Phase::Open { tx: Half::Unopened, rx };
                Ok(())
            }
            (Side::Child, Phase::Open { .. }) => Err(Misuse::StartedTwice),
            (_, Phase::Settled | Phase::SettledUnopened) => Err(Misuse::Ended),
            (Side::Child, _) | (Side::Parent, _) => Err(Misuse::StartedByParent),
        }
    }

    fn open_stream(&mut self) -> Result<(), Misuse> {
        match &mut self.phase {
            Phase::Open { tx: tx @ Half::Unopened, .. } => {
                *tx = Half::Open;
                Ok(())
            }
            Phase::SettledUnopened => {
                self.phase = Phase::Settled;
                Ok(())
            }
            Phase::Open { .. } => Err(Misuse::StreamReopened),
            Phase::Settled => Err(Misuse::Ended),
            _ => Err(Misuse::StreamBeforeStarted),
        }
    }

    #[inline]
    fn may_yield(&self) -> Result<(), Misuse> {
        match self.phase {
            Phase::Open { tx: Half::Open, .. } | Phase::Running(OneWay::Stream) => Ok(()),
            Phase::Open { tx: Half::Closed, .. } => Err(Misuse::StreamClosed),
            Phase::Settled | Phase::SettledUnopened => Err(Misuse::Ended),
            _ => Err(Misuse::StreamNotOpen),
        }
    }

    fn stop(&mut self) -> Result<(), Misuse> {
        match &mut self.phase {
            Phase::Open { tx: tx @ Half::Open, .. } => {
                *tx = Half::Closed;
                Ok(())
            }
            Phase::Open { tx: Half::Closed, .. } => Err(Misuse::StreamClosed),
            Phase::Settled | Phase::SettledUnopened => Err(Misuse::Ended),
            _ => Err(Misuse::StreamNotOpen),
        }
    }

    /// Whether a streamed value of the peer is [delivered](Effect::Deliver). Delivery changes no state.
    #[inline]
    pub fn takes_values(&self) -> bool {
        matches!(self.phase, Phase::Open { rx: Half::Open, .. } | Phase::Receiving)
    }

    /// Takes in one message of the peer.
    #[inline]
    pub fn receive<P, E>(&mut self, msg: Received<P, E>) -> Effect<P, E> {
        // A streamed value of an open dialog is by far the most frequent message.
        let msg = match msg {
            Received::Yield(value) if self.takes_values() => return Effect::Deliver(value),
            msg => msg,
        };
        match self.side {
            Side::Parent => self.receive_as_parent(msg),
            Side::Child => self.receive_as_child(msg),
        }
    }

    fn receive_as_parent<P, E>(&mut self, msg: Received<P, E>) -> Effect<P, E> {
        match (self.phase, msg) {
            (Phase::Settled | Phase::SettledUnopened, _) => Effect::Ignored("the dialog is over"),
            // The peer can only refuse values that were sent. Its task runs until it is asked to end.
            (Phase::Open { tx: Half::Open | Half::Closed, .. }, Received::Overrun(error)) => {
                Effect::Overrun(error)
            }
            (_, Received::Error(error) | Received::Overrun(error)) => {
                self.phase = Phase::Settled;
                Effect::Failed(error)
            }
            (Phase::AwaitAck(want), Received::StartAck(kind)) if kind == want => {
                self.phase = match kind {
                    FuncType::AsyncFunc => Phase::AwaitReturn,
                    FuncType::AsyncGen => Phase::Receiving,
                    FuncType::Context => Phase::AwaitStarted { rx: Half::Open },
                };
                Effect::Accepted
            }
            (Phase::AwaitAnswer, Received::StartAck(FuncType::AsyncFunc)) => {
                self.phase = Phase::AwaitReturn;
                Effect::Accepted
            }
            (Phase::AwaitAnswer, Received::Return(value)) => {
                self.phase = Phase::Settled;
                Effect::Settled { value, stream_cut: false }
            }
            (Phase::AwaitAck(_) | Phase::AwaitAnswer, msg) => self.violated(&msg),
            (_, Received::StartAck(_)) => Effect::Ignored("the dialog was accepted before"),
            (Phase::AwaitReturn, Received::Return(value) | Received::CancelAck(value)) => {
                self.phase = Phase::Settled;
                Effect::Settled { value, stream_cut: false }
            }
            (Phase::AwaitStarted { rx }, Received::Started(value)) => {
                self.phase = Phase::Open { tx: Half::Unopened, rx };
                Effect::First(value)
            }
            (Phase::AwaitStarted { .. }, msg @ (Received::Yield(_) | Received::Stop)) => {
                self.receive_open(msg)
            }
            (Phase::Receiving, Received::Stop) => {
                self.phase = Phase::Settled;
                Effect::StreamDone
            }
            (Phase::Open { tx, rx }, Received::Return(value)) => {
                self.phase = if tx == Half::Unopened { Phase::SettledUnopened } else { Phase::Settled };
                Effect::Settled { value, stream_cut: tx == Half::Open && rx == Half::Open }
            }
            (Phase::Open { .. }, msg) => self.receive_open(msg),
            (_, Received::Credit(_) | Received::Stop) => Effect::Ignored("no stream is open"),
            (_, msg) => self.violated(&msg),
        }
    }

    fn receive_as_child<P, E>(&mut self, msg: Received<P, E>) -> Effect<P, E> {
        match (self.phase, msg) {
            (Phase::Settled | Phase::SettledUnopened, _) => Effect::Ignored("the dialog is over"),
            (_, Received::Error(error)) => {
                if self.is_ending() {
                    return Effect::Ignored("the task is ending already");
                }
                self.ending = Ending::ParentFailed;
                Effect::CancelTask(error)
            }
            (_, Received::Overrun(error)) => {
                if self.is_ending() {
                    return Effect::Ignored("the task is ending already");
                }
                self.ending = Ending::ParentFailed;
                Effect::Overrun(error)
            }
            (_, Received::StartAck(_)) => Effect::Ignored("the dialog was accepted before"),
            (Phase::Open { .. }, Received::Return(value)) => self.violated(&Received::<P, E>::Return(value)),
            (Phase::Open { .. }, msg) => self.receive_open(msg),
            (Phase::Running(OneWay::Stream), Received::Credit(bytes)) => Effect::Grant(bytes),
            (Phase::PreStarted { .. }, msg @ (Received::Yield(_) | Received::Stop)) => self.receive_open(msg),
            (Phase::PreStarted { .. }, Received::Credit(_))
            | (Phase::Running(_), Received::Stop | Received::Credit(_)) => {
                Effect::Ignored("no stream is open")
            }
            (_, msg) => self.violated(&msg),
        }
    }

    /// Messages that mean the same on both sides of a dialog that is open or about to open.
    fn receive_open<P, E>(&mut self, msg: Received<P, E>) -> Effect<P, E> {
        let (Phase::Open { rx, .. } | Phase::AwaitStarted { rx } | Phase::PreStarted { rx }) =
            &mut self.phase
        else {
            return self.violated(&msg);
        };
        match msg {
            Received::Yield(value) if *rx == Half::Open => Effect::Deliver(value),
            Received::Yield(_) => Effect::Ignored("a value came after the peer's own `Stop`"),
            Received::Stop if *rx == Half::Open => {
                *rx = Half::Closed;
                Effect::EndOfStream
            }
            Received::Stop => Effect::Ignored("a second `Stop`"),
            Received::Credit(bytes) => Effect::Grant(bytes),
            msg => self.violated(&msg),
        }
    }

    fn violated<P, E>(&mut self, msg: &Received<P, E>) -> Effect<P, E> {
        let violation = Violation { message: msg.name(), phase: self.phase_name() };
        match self.side {
            Side::Parent => self.phase = Phase::Settled,
            // The task is still to be dropped; `conclude` settles.
            Side::Child => self.ending = Ending::ParentFailed,
        }
        Effect::Violated(violation)
    }

    /// Settles the child side after its task has ended this way. Returns what to tell the parent side.
    pub fn conclude(&mut self, end: TaskEnd) -> Conclusion {
        let (Phase::Running(_) | Phase::PreStarted { .. } | Phase::Open { .. }) = self.phase else {
            return Conclusion::Nothing;
        };
        let one_way = self.phase == Phase::Running(OneWay::Stream);
        self.phase = Phase::Settled;
        match (&self.ending, end) {
            (Ending::Lost, _) => Conclusion::Nothing,
            (_, TaskEnd::Failed) => Conclusion::Error,
            (Ending::Cancelled { by }, _) if one_way => Conclusion::StreamCancelled(by.clone()),
            (Ending::Cancelled { by }, _) => Conclusion::Cancelled(by.clone()),
            (Ending::ParentFailed, _) => Conclusion::Relay,
            (Ending::No, TaskEnd::Returned) if one_way => Conclusion::Stop,
            // The value travels even if the context never started: the parent side reports that as a violation.
            (Ending::No, TaskEnd::Returned) => Conclusion::Return,
            // Dropped without a cause: the runtime that held the task is going away.
            (Ending::No, TaskEnd::Dropped) => Conclusion::Error,
        }
    }

    /// The progress of a context.
    pub fn progress(&self) -> Progress {
        match self.phase {
            Phase::AwaitAck(_) | Phase::AwaitAnswer | Phase::AwaitReturn | Phase::AwaitStarted { .. } => {
                Progress::Syncing
            }
            Phase::PreStarted { .. } => Progress::PreStarted,
            Phase::Open { tx: Half::Unopened, .. } => Progress::Started,
            Phase::Open { tx: Half::Open, .. } | Phase::Receiving | Phase::Running(_) => Progress::Streaming,
            Phase::Open { tx: Half::Closed, .. } => Progress::StreamingFinished,
            Phase::Settled | Phase::SettledUnopened => Progress::Settled,
        }
    }

    /// The state of the dialog in words, for error texts.
    pub fn phase_name(&self) -> &'static str {
        match self.phase {
            Phase::AwaitAck(FuncType::AsyncFunc) | Phase::AwaitAnswer => "awaiting StartAck(asyncfunc)",
            Phase::AwaitAck(FuncType::AsyncGen) => "awaiting StartAck(asyncgen)",
            Phase::AwaitAck(FuncType::Context) => "awaiting StartAck(context)",
            Phase::AwaitReturn => "awaiting Return",
            Phase::AwaitStarted { .. } => "awaiting Started",
            Phase::Receiving => "receiving a one-way stream",
            Phase::PreStarted { .. } => "pre-started",
            Phase::Running(_) => "running",
            Phase::Open { tx: Half::Unopened, .. } => "started",
            Phase::Open { tx: Half::Open, .. } => "streaming",
            Phase::Open { tx: Half::Closed, .. } => "streaming-finished",
            Phase::Settled | Phase::SettledUnopened => "settled",
        }
    }
}
