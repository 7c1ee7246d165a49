//! Random trees of misbehaving actors: every scope returns within its bound, and no process is left.
//!
//! Each actor has a [`Way`] of its own, a moment for it, and perhaps programs that it has started before. The variants
//! of that enum are:
//!
//! * A busy child spins, a blocked child parks its thread; either may have left its group, have a session of its own or
//!   ignore SIGTERM. Another child hangs in a callback at its end.
//! * A stopped child gets SIGSTOP, or SIGTSTP with its group as by job control, or SIGSTOP and SIGCONT a little later.
//! * A child that ends: `exit` with 0 and 3, `_exit`, `abort`, a fault, a stack or a memory that is full, SIGKILL for
//!   itself and for its group, `exec` of a program and of its own binary. Each of them may have actors below it.
//! * A child that goes on, changed: out of its group, in a session of its own, with SIGCHLD or SIGTERM ignored,
//!   without a working directory.
//! * A child without descriptors: its sockets shut down, spoiled or closed, its standard input closed, everything
//!   closed, all of them used up.
//! * Programs that outlive their actor's good end, crash and kill: every fourth actor starts some, whatever its way.
//! * Copies by `fork`: one that blocks, one that is a daemon (`setsid` and a second `fork`), one that goes on as the
//!   actor does, on the same sockets.
//! * Dropped scopes with living children: in an actor, and of the whole tree. Siblings that fail: an error, a panic.
//!
//! It is a known limit that no actor ends a program with a session of its own: the test ends it, and then it has to be
//! reaped. A daemon that is a copy of an actor is treated as an orphaned actor, unlike other programs.
//!
//! This is the only test of its process, so that it can count the resources of the process.
//!
//! A longer run: `TRACTOR_STRESS_SECS=600 cargo test --test stress -- --nocapture`. `TRACTOR_STRESS_SEED=random` makes
//! other trees, and a number instead of `random` repeats them.

mod stress_support;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::pin::pin;
use std::time::{Duration, Instant};

use rustix::process::{Resource, Rlimit, Signal, setrlimit};
use support::dice::{Dice, number, seed};
use support::processes::{below, signal};
use support::{Tree, forever, tree_within, until};
use tractor::{ActorOptions, Error, Result, Timeouts};

use crate::stress_support::{Plan, Way, live, outlives, programs};

const SEED: u64 = 0x7374_7265_7373;
/// The default duration of the test.
const SECS: u64 = 4;
/// The time limit of each step of the ladder.
const RUNG: Duration = Duration::from_millis(250);
/// The time in which a scope has to return: a few nested ladders, on a busy machine.
const BOUND: Duration = Duration::from_secs(20);
/// Rounds before the memory of the root is measured.
const WARM_UP: u32 = 4;
/// The allowed growth of the root after that. A leak per round would exceed it.
const GROWTH_KIB_MAX: u64 = 6 * 1024;
/// Actors below the root and below another actor, at most.
const WIDTH_MAX: u32 = 3;
const DEPTH_MAX: u32 = 3;

/// How a scope is left.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Leave {
    /// The body fails.
    Fails,
    /// The nursery is cancelled.
    Cancels,
    /// Only the end of a child ends it, or the drop of its future.
    Dropped,
}

#[tractor::test]
async fn every_scope_returns_and_nothing_is_left() -> Result<()> {
    let secs = number("TRACTOR_STRESS_SECS").unwrap_or(SECS);
    let seed = seed("TRACTOR_STRESS_SEED", SEED);
    // Core dumps would fill the disk.
    setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: None }).expect("a limit may be lowered");
    let timeouts = Timeouts::default()
        .actor_cancel(RUNG)
        .nursery_cancel(RUNG)
        .terminate(RUNG)
        .context_cancel(RUNG)
        .unresponsive(4 * RUNG)
        .child_boot(BOUND / 2);
    tree_within(secs + 120, async |tree| {
        tractor::open_root_actor(ActorOptions::new().timeouts(timeouts), async |_| {
            run(tree, seed, Duration::from_secs(secs)).await;
            Ok(())
        })
        .await
    })
    .await
}

async fn run(tree: &Tree, seed: u64, time: Duration) {
    let (mut dice, start) = (Dice::new(seed), Instant::now());
    let (mut rounds, mut actors, mut slowest) = (0, 0, Duration::ZERO);
    let mut ends: BTreeMap<String, u32> = BTreeMap::new();
    let mut held = None;
    while start.elapsed() < time || rounds <= WARM_UP {
        let round = Round::new(tree, &mut dice, rounds);
        actors += round.plans.iter().map(size).sum::<u32>();
        let (end, took) = round.run(seed).await;
        *ends.entry(format!("{:?}: {end}", round.leave)).or_default() += 1;
        slowest = slowest.max(took);
        round.check(seed).await;
        rounds += 1;
        if rounds == WARM_UP {
            held = Some(Held::now());
        }
    }
    let before = held.expect("the warm-up is over");
    // The connections of a scope that was dropped close a little later than their processes end.
    let settled = until(|| Held::now().descriptors <= before.descriptors);
    let is_flat = tokio::time::timeout(BOUND, settled).await.is_ok();
    let after = Held::now();
    say(&format!(
        "TRACTOR_STRESS_SEED={seed}: {rounds} rounds, {actors} actors in {:?}; the slowest scope took {slowest:?}; \
         {before:?}, then {after:?}; {ends:#?}",
        start.elapsed()
    ));
    assert!(is_flat, "more descriptors than before");
    let growth = after.resident_kib.saturating_sub(before.resident_kib);
    assert!(growth < GROWTH_KIB_MAX, "the root has grown by {growth} KiB in {rounds} rounds");
}

/// One scope and the tree in it.
struct Round {
    number: u32,
    plans: Vec<Plan>,
    leave: Leave,
    /// The time from the start of the scope to the end of its body.
    after: Duration,
    /// The sleep time of this round's programs, which identifies them.
    program: String,
}

impl Round {
    fn new(tree: &Tree, dice: &mut Dice, number: u32) -> Self {
        let plans = (0..=dice.below(WIDTH_MAX)).map(|n| plan(tree, dice, &n.to_string(), 1)).collect();
        let leave = dice.one_of(&[Leave::Fails, Leave::Cancels, Leave::Dropped]);
        let after = Duration::from_millis(dice.below(1000).into());
        let program = format!("86400.{}{number:05}", std::process::id());
        Self { number, plans, leave, after, program }
    }

    /// Runs the scope. Returns how it has ended, and how long that took.
    async fn run(&self, seed: u64) -> (String, Duration) {
        let left = RefCell::new(None);
        let leaves = || *left.borrow_mut() = Some(Instant::now());
        let (end, begun) = {
            let mut scope = pin!(self.scope(&leaves));
            let begun = Instant::now();
            let patience = match self.leave {
                Leave::Dropped => self.after,
                Leave::Fails | Leave::Cancels => self.after + BOUND,
            };
            match tokio::time::timeout(patience, scope.as_mut()).await {
                Ok(Ok(())) => ("it returns".to_owned(), begun),
                Ok(Err(error)) => (kind(&error), begun),
                Err(_elapsed) if self.leave == Leave::Dropped => ("it is dropped".to_owned(), begun),
                Err(_elapsed) => {
                    panic!(
                        "TRACTOR_STRESS_SEED={seed}, round {}: not back within {BOUND:?}: {self}",
                        self.number
                    )
                }
            }
        };
        (end, left.borrow().unwrap_or(begun).elapsed())
    }

    async fn scope(&self, leaves: &impl Fn()) -> Result<()> {
        tractor::open_nursery(async |an| {
            let lives = self.plans.iter().map(|plan| live(an, plan, &self.program));
            let leave = async {
                if self.leave == Leave::Dropped {
                    forever().await;
                }
                tokio::time::sleep(self.after).await;
                leaves();
            };
            tokio::select! {
                lived = futures_util::future::try_join_all(lives) => drop(lived?),
                () = leave => {}
            }
            if self.leave == Leave::Cancels {
                an.cancel().await;
                return Ok(());
            }
            Err(Error::NoRuntime)
        })
        .await
    }

    /// Fails if a process of the round is left, dead or alive, except for programs that have a session of their own.
    /// These are ended here.
    async fn check(&self, seed: u64) {
        let escaped = outlives(&self.program);
        self.is_gone(seed, "processes", || below().len() - programs(&escaped).len()).await;
        programs(&escaped).into_iter().for_each(|pid| signal(pid, Signal::KILL));
        self.is_gone(seed, "programs", || below().len()).await;
    }

    async fn is_gone(&self, seed: u64, what: &str, left: impl Fn() -> usize) {
        let start = Instant::now();
        // The process table is read row by row, so a process that loses its parent meanwhile may be missed once.
        let mut looks = 0;
        while looks < 2 {
            looks = if left() == 0 { looks + 1 } else { 0 };
            let number = self.number;
            assert!(
                start.elapsed() < BOUND,
                "TRACTOR_STRESS_SEED={seed}, round {number}: {what} are left: {:#?}, after {self}",
                below()
            );
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

impl std::fmt::Display for Round {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?} after {:?}: {:#?}", self.leave, self.after, self.plans)
    }
}

fn plan(tree: &Tree, dice: &mut Dice, path: &str, depth: u32) -> Plan {
    let width = if depth < DEPTH_MAX { dice.below(WIDTH_MAX) } else { 0 };
    let below = (0..width).map(|n| plan(tree, dice, &format!("{path}{n}"), depth + 1)).collect();
    let name = tree.name(path);
    let (way, starts_programs) = (dice.one_of(&Way::ALL), dice.below(4) == 0);
    Plan { name, way, starts_programs, after_ms: dice.below(600), below }
}

fn size(plan: &Plan) -> u32 {
    1 + plan.below.iter().map(size).sum::<u32>()
}

/// The name of an error's variant.
fn kind(error: &Error) -> String {
    let text = format!("{error:#?}");
    text.split(|c: char| !c.is_alphanumeric()).next().unwrap_or_default().to_owned()
}

/// The resources of the root.
#[derive(Debug)]
struct Held {
    resident_kib: u64,
    descriptors: usize,
}

impl Held {
    fn now() -> Self {
        let status = std::fs::read_to_string("/proc/self/status").expect("Linux reports it");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("Linux reports it");
        let resident_kib = line.trim().trim_end_matches(" kB").parse().expect("a number");
        let descriptors = std::fs::read_dir("/proc/self/fd").expect("Linux reports it").count();
        Self { resident_kib, descriptors }
    }
}

#[expect(clippy::print_stdout, reason = "the numbers of the long run, shown with --nocapture")]
fn say(text: &str) {
    println!("{text}");
}
