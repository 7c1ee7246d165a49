//! Both ends of a context, joined by two queues, in every reachable state.
//!
//! A breadth-first search runs every order of: the steps of either task (start, stream, stop, return, fail), cancel
//! requests of the parent side and of the child side itself, the failure of the parent's body, the delivery of each
//! message or its refusal for lack of room, and the loss of the connection at any point.
//!
//! # The model
//! * One context, both ends honest: they take only the steps that [`Dialog::command`] allows. The tables in
//!   `dialog_transitions` cover the messages of a dishonest end.
//! * The wire keeps its order in each direction and may delay a message for ever. It loses no message by itself. When
//!   the connection is lost, all messages in transit are lost, both ends learn of the loss at once, and nothing
//!   follows.
//! * Each side streams at most [`YIELDS_MAX`] values and refuses at most one, because more of them lead to no new
//!   phase. A side can send every other message only once. So a queue holds at most a few messages more than that
//!   (which is checked), and the state space is finite. It is searched completely: some 20,000 states, the farthest 23
//!   steps from the start.
//! * A cancel request is one message. In reality it is a dialog of its own over the same connection.
//!
//! # What is checked
//! Of the invariants in ARCHITECTURE.md:
//! * 2, one outcome: in every state, no side settles twice; and if no message is in transit and the task has ended,
//!   both sides have settled.
//! * 3, the canceller: a cancellation names an actor that did ask for one. Which side absorbs it is decided later, by
//!   `proto::dialog::judge`, which has a table of its own.
//! * 6, no cancellation hides the cause: if the child side has failed, its parent side gets neither a cancellation nor
//!   a value.
//! * 7, waits end: a lost connection settles the parent side in the same step, and the child's task must end.
//!
//! Also checked: two honest ends ignore no message of each other while the dialog lives, and break only one rule: an
//! endpoint may return before `Started`.
//!
//! When a check fails, the test prints the shortest path to that state: the steps, the messages that each step sent and
//! delivered, and the state at the end.

use std::collections::{HashMap, VecDeque};

use crate::dialog_world::{STEPS, Step, World};

/// Values each side streams at most.
const YIELDS_MAX: u8 = 2;

#[test]
fn every_order_of_a_context_settles_both_sides_exactly_once() {
    let start = World::new(YIELDS_MAX);
    let mut came_from: HashMap<World, Option<(World, Step)>> = HashMap::from([(start.clone(), None)]);
    let mut queue = VecDeque::from([(start, 0usize)]);
    let (mut transitions, mut depth) = (0usize, 0);
    while let Some((world, steps)) = queue.pop_front() {
        depth = depth.max(steps);
        for step in STEPS {
            let explored = std::panic::catch_unwind(|| {
                let next = world.after(step);
                if let Some(next) = &next {
                    next.check();
                    next.check_at_rest();
                }
                next
            });
            let Ok(next) = explored else {
                panic!("{step:?} breaks a rule, on the way\n{}", trace(&came_from, &world))
            };
            let Some(next) = next else { continue };
            transitions += 1;
            if !came_from.contains_key(&next) {
                came_from.insert(next.clone(), Some((world.clone(), step)));
                queue.push_back((next, steps + 1));
            }
        }
    }
    println!("{} states, {transitions} transitions, depth {depth}", came_from.len());
    assert!(came_from.len() > 10_000, "the search covers too little: {} states", came_from.len());
}

/// The steps that lead to a state, one a line, with the messages that each delivers and sends.
fn trace(came_from: &HashMap<World, Option<(World, Step)>>, world: &World) -> String {
    let mut steps = Vec::new();
    let mut at = world;
    while let Some(Some((before, step))) = came_from.get(at) {
        steps.push(format!("  {step:?}{}", messages(before, *step, at)));
        at = before;
    }
    steps.reverse();
    format!("{}\n  in {world:#?}", steps.join("\n"))
}

/// The messages that a step delivers and sends.
fn messages(before: &World, step: Step, after: &World) -> String {
    let (mut to_child, mut to_parent) = (before.to_child.len(), before.to_parent.len());
    let delivered = match step {
        Step::DeliverToChild => {
            to_child -= 1;
            before.to_child.front()
        }
        Step::DeliverToParent => {
            to_parent -= 1;
            before.to_parent.front()
        }
        _ => None,
    };
    let delivered = delivered.map(|msg| format!(" {msg:?}")).unwrap_or_default();
    let sent = after.to_child.iter().skip(to_child).map(|msg| format!(", sends {msg:?} to the child"));
    let answered = after.to_parent.iter().skip(to_parent).map(|msg| format!(", sends {msg:?} to the parent"));
    sent.chain(answered).fold(delivered, |line, msg| line + &msg)
}
