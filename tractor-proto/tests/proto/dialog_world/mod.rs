//! A model of one context: both dialog machines, joined by two queues, with the tasks on either side.
//!
//! The search in `dialog_search.rs` visits every state of it. `fuzz/fuzz_targets/dialogs.rs` takes longer walks than a
//! search can.

#![allow(unreachable_pub, reason = "a module of a fuzz target, too")]

use std::collections::VecDeque;

use tractor_proto::dialog::{Command, Conclusion, Dialog, Effect, Received, TaskEnd};
use tractor_proto::id::Uid;
use tractor_proto::msg::FuncType::Context;

/// A message in transit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Wire {
    StartAck,
    Started,
    Yield,
    Stop,
    Return,
    /// The child's own failure.
    Failure,
    /// The acknowledgement of a cancellation by the root or by the child itself.
    Cancelled {
        by_root: bool,
    },
    /// The parent's failure, sent to the child or relayed back.
    ParentFailure,
    /// A value found no room. The parent side sees a failure before the outcome; the child side sees a failure of the
    /// parent side.
    Overrun,
    /// A cancel request: a dialog of its own on the wire, a message here.
    CancelRequest,
}

/// Both ends, and everything between them.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct World {
    parent: Dialog,
    child: Dialog,
    /// The messages in transit to the child side, first in first out.
    pub to_child: VecDeque<Wire>,
    /// The messages in transit to the parent side.
    pub to_parent: VecDeque<Wire>,
    /// Values each side streams at most.
    yields_max: u8,
    parent_yields: u8,
    child_yields: u8,
    task_alive: bool,
    connected: bool,
    /// How the parent side ended, once.
    outcome: Option<Wire>,
    cancel_asked_by_root: bool,
    cancel_asked_by_child: bool,
    parent_failed: bool,
    parent_refused: bool,
    child_failed: bool,
    child_refused: bool,
    child_returned: bool,
}

/// An event that may happen next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Step {
    DeliverToChild,
    DeliverToParent,
    ParentOpens,
    ParentYields,
    ParentStops,
    ParentCancels,
    ParentFails,
    ParentRefuses,
    ChildStarts,
    ChildOpens,
    ChildYields,
    ChildStops,
    ChildReturns,
    ChildFails,
    ChildRefuses,
    ChildCancelsItself,
    TaskDropped,
    Lost,
}

/// Every step there is.
pub const STEPS: [Step; 18] = [
    Step::DeliverToChild,
    Step::DeliverToParent,
    Step::ParentOpens,
    Step::ParentYields,
    Step::ParentStops,
    Step::ParentCancels,
    Step::ParentFails,
    Step::ParentRefuses,
    Step::ChildStarts,
    Step::ChildOpens,
    Step::ChildYields,
    Step::ChildStops,
    Step::ChildReturns,
    Step::ChildFails,
    Step::ChildRefuses,
    Step::ChildCancelsItself,
    Step::TaskDropped,
    Step::Lost,
];

fn root() -> Uid {
    Uid::new("root", "root")
}

fn kid() -> Uid {
    Uid::new("kid", "kid")
}

/// Refuses the next message, a value, for lack of room.
fn refuse(by: &mut Dialog, from: &mut VecDeque<Wire>, to: &mut VecDeque<Wire>) -> Option<()> {
    let is_value = from.pop_front()? == Wire::Yield;
    let delivered = is_value && by.receive(Received::<(), Wire>::Yield(())) == Effect::Deliver(());
    delivered.then(|| to.push_back(Wire::Overrun))
}

impl World {
    /// A context right after its request was accepted.
    pub fn new(yields_max: u8) -> Self {
        Self {
            parent: Dialog::parent(Context),
            child: Dialog::child(Context),
            to_child: VecDeque::new(),
            to_parent: VecDeque::from([Wire::StartAck]),
            yields_max,
            parent_yields: 0,
            child_yields: 0,
            task_alive: true,
            connected: true,
            outcome: None,
            cancel_asked_by_root: false,
            cancel_asked_by_child: false,
            parent_failed: false,
            parent_refused: false,
            child_failed: false,
            child_refused: false,
            child_returned: false,
        }
    }

    /// Whether the parent's body runs: it has the first value and no outcome.
    fn body_runs(&self) -> bool {
        self.outcome.is_none() && !self.parent_failed && !self.parent.phase_name().starts_with("awaiting")
    }

    fn task_runs(&self) -> bool {
        self.task_alive && !self.child.is_ending()
    }

    /// The world after a step, or `None` when the step is not possible.
    pub fn after(&self, step: Step) -> Option<Self> {
        let mut next = self.clone();
        next.take(step)?;
        Some(next)
    }

    fn take(&mut self, step: Step) -> Option<()> {
        match step {
            Step::DeliverToChild => {
                let msg = self.to_child.pop_front()?;
                self.child_receives(msg);
            }
            Step::DeliverToParent => {
                let msg = self.to_parent.pop_front()?;
                self.parent_receives(msg);
            }
            Step::ParentOpens => self.parent_does(Command::OpenStream, None)?,
            Step::ParentYields if self.parent_yields < self.yields_max => {
                self.parent_does(Command::Yield, Some(Wire::Yield))?;
                self.parent_yields += 1;
            }
            Step::ParentYields => return None,
            Step::ParentStops => self.parent_does(Command::Stop, Some(Wire::Stop))?,
            Step::ParentCancels => {
                (self.connected && self.parent.cancel(root())).then_some(())?;
                self.cancel_asked_by_root = true;
                self.to_child.push_back(Wire::CancelRequest);
            }
            Step::ParentFails => {
                self.body_runs().then_some(())?;
                self.parent_failed = true;
                self.to_child.push_back(Wire::ParentFailure);
            }
            Step::ParentRefuses => {
                (!std::mem::replace(&mut self.parent_refused, true)).then_some(())?;
                refuse(&mut self.parent, &mut self.to_parent, &mut self.to_child)?;
            }
            Step::ChildRefuses => {
                (self.task_alive && !std::mem::replace(&mut self.child_refused, true)).then_some(())?;
                refuse(&mut self.child, &mut self.to_child, &mut self.to_parent)?;
            }
            Step::ChildStarts => self.child_does(Command::Started, Some(Wire::Started))?,
            Step::ChildOpens => self.child_does(Command::OpenStream, None)?,
            Step::ChildYields if self.child_yields < self.yields_max => {
                self.child_does(Command::Yield, Some(Wire::Yield))?;
                self.child_yields += 1;
            }
            Step::ChildYields => return None,
            Step::ChildStops => self.child_does(Command::Stop, Some(Wire::Stop))?,
            Step::ChildReturns => {
                self.task_alive.then_some(())?;
                // A stream handle that is dropped closes the stream.
                if self.child.command(Command::Stop).is_ok() {
                    self.to_parent.push_back(Wire::Stop);
                }
                self.child_returned = true;
                self.conclude(TaskEnd::Returned);
            }
            Step::ChildFails => {
                self.task_alive.then_some(())?;
                self.child_failed = true;
                self.conclude(TaskEnd::Failed);
            }
            Step::ChildCancelsItself => {
                (self.task_runs() && self.child.cancel(kid())).then_some(())?;
                self.cancel_asked_by_child = true;
            }
            Step::TaskDropped => {
                (self.task_alive && self.child.is_ending()).then_some(())?;
                self.conclude(TaskEnd::Dropped);
            }
            Step::Lost => self.lose()?,
        }
        Some(())
    }

    fn parent_does(&mut self, command: Command, says: Option<Wire>) -> Option<()> {
        (self.body_runs() && self.connected).then_some(())?;
        self.parent.command(command).ok()?;
        self.to_child.extend(says);
        Some(())
    }

    fn child_does(&mut self, command: Command, says: Option<Wire>) -> Option<()> {
        (self.task_runs() && self.connected).then_some(())?;
        self.child.command(command).ok()?;
        self.to_parent.extend(says);
        Some(())
    }

    fn conclude(&mut self, end: TaskEnd) {
        self.task_alive = false;
        let says = match self.child.conclude(end) {
            Conclusion::Return => Wire::Return,
            Conclusion::Error => Wire::Failure,
            Conclusion::Cancelled(by) => Wire::Cancelled { by_root: by == root() },
            Conclusion::Relay => Wire::ParentFailure,
            Conclusion::Stop | Conclusion::StreamCancelled(_) => {
                panic!("a context never concludes with a bare Stop")
            }
            Conclusion::Nothing => {
                assert!(!self.connected, "`Conclusion::Nothing` without a lost connection");
                return;
            }
        };
        self.to_parent.push_back(says);
    }

    fn lose(&mut self) -> Option<()> {
        self.connected.then_some(())?;
        self.connected = false;
        self.to_child.clear();
        self.to_parent.clear();
        self.child.lose();
        if self.parent.lose() {
            self.settle(Wire::Failure);
        }
        Some(())
    }

    fn settle(&mut self, how: Wire) {
        assert_eq!(self.outcome, None, "settled twice");
        self.outcome = Some(how);
    }

    fn parent_receives(&mut self, msg: Wire) {
        let received: Received<(), Wire> = match msg {
            Wire::StartAck => Received::StartAck(Context),
            Wire::Started => Received::Started(()),
            Wire::Yield => Received::Yield(()),
            Wire::Stop => Received::Stop,
            Wire::Return => Received::Return(()),
            Wire::Failure | Wire::Cancelled { .. } | Wire::ParentFailure => Received::Error(msg),
            Wire::Overrun => Received::Overrun(msg),
            Wire::CancelRequest => panic!("not sent in this direction"),
        };
        match self.parent.receive(received) {
            Effect::Settled { .. } => self.settle(Wire::Return),
            Effect::Failed(how) => self.settle(how),
            Effect::Violated(violation) => {
                // The only thing two honest ends can do wrong is to return unstarted.
                assert_eq!(violation.message, "Return", "{violation}");
                assert_eq!(violation.phase, "awaiting Started", "{violation}");
                self.settle(Wire::Failure);
                self.to_child.push_back(Wire::ParentFailure);
            }
            Effect::Ignored(why) => {
                assert!(self.outcome.is_some(), "ignored `{msg:?}` of an honest peer: {why}");
            }
            Effect::CancelTask(_) => panic!("the parent side has no task"),
            Effect::Accepted
            | Effect::First(())
            | Effect::Deliver(())
            | Effect::EndOfStream
            | Effect::Grant(_)
            | Effect::Overrun(_)
            | Effect::StreamDone => {}
        }
    }

    fn child_receives(&mut self, msg: Wire) {
        let received: Received<(), Wire> = match msg {
            Wire::CancelRequest => {
                self.child.cancel(root());
                return;
            }
            Wire::Yield => Received::Yield(()),
            Wire::Stop => Received::Stop,
            Wire::ParentFailure => Received::Error(msg),
            Wire::Overrun => Received::Overrun(msg),
            other => panic!("{other:?} is not sent in this direction"),
        };
        match self.child.receive(received) {
            Effect::Violated(violation) => panic!("an honest parent side broke the order: {violation}"),
            Effect::Ignored(why) => {
                assert!(
                    !self.task_alive || self.child.is_ending(),
                    "ignored `{msg:?}` of an honest peer: {why}"
                );
            }
            Effect::CancelTask(_) | Effect::Overrun(_) | Effect::Deliver(()) | Effect::EndOfStream => {}
            effect => panic!("{effect:?} on a child side"),
        }
    }

    /// Checks the conditions that hold in every state.
    pub fn check(&self) {
        // A side sends at most: its values; its acknowledgement and first value, or its cancel request and failure;
        // the end of its half; its outcome, or its report of a broken rule; the refusal of a value.
        let queue_max = usize::from(self.yields_max) + 5;
        for queue in [&self.to_child, &self.to_parent] {
            assert!(queue.len() <= queue_max, "a side sends a message twice: {queue:?}");
        }
        assert_eq!(self.parent.is_settled(), self.outcome.is_some(), "a settled dialog has an outcome");
        match self.outcome {
            Some(Wire::Cancelled { by_root: true }) => {
                assert!(self.cancel_asked_by_root, "cancelled without a request")
            }
            Some(Wire::Cancelled { by_root: false }) => {
                assert!(self.cancel_asked_by_child, "cancelled without a request")
            }
            Some(Wire::Return) => assert!(self.child_returned && !self.child_failed),
            Some(Wire::ParentFailure) => assert!(self.parent_failed || self.parent_refused),
            Some(Wire::Overrun) => panic!("a refused value is no outcome"),
            _ => {}
        }
        if !self.connected {
            assert!(self.outcome.is_some(), "the parent side was not told of the loss");
            assert!(!self.task_alive || self.child.is_ending(), "the task was not told of the loss");
        }
        if self.child_failed && self.connected {
            // An application error is never replaced by a cancellation.
            assert!(!matches!(self.outcome, Some(Wire::Cancelled { .. } | Wire::Return)));
        }
    }

    /// Checks the conditions that hold when no message is in transit and the child's task has ended.
    pub fn check_at_rest(&self) {
        let at_rest = self.to_child.is_empty() && self.to_parent.is_empty() && !self.task_alive;
        if at_rest {
            assert!(self.outcome.is_some(), "the child side is over and the parent side was never told");
            assert!(self.child.is_settled());
        }
    }
}
