//! Runs dialog machines with any sequence of events: two honest ends, and one end with a dishonest peer.
//!
//! With two honest ends it finds bad states beyond the depth of the exhaustive search. With a dishonest peer it finds a
//! second outcome, and a value or an allowed command after the end.

#![no_main]

#[path = "../../tractor-proto/tests/proto/dialog_world/mod.rs"]
mod dialog_world;

use dialog_world::{STEPS, World};
use libfuzzer_sys::arbitrary::{self, Arbitrary};
use libfuzzer_sys::fuzz_target;
use tractor_proto::dialog::{Command, Conclusion, Dialog, Effect, Received, Side, TaskEnd};
use tractor_proto::id::Uid;
use tractor_proto::msg::FuncType;

#[derive(Debug, Arbitrary)]
enum Input {
    Honest { yields_max: u8, steps: Vec<u8> },
    Alone { side: End, unacked: bool, kind: Kind, events: Vec<Event> },
}

#[derive(Debug, Clone, Copy, Arbitrary)]
enum End {
    Parent,
    Child,
}

#[derive(Debug, Clone, Copy, Arbitrary)]
enum Kind {
    Function,
    Stream,
    Context,
}

/// An event of the peer, the local task or the connection.
#[derive(Debug, Clone, Copy, Arbitrary)]
enum Event {
    StartAck(Kind),
    Started,
    Yield,
    Stop,
    Return,
    CancelAck,
    Error,
    Overrun,
    Credit(u32),
    WeStart,
    WeOpen,
    WeYield,
    WeStop,
    WeStopBoth,
    Cancel(bool),
    /// The answer to the cancel request, which in the base protocol means the end of the dialog.
    Acknowledge,
    Lose,
    TaskReturns,
    TaskFails,
    TaskDropped,
}

fuzz_target!(|input: Input| match input {
    Input::Honest { yields_max, steps } => honest(yields_max, &steps),
    Input::Alone { side, unacked, kind, events } => alone(side, unacked, kind, &events),
});

/// Checks the invariants of the search on a walk as long as the input.
fn honest(yields_max: u8, steps: &[u8]) {
    let mut world = World::new(yields_max);
    for step in steps {
        let step = STEPS[usize::from(*step) % STEPS.len()];
        let Some(next) = world.after(step) else { continue };
        next.check();
        next.check_at_rest();
        world = next;
    }
}

/// The history of one end.
#[derive(Debug, Default)]
struct Seen {
    /// The result may come before the request was accepted.
    may_be_unacked: bool,
    accepted: bool,
    first: bool,
    end_of_stream: bool,
    started: bool,
    stopped: bool,
    outcomes: usize,
    conclusions: usize,
    cancelled_by: Option<Uid>,
    lost: bool,
}

fn alone(side: End, unacked: bool, kind: Kind, events: &[Event]) {
    let kind = kind.functype();
    let mut dialog = match side {
        End::Parent if unacked => Dialog::parent_unacked(kind),
        End::Parent => Dialog::parent(kind),
        End::Child => Dialog::child(kind),
    };
    let mut seen = Seen { may_be_unacked: unacked && kind == FuncType::AsyncFunc, ..Seen::default() };
    for event in events {
        let was_settled = dialog.is_settled();
        let before = dialog.clone();
        seen.take(&mut dialog, *event);
        assert!(!was_settled || dialog.is_settled(), "{event:?} brought an ended dialog back: {before:?}");
        assert!(
            !was_settled || event.received().is_none() || dialog == before,
            "{event:?} changed an ended dialog"
        );
        assert!(seen.outcomes <= 1 && seen.conclusions <= 1, "a dialog has ended twice: {seen:?}");
        if dialog.side() == Side::Parent {
            assert_eq!(dialog.is_settled(), seen.outcomes == 1, "{event:?} of {before:?}: {seen:?}");
        }
        assert!(!dialog.phase_name().is_empty());
    }
}

impl Seen {
    fn take(&mut self, dialog: &mut Dialog, event: Event) {
        if let Some(msg) = event.received() {
            return self.receive(dialog, msg);
        }
        match event {
            Event::WeStart => self.command(dialog, Command::Started),
            Event::WeOpen => self.command(dialog, Command::OpenStream),
            Event::WeYield => self.command(dialog, Command::Yield),
            Event::WeStop => self.command(dialog, Command::Stop),
            Event::WeStopBoth => self.command(dialog, Command::StopBoth),
            Event::Cancel(ours) => self.cancel(dialog, Uid::new(if ours { "us" } else { "them" }, "x")),
            Event::Acknowledge => {
                let over = dialog.side() == Side::Parent && !dialog.is_settled();
                assert_eq!(dialog.acknowledge(), over, "a child side ends with its task");
                self.outcomes += usize::from(over);
            }
            Event::Lose => {
                let live = !dialog.is_settled();
                assert_eq!(dialog.lose(), live);
                self.lost |= live;
                if dialog.side() == Side::Parent {
                    self.outcomes += usize::from(live);
                }
            }
            Event::TaskReturns => self.conclude(dialog, TaskEnd::Returned),
            Event::TaskFails => self.conclude(dialog, TaskEnd::Failed),
            Event::TaskDropped => self.conclude(dialog, TaskEnd::Dropped),
            _ => unreachable!("messages are handled above"),
        }
    }

    fn receive(&mut self, dialog: &mut Dialog, msg: Received<(), ()>) {
        let over = dialog.is_settled();
        let parent = dialog.side() == Side::Parent;
        let effect = dialog.receive(msg);
        if over {
            assert!(matches!(effect, Effect::Ignored(_)), "{effect:?} of a dialog that is over");
        }
        if let Effect::First(()) | Effect::Deliver(()) | Effect::StreamDone | Effect::Settled { .. } = effect
        {
            assert!(
                !parent || self.accepted || self.may_be_unacked,
                "{effect:?} before the request was accepted"
            );
        }
        match effect {
            Effect::First(()) => assert!(parent && !std::mem::replace(&mut self.first, true)),
            Effect::Deliver(()) => assert!(!self.end_of_stream, "a value behind the end of its stream"),
            Effect::EndOfStream => assert!(!std::mem::replace(&mut self.end_of_stream, true)),
            Effect::StreamDone | Effect::Settled { .. } | Effect::Failed(()) => {
                assert!(parent && dialog.is_settled());
                self.outcomes += 1;
            }
            Effect::CancelTask(()) => assert!(!parent && dialog.is_ending()),
            Effect::Violated(violation) => {
                assert!(!violation.to_string().is_empty());
                self.outcomes += usize::from(parent);
                assert!(parent || dialog.is_ending(), "a violation ends the task");
            }
            Effect::Overrun(()) => assert!(parent || dialog.is_ending(), "an overrun ends the task"),
            Effect::Accepted => assert!(parent && !std::mem::replace(&mut self.accepted, true)),
            Effect::Grant(_) | Effect::Ignored(_) => {}
        }
    }

    fn command(&mut self, dialog: &mut Dialog, command: Command) {
        let before = dialog.clone();
        match dialog.command(command) {
            Ok(()) => match command {
                Command::Started => assert!(!std::mem::replace(&mut self.started, true), "started twice"),
                Command::Stop => assert!(!std::mem::replace(&mut self.stopped, true), "stopped twice"),
                Command::StopBoth => {
                    assert!(!std::mem::replace(&mut self.stopped, true), "stopped twice");
                    self.end_of_stream = true;
                }
                Command::Yield => assert!(!self.stopped && !before.is_settled()),
                Command::OpenStream => {}
            },
            Err(misuse) => {
                assert!(!misuse.to_string().is_empty());
                assert_eq!(*dialog, before, "a refused command changes nothing");
            }
        }
    }

    fn cancel(&mut self, dialog: &mut Dialog, by: Uid) {
        let first = dialog.cancel(by.clone());
        if first {
            assert_eq!(self.cancelled_by, None, "the first request wins");
            self.cancelled_by = Some(by);
        }
    }

    fn conclude(&mut self, dialog: &mut Dialog, end: TaskEnd) {
        if dialog.side() == Side::Parent {
            return; // has no task
        }
        let failed = end == TaskEnd::Failed;
        let conclusion = dialog.conclude(end);
        if conclusion == Conclusion::Nothing {
            assert!(self.lost || self.conclusions == 1, "the end of the task is not reported");
            return;
        }
        self.conclusions += 1;
        assert!(dialog.is_settled());
        assert!(!failed || conclusion == Conclusion::Error, "{conclusion:?} hides the task's own failure");
        if let Conclusion::Cancelled(by) = conclusion {
            assert_eq!(Some(by), self.cancelled_by, "a cancellation without a request");
        }
    }
}

impl Kind {
    fn functype(self) -> FuncType {
        match self {
            Self::Function => FuncType::AsyncFunc,
            Self::Stream => FuncType::AsyncGen,
            Self::Context => FuncType::Context,
        }
    }
}

impl Event {
    fn received(self) -> Option<Received<(), ()>> {
        Some(match self {
            Self::StartAck(kind) => Received::StartAck(kind.functype()),
            Self::Started => Received::Started(()),
            Self::Yield => Received::Yield(()),
            Self::Stop => Received::Stop,
            Self::Return => Received::Return(()),
            Self::CancelAck => Received::CancelAck(()),
            Self::Error => Received::Error(()),
            Self::Overrun => Received::Overrun(()),
            Self::Credit(bytes) => Received::Credit(bytes),
            Self::WeStart
            | Self::WeOpen
            | Self::WeYield
            | Self::WeStop
            | Self::WeStopBoth
            | Self::Cancel(_)
            | Self::Acknowledge
            | Self::Lose
            | Self::TaskReturns
            | Self::TaskFails
            | Self::TaskDropped => return None,
        })
    }
}
