//! The transition table of the dialog machine: the meaning of each message in each phase, on each side.

use tractor_proto::dialog::{Command, Conclusion, Dialog, Effect, Misuse, Received, TaskEnd, Violation};
use tractor_proto::id::Uid;
use tractor_proto::msg::FuncType::{AsyncFunc, AsyncGen, Context};

type Msg = Received<u8, &'static str>;
type Means = Effect<u8, &'static str>;

fn uid(name: &str) -> Uid {
    Uid::new(name, name)
}

fn awaiting_return() -> Dialog {
    let mut dialog = Dialog::parent(AsyncFunc);
    assert_eq!(dialog.receive(Msg::StartAck(AsyncFunc)), Means::Accepted);
    dialog
}

fn awaiting_started() -> Dialog {
    let mut dialog = Dialog::parent(Context);
    assert_eq!(dialog.receive(Msg::StartAck(Context)), Means::Accepted);
    dialog
}

fn open_parent() -> Dialog {
    let mut dialog = awaiting_started();
    assert_eq!(dialog.receive(Msg::Started(1)), Means::First(1));
    dialog
}

fn streaming_parent() -> Dialog {
    let mut dialog = open_parent();
    dialog.command(Command::OpenStream).expect("the stream can be opened");
    dialog
}

fn receiving() -> Dialog {
    let mut dialog = Dialog::parent(AsyncGen);
    assert_eq!(dialog.receive(Msg::StartAck(AsyncGen)), Means::Accepted);
    dialog
}

fn open_child() -> Dialog {
    let mut dialog = Dialog::child(Context);
    dialog.command(Command::Started).expect("it is the first one");
    dialog
}

fn streaming_child() -> Dialog {
    let mut dialog = open_child();
    dialog.command(Command::OpenStream).expect("the stream can be opened");
    dialog
}

fn violation(message: &'static str, phase: &'static str) -> Means {
    Means::Violated(Violation { message, phase })
}

fn settled(value: u8, stream_cut: bool) -> Means {
    Means::Settled { value, stream_cut }
}

/// The dialog, the message, its meaning, and whether the dialog is over after it.
type Row = (fn() -> Dialog, Msg, Means, bool);

/// Feeds one message to a new dialog. Compares its meaning, and whether the dialog is over after it.
fn check(rows: Vec<Row>) {
    for (make, msg, means, over) in rows {
        let mut dialog = make();
        let before = dialog.phase_name();
        let text = format!("{before}: {msg:?}");
        assert_eq!(dialog.receive(msg), means, "{text}");
        assert_eq!(dialog.is_settled(), over, "{text}");
    }
}

#[test]
fn parent_side_of_a_function() {
    let fresh = || Dialog::parent(AsyncFunc);
    check(vec![
        (fresh, Msg::StartAck(AsyncFunc), Means::Accepted, false),
        (fresh, Msg::StartAck(Context), violation("StartAck", "awaiting StartAck(asyncfunc)"), true),
        (fresh, Msg::Return(1), violation("Return", "awaiting StartAck(asyncfunc)"), true),
        (fresh, Msg::Error("no"), Means::Failed("no"), true),
        (awaiting_return, Msg::Return(1), settled(1, false), true),
        (awaiting_return, Msg::CancelAck(1), settled(1, false), true),
        (awaiting_return, Msg::Error("no"), Means::Failed("no"), true),
        (awaiting_return, Msg::StartAck(AsyncFunc), Means::Ignored("the dialog was accepted before"), false),
        (awaiting_return, Msg::Stop, Means::Ignored("no stream is open"), false),
        (awaiting_return, Msg::Credit(1), Means::Ignored("no stream is open"), false),
        (awaiting_return, Msg::Yield(1), violation("Yield", "awaiting Return"), true),
        (awaiting_return, Msg::Started(1), violation("Started", "awaiting Return"), true),
    ]);
}

#[test]
fn parent_side_of_a_function_that_need_not_be_accepted() {
    let fresh = || Dialog::parent_unacked(AsyncFunc);
    let accepted = || {
        let mut dialog = Dialog::parent_unacked(AsyncFunc);
        assert_eq!(dialog.receive(Msg::StartAck(AsyncFunc)), Means::Accepted);
        dialog
    };
    check(vec![
        (fresh, Msg::StartAck(AsyncFunc), Means::Accepted, false),
        (fresh, Msg::Return(1), settled(1, false), true),
        (fresh, Msg::Error("no"), Means::Failed("no"), true),
        (fresh, Msg::StartAck(Context), violation("StartAck", "awaiting StartAck(asyncfunc)"), true),
        (fresh, Msg::CancelAck(1), violation("CancelAck", "awaiting StartAck(asyncfunc)"), true),
        (fresh, Msg::Yield(1), violation("Yield", "awaiting StartAck(asyncfunc)"), true),
        (fresh, Msg::Stop, violation("Stop", "awaiting StartAck(asyncfunc)"), true),
        (accepted, Msg::Return(1), settled(1, false), true),
        (accepted, Msg::StartAck(AsyncFunc), Means::Ignored("the dialog was accepted before"), false),
    ]);
    assert!(fresh().is_unanswered() && !accepted().is_unanswered());
    // The other kinds need a `StartAck`, even with a peer that need not accept functions.
    check(vec![
        (
            || Dialog::parent_unacked(Context),
            Msg::Return(1),
            violation("Return", "awaiting StartAck(context)"),
            true,
        ),
        (
            || Dialog::parent_unacked(AsyncGen),
            Msg::Return(1),
            violation("Return", "awaiting StartAck(asyncgen)"),
            true,
        ),
    ]);
}

#[test]
fn parent_side_of_a_one_way_stream() {
    check(vec![
        (receiving, Msg::Yield(1), Means::Deliver(1), false),
        (receiving, Msg::Stop, Means::StreamDone, true),
        (receiving, Msg::Error("no"), Means::Failed("no"), true),
        (receiving, Msg::Return(1), violation("Return", "receiving a one-way stream"), true),
        (receiving, Msg::Started(1), violation("Started", "receiving a one-way stream"), true),
    ]);
}

#[test]
fn parent_side_of_a_context() {
    check(vec![
        (awaiting_started, Msg::Started(1), Means::First(1), false),
        (awaiting_started, Msg::Return(1), violation("Return", "awaiting Started"), true),
        (awaiting_started, Msg::Yield(1), Means::Deliver(1), false),
        (awaiting_started, Msg::Stop, Means::EndOfStream, false),
        (awaiting_started, Msg::CancelAck(1), violation("CancelAck", "awaiting Started"), true),
        (awaiting_started, Msg::Error("no"), Means::Failed("no"), true),
        (open_parent, Msg::Yield(1), Means::Deliver(1), false),
        (open_parent, Msg::Return(1), settled(1, false), true),
        (open_parent, Msg::Started(1), violation("Started", "started"), true),
        (open_parent, Msg::CancelAck(1), violation("CancelAck", "started"), true),
        (streaming_parent, Msg::Yield(1), Means::Deliver(1), false),
        (streaming_parent, Msg::Stop, Means::EndOfStream, false),
        (streaming_parent, Msg::Credit(9), Means::Grant(9), false),
        (streaming_parent, Msg::Started(1), violation("Started", "streaming"), true),
        (streaming_parent, Msg::Return(1), settled(1, true), true),
        (streaming_parent, Msg::StartAck(Context), Means::Ignored("the dialog was accepted before"), false),
        (streaming_parent, Msg::Error("no"), Means::Failed("no"), true),
    ]);
}

#[test]
fn child_side() {
    let function = || Dialog::child(AsyncFunc);
    let generator = || Dialog::child(AsyncGen);
    let unstarted = || Dialog::child(Context);
    check(vec![
        (function, Msg::Error("no"), Means::CancelTask("no"), false),
        (function, Msg::Stop, Means::Ignored("no stream is open"), false),
        (function, Msg::Yield(1), violation("Yield", "running"), false),
        (generator, Msg::Credit(5), Means::Grant(5), false),
        (generator, Msg::Stop, Means::Ignored("no stream is open"), false),
        (unstarted, Msg::Yield(1), Means::Deliver(1), false),
        (unstarted, Msg::Stop, Means::EndOfStream, false),
        (unstarted, Msg::Started(1), violation("Started", "pre-started"), false),
        (unstarted, Msg::Return(1), violation("Return", "pre-started"), false),
        (open_child, Msg::Yield(1), Means::Deliver(1), false),
        (streaming_child, Msg::Stop, Means::EndOfStream, false),
        (streaming_child, Msg::Return(1), violation("Return", "streaming"), false),
        (streaming_child, Msg::Started(1), violation("Started", "streaming"), false),
        (streaming_child, Msg::Error("no"), Means::CancelTask("no"), false),
    ]);
}

#[test]
fn after_a_stop_further_values_and_stops_are_ignored() {
    for mut dialog in [streaming_parent(), streaming_child()] {
        assert_eq!(dialog.receive(Msg::Stop), Means::EndOfStream);
        assert_eq!(dialog.receive(Msg::Stop), Means::Ignored("a second `Stop`"));
        assert_eq!(dialog.receive(Msg::Yield(1)), Means::Ignored("a value came after the peer's own `Stop`"));
    }
}

#[test]
fn a_stream_that_was_closed_early_stays_closed() {
    let mut dialog = awaiting_started();
    assert_eq!(dialog.receive(Msg::Stop), Means::EndOfStream);
    assert_eq!(dialog.receive(Msg::Started(1)), Means::First(1));
    assert_eq!(dialog.receive(Msg::Yield(1)), Means::Ignored("a value came after the peer's own `Stop`"));
    let mut dialog = Dialog::child(Context);
    assert_eq!(dialog.receive(Msg::Stop), Means::EndOfStream);
    assert_eq!(dialog.command(Command::Started), Ok(()));
    assert_eq!(dialog.receive(Msg::Yield(1)), Means::Ignored("a value came after the peer's own `Stop`"));
}

#[test]
fn a_refused_value_ends_the_task_that_sent_it_and_is_no_outcome() {
    let mut parent = streaming_parent();
    assert_eq!(parent.receive(Msg::Overrun("full")), Means::Overrun("full"));
    assert_eq!(parent.receive(Msg::Overrun("full")), Means::Overrun("full"));
    assert!(!parent.is_settled() && !parent.is_ending());
    assert_eq!(parent.receive(Msg::Yield(1)), Means::Deliver(1));
    assert_eq!(parent.receive(Msg::Return(1)), settled(1, true));
    let mut child = streaming_child();
    assert_eq!(child.receive(Msg::Overrun("full")), Means::Overrun("full"));
    assert!(child.is_ending());
    assert_eq!(child.receive(Msg::Overrun("full")), Means::Ignored("the task is ending already"));
    assert_eq!(child.conclude(TaskEnd::Dropped), Conclusion::Relay);
    // No value was sent that the peer could have refused.
    assert_eq!(open_parent().receive(Msg::Overrun("no")), Means::Failed("no"));
}

#[test]
fn a_return_after_either_side_closed_the_stream_is_no_cut() {
    let mut dialog = streaming_parent();
    assert_eq!(dialog.receive(Msg::Stop), Means::EndOfStream);
    assert_eq!(dialog.receive(Msg::Return(1)), settled(1, false));
    let mut dialog = streaming_parent();
    dialog.command(Command::Stop).expect("the stream is open");
    assert_eq!(dialog.receive(Msg::Return(1)), settled(1, false));
}

#[test]
fn everything_is_ignored_once_settled() {
    let over = Means::Ignored("the dialog is over");
    let all = || {
        [
            Msg::StartAck(Context),
            Msg::Started(1),
            Msg::Yield(1),
            Msg::Stop,
            Msg::Return(1),
            Msg::CancelAck(1),
            Msg::Error("no"),
            Msg::Credit(1),
        ]
    };
    let mut parent = streaming_parent();
    assert_eq!(parent.receive(Msg::Error("no")), Means::Failed("no"));
    let mut child = streaming_child();
    assert_eq!(child.conclude(TaskEnd::Returned), Conclusion::Return);
    for (a, b) in all().into_iter().zip(all()) {
        assert_eq!(parent.receive(a), over);
        assert_eq!(child.receive(b), over);
    }
}

#[test]
fn misuse_of_commands_is_named() {
    let mut child = Dialog::child(Context);
    assert_eq!(child.command(Command::OpenStream), Err(Misuse::StreamBeforeStarted));
    assert_eq!(child.command(Command::Yield), Err(Misuse::StreamNotOpen));
    assert_eq!(child.command(Command::Stop), Err(Misuse::StreamNotOpen));
    assert_eq!(child.command(Command::Started), Ok(()));
    assert_eq!(child.command(Command::Started), Err(Misuse::StartedTwice));
    assert_eq!(child.command(Command::OpenStream), Ok(()));
    assert_eq!(child.command(Command::OpenStream), Err(Misuse::StreamReopened));
    assert_eq!(child.command(Command::Yield), Ok(()));
    assert_eq!(child.command(Command::Stop), Ok(()));
    assert_eq!(child.command(Command::Stop), Err(Misuse::StreamClosed));
    assert_eq!(child.command(Command::Yield), Err(Misuse::StreamClosed));
    assert_eq!(child.command(Command::OpenStream), Err(Misuse::StreamReopened));
    assert_eq!(open_parent().command(Command::Started), Err(Misuse::StartedByParent));
    assert_eq!(Dialog::child(AsyncFunc).command(Command::Started), Err(Misuse::StartedByParent));
    child.conclude(TaskEnd::Returned);
    for command in [Command::Started, Command::OpenStream, Command::Yield, Command::Stop] {
        assert_eq!(child.command(command), Err(Misuse::Ended), "{command:?}");
    }
}

#[test]
fn a_stream_that_was_not_open_at_the_result_opens_once_to_be_read() {
    let mut parent = open_parent();
    assert_eq!(parent.receive(Msg::Return(1)), settled(1, false));
    assert_eq!(parent.command(Command::OpenStream), Ok(()));
    for command in [Command::OpenStream, Command::Yield, Command::Stop] {
        assert_eq!(parent.command(command), Err(Misuse::Ended), "{command:?}");
    }
}

/// The end of the local task, after various events, and the message to the parent side.
#[test]
fn conclusions_of_a_child_side() {
    let cancelled = |mut dialog: Dialog| {
        assert!(dialog.cancel(uid("root")));
        dialog
    };
    let parent_failed = |mut dialog: Dialog| {
        assert_eq!(dialog.receive(Msg::Error("no")), Means::CancelTask("no"));
        dialog
    };
    let lost = |mut dialog: Dialog| {
        assert!(dialog.lose());
        dialog
    };
    let by_root = Conclusion::Cancelled(uid("root"));
    let (context, generator) = (open_child(), Dialog::child(AsyncGen));
    let table = [
        (context.clone(), TaskEnd::Returned, Conclusion::Return),
        (context.clone(), TaskEnd::Failed, Conclusion::Error),
        (context.clone(), TaskEnd::Dropped, Conclusion::Error),
        (generator.clone(), TaskEnd::Returned, Conclusion::Stop),
        (generator.clone(), TaskEnd::Failed, Conclusion::Error),
        (cancelled(generator.clone()), TaskEnd::Dropped, Conclusion::StreamCancelled(uid("root"))),
        (cancelled(context.clone()), TaskEnd::Dropped, by_root.clone()),
        (cancelled(context.clone()), TaskEnd::Returned, by_root),
        (cancelled(context.clone()), TaskEnd::Failed, Conclusion::Error),
        (parent_failed(context.clone()), TaskEnd::Dropped, Conclusion::Relay),
        (parent_failed(context.clone()), TaskEnd::Returned, Conclusion::Relay),
        (parent_failed(context.clone()), TaskEnd::Failed, Conclusion::Error),
        (lost(context.clone()), TaskEnd::Dropped, Conclusion::Nothing),
        (lost(generator), TaskEnd::Returned, Conclusion::Nothing),
        (Dialog::child(Context), TaskEnd::Returned, Conclusion::Return),
    ];
    for (index, (mut dialog, end, conclusion)) in table.into_iter().enumerate() {
        assert_eq!(dialog.conclude(end), conclusion, "row {index}");
        assert!(dialog.is_settled(), "row {index}");
        assert_eq!(dialog.conclude(TaskEnd::Returned), Conclusion::Nothing, "row {index}: twice");
    }
}

#[test]
fn the_first_canceller_counts() {
    let mut dialog = open_child();
    assert!(dialog.cancel(uid("first")));
    assert!(!dialog.cancel(uid("second")));
    assert_eq!(dialog.canceller(), Some(&uid("first")));
    assert_eq!(dialog.conclude(TaskEnd::Dropped), Conclusion::Cancelled(uid("first")));
    assert!(!dialog.cancel(uid("late")));
}

#[test]
fn in_the_base_protocol_one_stop_ends_both_halves() {
    for mut dialog in [streaming_parent(), streaming_child()] {
        assert_eq!(dialog.command(Command::StopBoth), Ok(()));
        assert_eq!(dialog.command(Command::Yield), Err(Misuse::StreamClosed));
        assert_eq!(dialog.command(Command::StopBoth), Err(Misuse::StreamClosed));
        assert!(matches!(dialog.receive(Msg::Yield(1)), Means::Ignored(_)));
        assert!(matches!(dialog.receive(Msg::Stop), Means::Ignored(_)));
    }
    let mut parent = streaming_parent();
    parent.command(Command::StopBoth).expect("the stream is open");
    assert_eq!(parent.receive(Msg::Return(1)), settled(1, false));
}

#[test]
fn an_acknowledged_cancellation_settles_a_parent_side_that_has_no_outcome() {
    for mut dialog in [awaiting_return(), receiving(), streaming_parent()] {
        assert!(dialog.acknowledge());
        assert!(dialog.is_settled());
        assert!(!dialog.acknowledge());
        assert_eq!(dialog.receive(Msg::Return(1)), Means::Ignored("the dialog is over"));
    }
    assert!(!open_child().acknowledge(), "that side has a task");
}

#[test]
fn loss_settles_a_parent_side_at_once() {
    let mut dialog = streaming_parent();
    assert!(dialog.lose());
    assert!(dialog.is_settled());
    assert!(!dialog.lose());
}
