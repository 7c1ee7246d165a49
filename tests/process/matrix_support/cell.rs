//! The cells of the fault matrix, and the expected result of each.

use serde::{Deserialize, Serialize};
use tractor::error::RemoteKind;
use tractor::{Error, Uid};

/// The kind of dialog between the two actors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Call,
    Stream,
    Context,
}

/// The state of the dialog when the fault happens, as its parent side sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Step {
    /// The request was made; the child is stopped and has not read it.
    BeforeAck,
    /// The endpoint runs and has sent nothing.
    BeforeFirst,
    /// A context without a stream.
    Open,
    /// Values have travelled, both ways in a context.
    MidStream,
    /// The endpoint has closed its half, and the body has received the end.
    AfterStop,
    /// The body or the call waits for the final value.
    Waiting,
    /// The body of a context has ended, and its scope waits for the other side. Or the outcome of a call or one-way
    /// stream has arrived, and was not read.
    Closing,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The parent side's future is dropped.
    Drop,
    BodyError,
    EndpointError,
    EndpointPanic,
    /// The body cancels its context.
    SelfCancel,
    /// The endpoint cancels its context.
    ChildCancel,
    /// The child's actor ends itself.
    ActorEnd,
    /// A third actor cancels the child's actor, over a connection of its own.
    ThirdActor,
    /// SIGKILL.
    Kill,
    /// The child is stopped for good; then the dialog's scope is dropped, and the nursery's.
    HalfOpen,
}

/// The connection of the dialog.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Link {
    /// The channel between parent and child. The parent learns how the process has died.
    Parent,
    /// A connection by address. A guest does not learn how the process has died.
    Guest,
}

/// One row of the matrix.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Cell {
    pub(crate) link: Link,
    pub(crate) kind: Kind,
    pub(crate) step: Step,
    pub(crate) fault: Fault,
}

/// The result of the parent side.
#[derive(Debug)]
pub(crate) enum Told {
    /// None: it was dropped.
    Dropped,
    Value(u64),
    /// Its own error.
    Own,
    Theirs(Error),
}

/// The error of a scope of the matrix.
#[derive(Debug)]
pub(crate) enum Trouble {
    Own,
    Theirs(Error),
}

impl From<Error> for Trouble {
    fn from(error: Error) -> Self {
        Self::Theirs(error)
    }
}

impl From<Result<u64, Trouble>> for Told {
    fn from(result: Result<u64, Trouble>) -> Self {
        match result {
            Ok(value) => Self::Value(value),
            Err(Trouble::Own) => Self::Own,
            Err(Trouble::Theirs(error)) => Self::Theirs(error),
        }
    }
}

/// The canceller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Who {
    Kid,
    Third,
}

/// The expected result of the parent side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Expect {
    Dropped,
    Value(u64),
    Own,
    Remote(RemoteKind),
    Cancelled(Who),
    /// Killed by signal 9.
    Died,
}

/// The actors of one cell.
pub(crate) struct Cast {
    pub(crate) kid: Uid,
    pub(crate) third: Uid,
}

impl Cell {
    /// Every cell that can exist.
    pub(crate) fn all() -> Vec<Self> {
        let mut cells = Vec::new();
        for link in [Link::Parent, Link::Guest] {
            for kind in [Kind::Call, Kind::Stream, Kind::Context] {
                for step in STEPS {
                    cells.extend(FAULTS.map(|fault| Self { link, kind, step, fault }));
                }
            }
        }
        cells.retain(|cell| cell.exists());
        cells
    }

    fn exists(self) -> bool {
        let Self { link, kind, step, fault } = self;
        let has_step = match kind {
            Kind::Call => matches!(step, Step::BeforeAck | Step::Waiting | Step::Closing),
            Kind::Stream => !matches!(step, Step::Open | Step::Waiting),
            Kind::Context => true,
        };
        let has_body = match kind {
            Kind::Call => false,
            Kind::Stream => true,
            Kind::Context => !matches!(step, Step::BeforeAck | Step::BeforeFirst),
        };
        // If the child lives on, so do its connections, and both kinds behave alike.
        has_step
            && (link == Link::Parent || self.ends_process())
            && match fault {
                Fault::BodyError => has_body && !(kind == Kind::Context && step == Step::Closing),
                Fault::SelfCancel => has_body && kind == Kind::Context,
                Fault::ChildCancel => kind == Kind::Context && step != Step::BeforeAck,
                Fault::ActorEnd => step != Step::BeforeAck,
                // The endpoint of a one-way stream has returned with its `Stop`.
                Fault::EndpointError | Fault::EndpointPanic => {
                    (kind, step) != (Kind::Stream, Step::AfterStop)
                }
                Fault::Drop | Fault::ThirdActor | Fault::Kill | Fault::HalfOpen => true,
            }
    }

    /// Whether the fault ends the child's process.
    pub(crate) fn ends_process(self) -> bool {
        matches!(self.fault, Fault::ActorEnd | Fault::ThirdActor | Fault::Kill | Fault::HalfOpen)
    }

    /// Whether the parent side's future is dropped.
    pub(crate) fn is_dropped(self) -> bool {
        matches!(self.fault, Fault::Drop | Fault::HalfOpen)
    }

    /// Whether the outcome has arrived before the fault.
    pub(crate) fn is_settled(self) -> bool {
        match self.kind {
            Kind::Call => self.step == Step::Closing,
            Kind::Stream => matches!(self.step, Step::Closing | Step::AfterStop),
            Kind::Context => false,
        }
    }

    /// Whether the request is refused, so that no endpoint ever runs.
    pub(crate) fn is_refused(self) -> bool {
        self.step == Step::BeforeAck && matches!(self.fault, Fault::EndpointError | Fault::EndpointPanic)
    }

    pub(crate) fn expected(self, id: u64) -> Expect {
        let settled = match self.kind {
            Kind::Stream => Expect::Value(6),
            Kind::Call | Kind::Context => Expect::Value(id),
        };
        match self.fault {
            Fault::Drop | Fault::HalfOpen => Expect::Dropped,
            Fault::BodyError => Expect::Own,
            Fault::SelfCancel => Expect::Value(id),
            Fault::EndpointError if self.is_refused() => Expect::Remote(RemoteKind::NotExposed),
            Fault::EndpointError => Expect::Remote(RemoteKind::Error),
            Fault::EndpointPanic => Expect::Remote(RemoteKind::Panic),
            Fault::ActorEnd | Fault::ThirdActor | Fault::Kill if self.is_settled() => settled,
            Fault::Kill => Expect::Died,
            Fault::ChildCancel | Fault::ActorEnd => Expect::Cancelled(Who::Kid),
            Fault::ThirdActor => Expect::Cancelled(Who::Third),
        }
    }

    /// Fails unless the result of the parent side is the expected one.
    pub(crate) fn judge(self, id: u64, told: &Told, cast: &Cast) {
        let expected = self.expected(id);
        let fits = match (expected, told) {
            (Expect::Dropped, Told::Dropped) | (Expect::Own, Told::Own) => true,
            (Expect::Value(expected), Told::Value(value)) => expected == *value,
            (Expect::Cancelled(who), told) => cancelled(told, who, cast),
            (Expect::Died, Told::Theirs(Error::Died(died))) => {
                died.name() == cast.kid.name() && died.signal() == (self.link == Link::Parent).then_some(9)
            }
            (Expect::Remote(kind), Told::Theirs(Error::Remote(remote))) => {
                let text = if kind == RemoteKind::NotExposed { remote.message() } else { "as ordered" };
                (remote.kind(), remote.message(), remote.src_uid()) == (kind, text, &cast.kid)
            }
            _ => false,
        };
        assert!(fits, "expected {expected:?}, was told {told:?}");
    }
}

/// Whether this is a cancellation of the child's task, with the right canceller.
fn cancelled(told: &Told, who: Who, cast: &Cast) -> bool {
    let Told::Theirs(Error::Cancelled(cancelled)) = told else { return false };
    let canceller = match who {
        Who::Kid => &cast.kid,
        Who::Third => &cast.third,
    };
    cancelled.src_uid() == &cast.kid && cancelled.canceller() == Some(canceller)
}

const STEPS: [Step; 7] = [
    Step::BeforeAck,
    Step::BeforeFirst,
    Step::Open,
    Step::MidStream,
    Step::AfterStop,
    Step::Waiting,
    Step::Closing,
];

const FAULTS: [Fault; 10] = [
    Fault::Drop,
    Fault::BodyError,
    Fault::EndpointError,
    Fault::EndpointPanic,
    Fault::SelfCancel,
    Fault::ChildCancel,
    Fault::ActorEnd,
    Fault::ThirdActor,
    Fault::Kill,
    Fault::HalfOpen,
];
