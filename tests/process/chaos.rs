//! A random tree of actors that talk to each other while actors are killed at random: every peer gets an error, and no
//! process is left.
//!
//! The seed of the plan is fixed and part of every failure. `TRACTOR_CHAOS_SEED=random cargo test --test process chaos`
//! makes another plan, and a number instead of `random` repeats a plan. The timing of the actors is not repeated.
//! `TRACTOR_CHAOS_KILLS` sets the number of kills.

use std::time::Instant;

use support::dice::{number, seed};
use support::tree_within;
use tokio::task::LocalSet;
use tractor::{ActorOptions, Result};

use crate::chaos_support::World;
use crate::chaos_support::plan::{Plan, Step};

const SEED: u64 = 0x7261_6374_6f72;
const KILLS: u64 = 100;
/// Many times the duration of a kill and its dialogs.
const SECS_PER_KILL_MAX: u64 = 2;
const ACTORS_MIN: usize = 20;
const DEPTH_MIN: usize = 3;
/// Many more steps than a kill needs.
const STEPS_PER_KILL_MAX: usize = 30;

#[tractor::test]
async fn with_killed_actors_every_peer_gets_an_error_and_nothing_is_left() -> Result<()> {
    let seed = seed("TRACTOR_CHAOS_SEED", SEED);
    let told = Told { seed, step: 0.into() };
    let kills = number("TRACTOR_CHAOS_KILLS").unwrap_or(KILLS);
    tree_within(kills * SECS_PER_KILL_MAX, async |tree| {
        tractor::open_root_actor(ActorOptions::new(), async |_| {
            LocalSet::new().run_until(run(World::new(tree), seed, kills as usize, &told)).await;
            Ok(())
        })
        .await
    })
    .await
}

async fn run(mut world: World<'_>, seed: u64, kills: usize, told: &Told) {
    let start = Instant::now();
    let mut plan = Plan::new(seed);
    // The tree must have reached this depth.
    for depth in 0..DEPTH_MIN {
        world
            .grow(match depth {
                0 => 0,
                _ => u32::try_from(depth).expect("a small number") - 1,
            })
            .await;
    }
    let mut steps = 0;
    while world.kills < kills {
        steps += 1;
        assert!(steps <= kills * STEPS_PER_KILL_MAX, "the plan takes too many steps for its kills");
        told.step.set(steps);
        match plan.step(world.actors()) {
            Step::Grow { parent } => world.grow(parent).await,
            Step::Dial { from, to, dialog, dropped_after } => world.dial(from, to, dialog, dropped_after),
            Step::Kill { victim, turns } => world.kill(victim, turns).await,
            Step::Stop { victim, dialog, turns, kill } => world.stop(victim, dialog, turns, kill).await,
        }
    }
    let ((actors, dialogs), depth) = (world.totals(), world.depth_max);
    let outcomes = world.end().await;
    told.say(&format!(
        "{steps} steps, {actors} actors down to depth {depth}, {kills} kills, {dialogs} dialogs: {outcomes:?}, {:?}",
        start.elapsed()
    ));
    assert!(actors >= ACTORS_MIN && depth >= DEPTH_MIN, "{actors} actors, depth {depth}");
    assert_eq!(outcomes.values().sum::<usize>(), dialogs, "every dialog has one outcome");
}

/// Prints how to repeat the plan when the test has failed.
struct Told {
    seed: u64,
    step: std::cell::Cell<usize>,
}

impl Told {
    #[expect(clippy::print_stdout, reason = "shown with --nocapture, and when the test fails")]
    fn say(&self, text: &str) {
        println!("TRACTOR_CHAOS_SEED={}: {text}", self.seed);
    }
}

impl Drop for Told {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.say(&format!("failed at or after step {}", self.step.get()));
        }
    }
}
