//! The plan of a chaos run. Each step depends on the seed only.

use support::dice::Dice;

use super::endpoints::Dialog;

/// One step. Indices choose among the actors at that time, modulo their number.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Step {
    /// One more actor, below the root or another actor.
    Grow { parent: u32 },
    /// A dialog from one actor (or the root) into another; dropped after this many turns, if at all.
    Dial { from: u32, to: u32, dialog: Dialog, dropped_after: Option<u32> },
    /// SIGKILL, after this many turns of the other tasks.
    Kill { victim: u32, turns: u32 },
    /// SIGSTOP, a dialog into the stopped actor, and SIGCONT or SIGKILL.
    Stop { victim: u32, dialog: Dialog, turns: u32, kill: bool },
}

/// The choices of one run.
#[derive(Debug)]
pub(crate) struct Plan(Dice);

impl Plan {
    pub(crate) fn new(seed: u64) -> Self {
        Self(Dice::new(seed))
    }

    fn next(&mut self) -> u32 {
        self.0.any()
    }

    fn below(&mut self, bound: u32) -> u32 {
        self.0.below(bound)
    }

    /// The next step, for this number of actors.
    pub(crate) fn step(&mut self, actors: usize) -> Step {
        let dice = self.below(100);
        if actors < ACTORS_MIN || (dice < 30 && actors < ACTORS_MAX) {
            return Step::Grow { parent: self.next() };
        }
        match dice {
            0..70 => {
                let dropped_after = (self.below(3) == 0).then(|| self.below(200));
                Step::Dial { from: self.next(), to: self.next(), dialog: self.dialog(), dropped_after }
            }
            70..90 => Step::Kill { victim: self.next(), turns: self.below(200) },
            _ => Step::Stop {
                victim: self.next(),
                dialog: self.dialog(),
                turns: self.below(200),
                kill: self.below(3) > 0,
            },
        }
    }

    fn dialog(&mut self) -> Dialog {
        let rounds = (self.below(2) == 0).then(|| self.below(1000));
        match self.below(3) {
            0 => Dialog::Call { rounds },
            1 => Dialog::Stream { rounds },
            _ => Dialog::Context { rounds },
        }
    }
}

/// With fewer actors the tree grows; with more than the maximum it no longer grows.
const ACTORS_MIN: usize = 6;
const ACTORS_MAX: usize = 14;
