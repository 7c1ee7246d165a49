//! Both ends of a context joined by two queues, explored exhaustively.
//!
//! A breadth-first search runs every order of: what either task does (start, stream, stop, return, fail), cancel requests
//! of the parent side and of the child side itself, the failure of the parent's body, delivery of each message, and the
//! loss of the connection at any point. Every reachable state is checked; a failing one prints the way to it.

mod dialog_world;

use std::collections::{HashMap, VecDeque};

use dialog_world::{STEPS, Step, World};

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

/// The steps that lead to a state, one a line.
fn trace(came_from: &HashMap<World, Option<(World, Step)>>, world: &World) -> String {
    let mut steps = Vec::new();
    let mut at = world;
    while let Some(Some((before, step))) = came_from.get(at) {
        steps.push(format!("  {step:?}"));
        at = before;
    }
    steps.reverse();
    format!("{}\n  in {world:#?}", steps.join("\n"))
}
