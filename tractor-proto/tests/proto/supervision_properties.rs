//! Properties of supervision over any sequence of events: a model of processes follows the supervisor's orders and
//! checks them.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use proptest::collection::vec;
use proptest::prelude::*;
use tractor_proto::supervision::{
    Backoff, ChildId, Exit, Input, Machine, Output, Restart, Strategy as Kind, Supervision,
};

/// An event; the numbers choose among the children that it is possible for.
#[derive(Debug, Clone)]
enum Op {
    Declare(Restart),
    Boot(usize),
    Exit(usize, Exit),
    Remove(usize),
    Renew(usize),
    Pass(Duration),
    Stop,
    Cancel,
}

fn any_op() -> impl Strategy<Value = Op> {
    let restart = prop_oneof![
        3 => Just(Restart::Permanent),
        1 => Just(Restart::Transient),
        1 => Just(Restart::Temporary),
    ];
    let exit = prop_oneof![2 => Just(Exit::Crashed), 1 => Just(Exit::InOrder), 1 => Just(Exit::NotStarted)];
    prop_oneof![
        10 => restart.prop_map(Op::Declare),
        40 => any::<usize>().prop_map(Op::Boot),
        40 => (any::<usize>(), exit).prop_map(|(which, exit)| Op::Exit(which, exit)),
        3 => any::<usize>().prop_map(Op::Remove),
        5 => any::<usize>().prop_map(Op::Renew),
        30 => (0_u64..400).prop_map(|ms| Op::Pass(Duration::from_millis(ms))),
        1 => Just(Op::Stop),
        1 => Just(Op::Cancel),
    ]
}

fn any_supervision() -> impl Strategy<Value = Supervision> {
    let strategy = prop_oneof![Just(Kind::OneForOne), Just(Kind::OneForAll), Just(Kind::RestForOne)];
    let backoff = (0_u64..200, 0_u32..4, 0_u64..500).prop_map(|(first, factor, max)| Backoff {
        first: Duration::from_millis(first),
        factor,
        max: Duration::from_millis(max),
    });
    (strategy, 0_u16..8, 1_u64..2000, backoff).prop_map(|(strategy, restarts, window, backoff)| {
        let mut how = Supervision::one_for_one().intensity(restarts, Duration::from_millis(window));
        how.strategy = strategy;
        how.backoff(backoff)
    })
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Process {
    Booting,
    Up(Duration),
}

#[derive(Debug)]
struct Known {
    restart: Restart,
    process: Option<Process>,
    asked: bool,
    /// A request to restart it, whatever its restart rule.
    is_renewed: bool,
    /// The earliest time of its start.
    due: Duration,
    /// The last delay before a restart that its own end has caused.
    delay: Option<Duration>,
}

/// A model of the supervisor's duties, written independently of its code.
struct World {
    how: Supervision,
    machine: Machine,
    now: Duration,
    children: BTreeMap<ChildId, Known>,
    /// The children with a process that must be asked to end, one after the other.
    to_stop: BTreeSet<ChildId>,
    restarts: Vec<Duration>,
    ending: bool,
    next: u64,
}

impl World {
    fn new(how: Supervision) -> Self {
        Self {
            how,
            machine: Machine::new(how),
            now: Duration::ZERO,
            children: BTreeMap::new(),
            to_stop: BTreeSet::new(),
            restarts: Vec::new(),
            ending: false,
            next: 0,
        }
    }

    fn apply(&mut self, op: &Op) {
        match op {
            Op::Declare(restart) => {
                let id = ChildId(self.next);
                self.next += 1;
                let (asked, is_renewed, due) = (false, false, self.now);
                let known = Known { restart: *restart, process: None, asked, is_renewed, due, delay: None };
                self.children.insert(id, known);
                self.tell(Input::Declared(id, *restart));
            }
            Op::Boot(which) => {
                if let Some(id) = self.pick(*which, |known| known.process == Some(Process::Booting)) {
                    self.boot(id);
                }
            }
            Op::Exit(which, exit) => {
                if let Some(id) = self.pick(*which, |known| known.process.is_some()) {
                    self.exit(id, *exit);
                }
            }
            Op::Remove(which) => {
                if let Some(id) = self.pick(*which, |_| true) {
                    let known = self.children.get_mut(&id).unwrap();
                    (known.restart, known.is_renewed) = (Restart::Temporary, false);
                    if known.process.is_some() && !known.asked {
                        self.to_stop.insert(id);
                    }
                    let has_process = known.process.is_some();
                    self.tell(Input::Remove(id));
                    assert_eq!(self.children.contains_key(&id), has_process);
                }
            }
            Op::Renew(which) => {
                if let Some(id) = self.pick(*which, |_| true) {
                    self.renew(id);
                }
            }
            Op::Pass(time) => {
                let until = self.now + *time;
                while let Some(due) = self.machine.timeout().filter(|due| *due <= until) {
                    assert!(due > self.now, "no timer is overdue");
                    self.now = due;
                    self.tell(Input::Timer);
                }
                self.now = until;
            }
            Op::Stop => self.end(Input::Stop),
            Op::Cancel => {
                self.end(Input::Cancel);
                assert!(self.to_stop.is_empty(), "all children are asked to end at once");
            }
        }
    }

    fn pick(&self, which: usize, fits: impl Fn(&Known) -> bool) -> Option<ChildId> {
        let fitting: Vec<_> =
            self.children.iter().filter(|(_, known)| fits(known)).map(|(id, _)| *id).collect();
        (!fitting.is_empty()).then(|| fitting[which % fitting.len()])
    }

    fn renew(&mut self, id: ChildId) {
        let leaves = self.children[&id].asked || self.to_stop.contains(&id);
        if self.children[&id].process.is_some() && !leaves {
            self.children.get_mut(&id).unwrap().is_renewed = true;
            self.concern(id, self.now);
        }
        self.tell(Input::Renew(id));
    }

    fn boot(&mut self, id: ChildId) {
        self.children.get_mut(&id).unwrap().process = Some(Process::Up(self.now));
        self.tell(Input::Started(id));
        let leaves = self.children[&id].asked || self.to_stop.contains(&id);
        assert_eq!(self.machine.is_up(id), !leaves);
    }

    fn end(&mut self, input: Input) {
        self.ending = true;
        for (id, known) in &mut self.children {
            (known.restart, known.is_renewed) = (Restart::Temporary, false);
            if known.process.is_some() && !known.asked {
                self.to_stop.insert(*id);
            }
        }
        self.tell(input);
        assert!(self.children.values().all(|known| known.process.is_some()), "the other children have ended");
    }

    fn exit(&mut self, id: ChildId, exit: Exit) {
        let known = self.children.get_mut(&id).unwrap();
        let was_leaving = std::mem::take(&mut known.asked) || self.to_stop.remove(&id);
        let process = known.process.take().unwrap();
        let is_renewed = std::mem::take(&mut known.is_renewed);
        let restarts = match known.restart {
            Restart::Permanent => true,
            Restart::Transient => exit != Exit::InOrder,
            Restart::Temporary => false,
        };
        if was_leaving || !restarts {
            let comes_back = was_leaving && (known.restart != Restart::Temporary || is_renewed);
            self.tell(Input::Exited(id, exit));
            assert_eq!(self.children.contains_key(&id), comes_back);
            return;
        }
        let window = self.how.intensity.window;
        let recent = self.restarts.iter().filter(|made| self.now - **made < window).count();
        if recent == usize::from(self.how.intensity.restarts) {
            self.children.remove(&id);
            self.end_given_up(id, exit);
            return;
        }
        assert!(recent < usize::from(self.how.intensity.restarts), "more restarts than allowed");
        let Backoff { first, factor, max } = self.how.backoff;
        let quiet = matches!(process, Process::Up(since) if self.now - since >= window);
        let known = self.children.get_mut(&id).unwrap();
        let delay = match known.delay {
            Some(last) if !quiet => (last * factor.max(1)).min(max),
            _ => first.min(max),
        };
        known.delay = Some(delay);
        self.restarts.push(self.now);
        self.concern(id, self.now + delay);
        let outputs = self.drain(Input::Exited(id, exit));
        assert_eq!(outputs.first(), Some(&Output::Restarting(id, delay)));
        self.carry_out(&outputs[1..]);
    }

    fn end_given_up(&mut self, id: ChildId, exit: Exit) {
        self.ending = true;
        for (id, known) in &mut self.children {
            (known.restart, known.is_renewed) = (Restart::Temporary, false);
            if known.process.is_some() && !known.asked {
                self.to_stop.insert(*id);
            }
        }
        let outputs = self.drain(Input::Exited(id, exit));
        let restarts = self.how.intensity.restarts;
        assert_eq!(outputs[..2], [Output::GaveUp { child: id, restarts }, Output::Over(id)]);
        self.carry_out(&outputs[2..]);
        assert!(self.to_stop.is_empty(), "all children are asked to end at once");
    }

    /// Applies a restart to the child itself and to the siblings that the strategy names.
    fn concern(&mut self, failed: ChildId, due: Duration) {
        for (id, known) in &mut self.children {
            let concerned = match self.how.strategy {
                Kind::OneForOne => *id == failed,
                Kind::OneForAll => true,
                Kind::RestForOne => *id >= failed,
            };
            if concerned {
                known.due = if *id == failed { due } else { known.due.max(due) };
                if known.process.is_some() && !known.asked {
                    self.to_stop.insert(*id);
                }
            }
        }
    }

    fn drain(&mut self, input: Input) -> Vec<Output> {
        self.machine.handle(input, self.now);
        std::iter::from_fn(|| self.machine.poll_output()).collect()
    }

    fn tell(&mut self, input: Input) {
        let outputs = self.drain(input);
        self.carry_out(&outputs);
    }

    fn carry_out(&mut self, outputs: &[Output]) {
        let all_at_once = outputs.iter().filter(|output| matches!(output, Output::Stop(_))).count() > 1;
        for output in outputs {
            match *output {
                Output::Start(id) => self.start(id),
                Output::Stop(id) => {
                    assert!(self.to_stop.remove(&id), "{id:?} is not affected");
                    let later = self.children.range(id..).skip(1);
                    let later_leaves =
                        later.clone().any(|(id, known)| known.asked || self.to_stop.contains(id));
                    assert!(
                        all_at_once || self.ending || !later_leaves,
                        "{id:?} was stopped before a later child"
                    );
                    self.children.get_mut(&id).unwrap().asked = true;
                }
                Output::Over(id) => {
                    let known = self.children.remove(&id);
                    assert!(known.is_none_or(|known| known.process.is_none()), "the child has a process");
                }
                Output::Restarting(..) | Output::GaveUp { .. } => panic!("{output:?} without a reason"),
            }
        }
        let waits = self.children.values().any(|known| known.asked);
        assert!(self.to_stop.is_empty() || waits, "no child was asked to end");
        assert_eq!(self.machine.is_idle(), self.children.is_empty());
    }

    fn start(&mut self, id: ChildId) {
        assert!(!self.ending, "started after the supervisor has ended");
        let leaves = |(id, known): (&ChildId, &Known)| known.asked || self.to_stop.contains(id);
        let is_up = |known: &Known| matches!(known.process, Some(Process::Up(_)));
        if self.how.strategy != Kind::OneForOne {
            assert!(!self.children.iter().any(leaves), "started before all others have ended");
            assert!(
                self.children.range(..id).all(|(_, known)| is_up(known)),
                "started before an earlier child"
            );
        }
        let known = self.children.get_mut(&id).unwrap();
        assert_eq!(known.process, None, "started twice");
        assert!(self.now >= known.due, "started too soon");
        known.process = Some(Process::Booting);
    }

    /// Runs until nothing changes any more: a child that was asked ends, a booting child comes up, delays pass.
    fn settle(&mut self) {
        for _round in 0..10_000 {
            if let Some(id) = self.pick(0, |known| known.asked) {
                self.exit(id, Exit::InOrder);
            } else if let Some(id) = self.pick(0, |known| known.process == Some(Process::Booting)) {
                self.boot(id);
            } else if let Some(due) = self.machine.timeout() {
                self.now = due;
                self.tell(Input::Timer);
            } else {
                let is_up = |known: &Known| matches!(known.process, Some(Process::Up(_)));
                assert!(self.children.values().all(is_up), "{:?}", self.children);
                assert!(!self.ending || self.children.is_empty());
                return;
            }
        }
        panic!("the machine does not come to rest");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_supervisor_keeps_its_rules(how in any_supervision(), ops in vec(any_op(), 0..120)) {
        let mut world = World::new(how);
        for _ in 0..4 {
            world.apply(&Op::Declare(Restart::Permanent));
        }
        for op in &ops {
            world.apply(op);
        }
        world.settle();
        // No window had more restarts than this.
        let allowed = usize::from(how.intensity.restarts);
        for (index, first) in world.restarts.iter().enumerate() {
            let within = world.restarts[index..].iter().filter(|made| **made - *first < how.intensity.window);
            prop_assert!(within.count() <= allowed);
        }
    }

    #[test]
    fn delays_grow_up_to_their_limit(first in 0_u64..10_000, factor: u32, max in 0_u64..100_000) {
        let backoff =
            Backoff { first: Duration::from_millis(first), factor, max: Duration::from_millis(max) };
        let delays: Vec<_> = (0..50).map(|before| backoff.delay(before)).collect();
        prop_assert!(delays.is_sorted());
        prop_assert!(delays.iter().all(|delay| *delay <= backoff.max));
        prop_assert_eq!(delays[0], backoff.first.min(backoff.max));
        prop_assert_eq!(backoff.delay(u32::MAX) == backoff.max, first * u64::from(factor > 1) > 0 || first >= max);
    }
}
