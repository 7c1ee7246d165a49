//! The rules of supervision, one by one.

use std::time::Duration;

use tractor_proto::supervision::{Backoff, ChildId, Exit, Input, Machine, Output, Restart, Supervision};

const A: ChildId = ChildId(0);
const B: ChildId = ChildId(1);
const C: ChildId = ChildId(2);

/// Milliseconds.
fn ms(count: u64) -> Duration {
    Duration::from_millis(count)
}

fn no_delay(how: Supervision) -> Supervision {
    how.backoff(Backoff::NONE).intensity(3, ms(1000))
}

/// A supervisor and its outputs.
struct Trace(Machine);

impl Trace {
    /// Three children, all up at 0.
    fn three(how: Supervision, restarts: [Restart; 3]) -> Self {
        let mut trace = Self(Machine::new(how));
        for (id, restart) in [A, B, C].into_iter().zip(restarts) {
            assert_eq!(trace.at(0, Input::Declared(id, restart)), [Output::Start(id)]);
            assert_eq!(trace.at(0, Input::Started(id)), []);
        }
        trace
    }

    fn permanent(how: Supervision) -> Self {
        Self::three(how, [Restart::Permanent; 3])
    }

    fn at(&mut self, now: u64, input: Input) -> Vec<Output> {
        self.0.handle(input, ms(now));
        std::iter::from_fn(|| self.0.poll_output()).collect()
    }

    fn crash(&mut self, now: u64, id: ChildId) -> Vec<Output> {
        self.at(now, Input::Exited(id, Exit::Crashed))
    }

    fn ended(&mut self, now: u64, id: ChildId) -> Vec<Output> {
        self.at(now, Input::Exited(id, Exit::InOrder))
    }

    fn started(&mut self, now: u64, id: ChildId) -> Vec<Output> {
        self.at(now, Input::Started(id))
    }
}

fn restarting(id: ChildId, delay: u64) -> Output {
    Output::Restarting(id, ms(delay))
}

#[test]
fn one_for_one_restarts_the_one() {
    let mut trace = Trace::permanent(no_delay(Supervision::one_for_one()));
    assert_eq!(trace.crash(5, B), [restarting(B, 0), Output::Start(B)]);
    assert!(trace.0.is_up(A) && !trace.0.is_up(B) && trace.0.is_up(C));
    assert_eq!(trace.started(6, B), []);
    assert!(trace.0.is_up(B));
}

#[test]
fn one_for_all_stops_from_the_last_and_starts_from_the_first() {
    let mut trace = Trace::permanent(no_delay(Supervision::one_for_all()));
    assert_eq!(trace.crash(5, B), [restarting(B, 0), Output::Stop(C)]);
    assert!(!trace.0.is_up(A), "it will be stopped, so its portal is not given out");
    assert_eq!(trace.ended(6, C), [Output::Stop(A)]);
    assert_eq!(trace.ended(7, A), [Output::Start(A)]);
    assert_eq!(trace.started(8, A), [Output::Start(B)]);
    assert_eq!(trace.started(9, B), [Output::Start(C)]);
    assert_eq!(trace.started(9, C), []);
}

#[test]
fn rest_for_one_leaves_the_earlier_ones() {
    let mut trace = Trace::permanent(no_delay(Supervision::rest_for_one()));
    assert_eq!(trace.crash(5, B), [restarting(B, 0), Output::Stop(C)]);
    assert!(trace.0.is_up(A));
    assert_eq!(trace.crash(6, C), [Output::Start(B)], "its end was asked for, so its kind does not matter");
    assert_eq!(trace.started(7, B), [Output::Start(C)]);
}

#[test]
fn an_earlier_failure_during_a_restart_widens_it() {
    let backoff = Backoff { first: ms(100), factor: 1, max: ms(100) };
    let mut trace = Trace::permanent(Supervision::rest_for_one().backoff(backoff));
    assert_eq!(trace.crash(0, B), [restarting(B, 100), Output::Stop(C)]);
    assert_eq!(trace.ended(10, C), []);
    assert_eq!(trace.0.timeout(), Some(ms(100)));
    assert_eq!(trace.crash(50, A), [restarting(A, 100)]);
    assert_eq!(trace.0.timeout(), Some(ms(150)));
    assert_eq!(trace.at(149, Input::Timer), []);
    assert_eq!(trace.at(150, Input::Timer), [Output::Start(A)]);
    assert_eq!(trace.started(160, A), [Output::Start(B)]);
    assert_eq!(trace.crash(165, A), [restarting(A, 100), Output::Stop(B)], "a booting child is stopped too");
    assert_eq!(trace.started(166, B), [], "it has just booted, and is stopped all the same");
    assert_eq!(trace.ended(170, B), []);
    assert_eq!(trace.at(265, Input::Timer), [Output::Start(A)]);
}

#[test]
fn a_longer_delay_outlasts_the_restart_of_an_earlier_sibling() {
    let backoff = Backoff { first: ms(10), factor: 10, max: ms(1000) };
    let mut trace = Trace::permanent(Supervision::rest_for_one().backoff(backoff).intensity(9, ms(5000)));
    assert_eq!(trace.crash(0, C), [restarting(C, 10)]);
    assert_eq!(trace.at(10, Input::Timer), [Output::Start(C)]);
    assert_eq!(trace.at(10, Input::Exited(C, Exit::NotStarted)), [restarting(C, 100)]);
    assert_eq!(trace.crash(20, B), [restarting(B, 10)]);
    assert_eq!(trace.at(30, Input::Timer), [Output::Start(B)]);
    assert_eq!(trace.started(31, B), []);
    assert_eq!(trace.0.timeout(), Some(ms(110)));
    assert_eq!(trace.at(110, Input::Timer), [Output::Start(C)]);
}

#[test]
fn each_kind_of_child_has_its_rule() {
    let restarted = |restart, exit| {
        let mut trace = Trace::three(no_delay(Supervision::one_for_one()), [restart; 3]);
        match trace.at(1, Input::Exited(B, exit))[..] {
            [Output::Restarting(B, Duration::ZERO), Output::Start(B)] => true,
            [Output::Over(B)] => false,
            ref other => panic!("{other:?}"),
        }
    };
    for (restart, in_order, failed) in [
        (Restart::Permanent, true, true),
        (Restart::Transient, false, true),
        (Restart::Temporary, false, false),
    ] {
        assert_eq!(restarted(restart, Exit::InOrder), in_order, "{restart:?}");
        assert_eq!(restarted(restart, Exit::Crashed), failed, "{restart:?}");
        assert_eq!(restarted(restart, Exit::NotStarted), failed, "{restart:?}");
    }
}

#[test]
fn a_temporary_sibling_is_stopped_and_does_not_come_back() {
    let restarts = [Restart::Permanent, Restart::Temporary, Restart::Transient];
    let mut trace = Trace::three(no_delay(Supervision::one_for_all()), restarts);
    assert_eq!(trace.crash(1, A), [restarting(A, 0), Output::Stop(C)]);
    assert_eq!(trace.ended(2, C), [Output::Stop(B)]);
    assert_eq!(trace.ended(3, B), [Output::Over(B), Output::Start(A)]);
    assert_eq!(
        trace.started(4, A),
        [Output::Start(C)],
        "a transient child is restarted if the supervisor stopped it"
    );
}

#[test]
fn the_first_restart_too_many_within_the_window_is_not_made() {
    let mut trace = Trace::permanent(no_delay(Supervision::one_for_one()));
    for (now, id) in [(0, A), (100, B), (999, C)] {
        assert_eq!(trace.crash(now, id), [restarting(id, 0), Output::Start(id)]);
        trace.started(now, id);
    }
    // The one at 0 no longer counts.
    assert_eq!(trace.crash(1000, A), [restarting(A, 0), Output::Start(A)]);
    trace.started(1001, A);
    let gave_up = Output::GaveUp { child: B, restarts: 3 };
    assert_eq!(trace.crash(1099, B), [gave_up, Output::Over(B), Output::Stop(A), Output::Stop(C)]);
    assert_eq!(trace.crash(1100, A), [Output::Over(A)]);
    assert_eq!(trace.ended(1101, C), [Output::Over(C)]);
    assert!(trace.0.is_idle());
}

#[test]
fn without_any_restart_the_first_failure_is_one_too_many() {
    let mut trace = Trace::permanent(Supervision::one_for_all().intensity(0, ms(1000)));
    let gave_up = Output::GaveUp { child: C, restarts: 0 };
    assert_eq!(trace.crash(1, C), [gave_up, Output::Over(C), Output::Stop(A), Output::Stop(B)]);
}

#[test]
fn failed_boots_count_and_back_off() {
    let backoff = Backoff { first: ms(10), factor: 3, max: ms(80) };
    let mut trace = Trace::permanent(Supervision::one_for_one().backoff(backoff).intensity(9, ms(1000)));
    let mut now = 0;
    for delay in [10, 30, 80, 80] {
        assert_eq!(trace.at(now, Input::Exited(A, Exit::NotStarted)), [restarting(A, delay)]);
        assert_eq!(trace.at(now + delay - 1, Input::Timer), []);
        now += delay;
        assert_eq!(trace.at(now, Input::Timer), [Output::Start(A)]);
    }
    assert_eq!(trace.crash(now, B), [restarting(B, 10)], "each child has a delay of its own");
    trace.started(now, A);
    assert_eq!(trace.crash(now + 9, A), [restarting(A, 80)]);
    assert_eq!(trace.at(now + 10, Input::Timer), [Output::Start(B)]);
}

#[test]
fn a_child_that_was_up_for_a_window_begins_with_the_shortest_delay() {
    let backoff = Backoff { first: ms(10), factor: 2, max: ms(80) };
    let mut trace = Trace::permanent(Supervision::one_for_one().backoff(backoff).intensity(9, ms(1000)));
    assert_eq!(trace.crash(10, A), [restarting(A, 10)]);
    assert_eq!(trace.at(20, Input::Timer), [Output::Start(A)]);
    trace.started(30, A);
    assert_eq!(trace.crash(1029, A), [restarting(A, 20)]);
    assert_eq!(trace.at(1049, Input::Timer), [Output::Start(A)]);
    trace.started(1050, A);
    assert_eq!(trace.crash(2050, A), [restarting(A, 10)]);
}

#[test]
fn a_stop_goes_from_the_last_to_the_first_and_nothing_comes_back() {
    let mut trace = Trace::permanent(no_delay(Supervision::one_for_one()));
    assert_eq!(trace.at(1, Input::Stop), [Output::Stop(C)]);
    assert_eq!(trace.at(1, Input::Stop), [], "it was reported before");
    assert_eq!(trace.crash(2, A), [Output::Over(A)]);
    assert_eq!(trace.ended(3, C), [Output::Over(C), Output::Stop(B)]);
    assert_eq!(trace.ended(4, B), [Output::Over(B)]);
    assert!(trace.0.is_idle());
    assert_eq!(trace.at(5, Input::Declared(ChildId(3), Restart::Permanent)), [Output::Over(ChildId(3))]);
}

#[test]
fn a_cancel_stops_all_children_at_once_even_during_a_restart() {
    let mut trace = Trace::permanent(no_delay(Supervision::one_for_all()));
    assert_eq!(trace.crash(1, B), [restarting(B, 0), Output::Stop(C)]);
    assert_eq!(trace.at(2, Input::Cancel), [Output::Over(B), Output::Stop(A)]);
    assert_eq!(trace.ended(3, C), [Output::Over(C)]);
    assert_eq!(trace.ended(4, A), [Output::Over(A)]);
    assert!(trace.0.is_idle());
}

#[test]
fn a_cancel_ends_a_backoff() {
    let mut trace = Trace::permanent(Supervision::one_for_one());
    assert_eq!(trace.crash(1, B), [restarting(B, 100)]);
    assert_eq!(trace.at(2, Input::Cancel), [Output::Over(B), Output::Stop(A), Output::Stop(C)]);
    assert_eq!(trace.0.timeout(), None);
}

#[test]
fn one_child_can_be_taken_out() {
    let mut trace = Trace::permanent(no_delay(Supervision::rest_for_one()));
    assert_eq!(trace.at(1, Input::Remove(B)), [Output::Stop(B)]);
    assert_eq!(trace.crash(2, B), [Output::Over(B)], "its kind of end does not matter");
    assert_eq!(trace.at(3, Input::Remove(B)), []);
    assert_eq!(trace.crash(4, A), [restarting(A, 0), Output::Stop(C)]);
}

#[test]
fn children_declared_during_a_restart_wait_for_their_turn() {
    let mut trace = Trace::permanent(no_delay(Supervision::one_for_all()));
    let late = ChildId(9);
    trace.crash(1, C);
    assert_eq!(trace.at(2, Input::Declared(late, Restart::Permanent)), []);
    trace.ended(3, B);
    assert_eq!(trace.ended(3, A), [Output::Start(A)]);
    trace.started(4, A);
    assert_eq!(trace.started(4, B), [Output::Start(C)]);
    assert_eq!(trace.started(4, C), [Output::Start(late)]);
}

#[test]
fn delays_neither_shrink_nor_overflow() {
    let most = Duration::MAX;
    let backoff = Backoff { first: ms(1), factor: u32::MAX, max: most };
    assert_eq!((backoff.delay(0), backoff.delay(u32::MAX)), (ms(1), most));
    let shrinking = Backoff { first: ms(7), factor: 0, max: ms(9) };
    assert_eq!((shrinking.delay(0), shrinking.delay(5)), (ms(7), ms(7)));
    assert_eq!(Backoff { first: ms(7), factor: 2, max: ms(3) }.delay(0), ms(3));
    assert_eq!(Backoff::NONE.delay(u32::MAX), ms(0));
    let mut trace = Trace::permanent(Supervision::one_for_one().backoff(Backoff { first: most, ..backoff }));
    assert_eq!(trace.crash(1, A), [Output::Restarting(A, most)]);
    assert_eq!(trace.0.timeout(), Some(most));
}

#[test]
fn a_restart_that_is_asked_for_is_of_any_kind_of_child_and_is_not_counted() {
    let restarts = [Restart::Permanent, Restart::Transient, Restart::Temporary];
    let mut trace = Trace::three(no_delay(Supervision::one_for_one()), restarts);
    for round in 1..20 {
        let id = [A, B, C][usize::try_from(round % 3).unwrap()];
        assert_eq!(trace.at(round, Input::Renew(id)), [Output::Stop(id)]);
        assert!(!trace.0.is_up(id));
        assert_eq!(trace.at(round, Input::Renew(id)), [], "it is already being stopped");
        assert_eq!(trace.crash(round, id), [Output::Start(id)]);
        assert_eq!(trace.started(round, id), []);
    }
    // The whole intensity is still left.
    for round in 20..23 {
        assert_eq!(trace.crash(round, A), [restarting(A, 0), Output::Start(A)]);
        assert_eq!(trace.started(round, A), []);
    }
}

#[test]
fn a_restart_that_is_asked_for_concerns_the_siblings_of_the_strategy() {
    let restarts = [Restart::Permanent, Restart::Permanent, Restart::Temporary];
    let mut trace = Trace::three(no_delay(Supervision::rest_for_one()), restarts);
    assert_eq!(trace.at(5, Input::Renew(B)), [Output::Stop(C)]);
    assert_eq!(trace.ended(6, C), [Output::Over(C), Output::Stop(B)]);
    assert!(trace.0.is_up(A));
    assert_eq!(trace.ended(7, B), [Output::Start(B)]);
}

#[test]
fn a_child_that_is_removed_or_waits_for_a_restart_is_not_restarted_again() {
    let how = Supervision::one_for_one().backoff(Backoff { first: ms(100), factor: 1, max: ms(100) });
    let mut trace = Trace::permanent(how);
    assert_eq!(trace.crash(5, A), [restarting(A, 100)]);
    assert_eq!(trace.at(6, Input::Renew(A)), [], "its own delay still applies");
    assert_eq!(trace.at(7, Input::Remove(B)), [Output::Stop(B)]);
    assert_eq!(trace.at(8, Input::Renew(B)), []);
    assert_eq!(trace.ended(9, B), [Output::Over(B)]);
    assert_eq!(trace.at(10, Input::Renew(C)), [Output::Stop(C)]);
    assert_eq!(trace.at(11, Input::Remove(C)), []);
    assert_eq!(trace.ended(12, C), [Output::Over(C)]);
}
