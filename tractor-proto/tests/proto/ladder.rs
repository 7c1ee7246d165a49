//! The ladder, and the watch for silent children: every short sequence of events keeps the invariants; then each rule.

use std::time::Duration;

use tractor_proto::limits::Timeouts;
use tractor_proto::supervision::ladder::{Cause, Effect, End, Event, Ladder, Verdict, Why};
use tractor_proto::supervision::silence::{Look, Silence};

/// Events in one sequence.
const DEPTH: u32 = 5;

fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

/// Limits that differ from each other, and from the sums of others that a test could confuse with them.
fn limits() -> Timeouts {
    Timeouts::default().actor_cancel(secs(1)).nursery_cancel(secs(10)).terminate(secs(100)).reap(secs(1000))
}

/// The longest time from the first request to the end.
fn bound() -> Duration {
    let Timeouts { actor_cancel, nursery_cancel, terminate, reap, .. } = limits();
    actor_cancel + nursery_cancel + terminate + terminate + reap
}

const ASKED: Event = Event::Asked { patience: Duration::from_secs(1) };
const LOST: Event = Event::Lost { announced: false };
const EXITED: Event = Event::Exited { announced: false, success: true };
const CRASHED: Event = Event::Exited { announced: false, success: false };

const EVENTS: [Event; 11] = [
    ASKED,
    Event::Asked { patience: Duration::from_millis(1) },
    Event::Unresponsive,
    Event::Condemned,
    Event::Acknowledged,
    Event::Refused,
    LOST,
    Event::Lost { announced: true },
    Event::Timer,
    EXITED,
    CRASHED,
];

/// Hands in a sequence of events, each timer when it is due.
fn climb(events: &[Event]) -> (Vec<Effect>, Option<Verdict>) {
    let (mut ladder, mut now) = (Ladder::new(limits()), Duration::ZERO);
    let mut effects = Vec::new();
    for event in events {
        if *event == Event::Timer {
            now = ladder.timeout().unwrap_or(now);
        }
        effects.extend(ladder.handle(*event, now));
    }
    (effects, ladder.verdict())
}

#[track_caller]
fn expect(events: &[Event], effects: &[Effect], verdict: Option<(End, Cause)>) {
    let expected = verdict.map(|(end, cause)| Verdict { end, cause });
    assert_eq!(climb(events), (effects.to_vec(), expected));
}

/// Checks each invariant for one step.
fn check(before: &Ladder, ladder: &Ladder, event: Event, effect: Option<Effect>, now: Duration) {
    let over = before.verdict().is_some();
    assert!(
        !over || (effect.is_none() && ladder.verdict() == before.verdict()),
        "a climb that has ended stays ended"
    );
    assert!(ladder.timeout().is_none() || ladder.verdict().is_none(), "the end has no time limit");
    if matches!(event, Event::Exited { .. }) {
        assert!(ladder.verdict().is_some() && effect.is_none());
    }
    if let Some(due) = ladder.timeout() {
        assert!(due <= now + bound(), "every rung has a time limit");
        if event == Event::Timer && before.timeout().is_some_and(|due| now < due) {
            assert_eq!((ladder.timeout(), effect), (before.timeout(), None), "too early");
        }
        if let (Event::Asked { .. }, Some(before)) = (event, before.timeout()) {
            assert!(due <= before, "a request does not extend a time limit");
        }
    }
    if before.timeout().is_none() && !over {
        let is_cause = !matches!(event, Event::Timer | Event::Acknowledged | Event::Refused);
        assert!(
            is_cause || (effect.is_none() && ladder.timeout().is_none()),
            "the child was not asked to end"
        );
    }
}

#[test]
fn every_sequence_keeps_the_invariants() {
    let mut sequences = 0;
    let mut open = vec![(Ladder::new(limits()), Duration::ZERO, Vec::<Effect>::new(), None::<Cause>, 0)];
    while let Some((before, now, effects, cause, depth)) = open.pop() {
        sequences += 1;
        assert_over_in_time(&before, now, &effects);
        if depth == DEPTH {
            continue;
        }
        for event in EVENTS {
            for pause in [Duration::ZERO, before.timeout().map_or(secs(1), |due| due.saturating_sub(now))] {
                let (mut ladder, now, mut effects) = (before.clone(), now + pause, effects.clone());
                let effect = ladder.handle(event, now);
                check(&before, &ladder, event, effect, now);
                if let Some(effect) = effect {
                    assert!(effects.last().is_none_or(|last| *last < effect), "{effects:?}, then {effect:?}");
                    effects.push(effect);
                }
                let is_condemned = event == Event::Condemned && before.verdict().is_none();
                assert!(
                    !is_condemned || effects.contains(&Effect::Kill),
                    "SIGKILL follows at once from every rung"
                );
                let cause = cause.or(match event {
                    Event::Asked { .. } | Event::Condemned => Some(Cause::Wanted),
                    Event::Unresponsive => Some(Cause::Unresponsive),
                    Event::Lost { announced: true } => Some(Cause::Announced),
                    Event::Lost { announced: false } => Some(Cause::Lost),
                    Event::Exited { .. } => Some(Cause::Unknown),
                    Event::Timer | Event::Acknowledged | Event::Refused => None,
                });
                if let Some(verdict) = ladder.verdict() {
                    assert_eq!(Some(verdict.cause), cause, "the first one counts");
                    let signalled = effects.iter().any(|effect| *effect >= Effect::Terminate);
                    assert_eq!(signalled, matches!(verdict.end, End::Killed(_) | End::Left), "{effects:?}");
                }
                // A ladder that is over gets one more event and stays over.
                if before.verdict().is_none() {
                    open.push((ladder, now, effects, cause, depth + 1));
                }
                if pause == Duration::ZERO && before.timeout().is_none() {
                    break;
                }
            }
        }
    }
    assert!(sequences > 100_000, "{sequences}");
}

/// The ladder of a child that does nothing ends within the bound, once an event has started it.
fn assert_over_in_time(ladder: &Ladder, now: Duration, effects: &[Effect]) {
    let Some(mut due) = ladder.timeout() else { return };
    let (mut ladder, mut effects) = (ladder.clone(), effects.to_vec());
    for _ in 0..4 {
        effects.extend(ladder.handle(Event::Timer, due));
        match ladder.timeout() {
            Some(next) => due = next,
            None => break,
        }
    }
    assert_eq!(ladder.verdict().map(|verdict| verdict.end), Some(End::Left), "{effects:?}");
    assert!(due <= now + bound(), "{due:?}");
    assert!(effects.ends_with(&[Effect::Kill, Effect::Leave]), "{effects:?}");
}

#[test]
fn a_child_that_ends_as_it_is_asked_gets_no_signal() {
    let request = &[Effect::Request];
    let wanted = Some((End::InOrder, Cause::Wanted));
    expect(&[ASKED, Event::Acknowledged, LOST, EXITED], request, wanted);
    expect(&[ASKED, LOST, EXITED], request, wanted);
    expect(&[ASKED, EXITED], request, wanted);
    expect(&[ASKED, Event::Acknowledged, CRASHED], request, Some((End::Died, Cause::Wanted)));
}

#[test]
fn each_rung_that_is_waited_on_in_vain_leads_to_the_next() {
    let all = [Effect::Request, Effect::Terminate, Effect::Kill, Effect::Leave];
    let timers = [Event::Timer; 4];
    let (killed, left) = (|why| Some((End::Killed(why), Cause::Wanted)), Some((End::Left, Cause::Wanted)));
    let unanswered = killed(Why::Unanswered(limits().actor_cancel));
    expect(&[ASKED, timers[0], CRASHED], &all[..2], unanswered);
    expect(&[ASKED, timers[0], timers[1], CRASHED], &all[..3], unanswered);
    let unfinished = killed(Why::Unfinished(limits().nursery_cancel));
    expect(&[ASKED, Event::Acknowledged, timers[0], CRASHED], &all[..2], unfinished);
    expect(&[ASKED, LOST, timers[0], CRASHED], &all[..2], unfinished);
    expect(&[ASKED, Event::Refused, timers[0], CRASHED], &all[..3], killed(Why::Refused));
    expect(&[&[ASKED][..], &timers[..3]].concat(), &all, left);
    let lost = Some((End::Killed(Why::Unreachable(limits().terminate)), Cause::Lost));
    expect(&[LOST, timers[0], CRASHED], &all[1..2], lost);
}

#[test]
fn a_condemned_child_is_killed_from_whichever_rung_it_is_on() {
    let killed = |why, cause| Some((End::Killed(why), cause));
    let (condemned, wanted) = (Event::Condemned, Cause::Wanted);
    expect(&[condemned, CRASHED], &[Effect::Kill], killed(Why::Condemned, wanted));
    expect(&[condemned, condemned, ASKED, CRASHED], &[Effect::Kill], killed(Why::Condemned, wanted));
    let asked = &[Effect::Request, Effect::Kill];
    expect(&[ASKED, condemned, CRASHED], asked, killed(Why::Condemned, wanted));
    expect(&[ASKED, Event::Acknowledged, condemned, CRASHED], asked, killed(Why::Condemned, wanted));
    // A later event changes neither the reason of the first signal nor the cause of a lost child's end.
    let unanswered = Why::Unanswered(limits().actor_cancel);
    let all = [Effect::Request, Effect::Terminate, Effect::Kill, Effect::Leave];
    expect(&[ASKED, Event::Timer, condemned, CRASHED], &all[..3], killed(unanswered, wanted));
    expect(&[LOST, condemned, CRASHED], &[Effect::Kill], killed(Why::Condemned, Cause::Lost));
    expect(&[condemned, Event::Timer], &all[2..], Some((End::Left, wanted)));
}

#[test]
fn an_end_without_a_request_is_a_failure() {
    let failure = |events: &[Event]| climb(events).1.expect("the climb is over").is_failure();
    for exit in [EXITED, CRASHED] {
        assert!(failure(&[exit]), "the child was not asked to end");
        assert!(failure(&[exit, ASKED]), "too late");
        assert!(failure(&[LOST, ASKED, exit]), "too late");
        assert!(failure(&[Event::Unresponsive, ASKED, exit]), "the first one counts");
        assert!(!failure(&[ASKED, exit]) && !failure(&[Event::Condemned, exit]));
        assert!(!failure(&[ASKED, Event::Unresponsive, exit]), "the first one counts");
        assert!(!failure(&[Event::Lost { announced: true }, exit]));
    }
    assert!(!failure(&[Event::Exited { announced: true, success: true }]));
    assert!(failure(&[ASKED, Event::Timer, Event::Timer, Event::Timer]), "it is still there");
}

#[test]
fn a_child_that_has_said_that_it_ends_has_as_much_time_as_one_that_was_asked() {
    let due = |events: &[Event]| {
        let mut ladder = Ladder::new(limits());
        for event in events {
            ladder.handle(*event, Duration::ZERO);
        }
        ladder.timeout()
    };
    assert_eq!(due(&[Event::Lost { announced: true }]), due(&[ASKED, Event::Acknowledged]));
    assert_eq!(due(&[LOST]), Some(limits().terminate));
    assert_eq!(due(&[Event::Asked { patience: Duration::MAX }]), Some(Duration::MAX));
    assert_eq!(due(&[Event::Asked { patience: Duration::MAX }, ASKED]), Some(secs(1)));
}

const LIMIT: Duration = Duration::from_secs(8);

/// Looks at every due time, with `heard` as the count. Returns the time that passed, and the last look.
fn listen(heard: impl Fn(Duration) -> u64, is_awaited: impl Fn(Duration) -> bool) -> (Duration, Look) {
    let mut silence = Silence::new(LIMIT);
    assert!(silence.begin(heard(Duration::ZERO), Duration::ZERO));
    assert!(!silence.begin(heard(Duration::ZERO), Duration::ZERO), "it listens already");
    while let Some(now) = silence.timeout().filter(|now| *now < LIMIT * 10) {
        match silence.look(heard(now), is_awaited(now), now) {
            Look::Patient => {}
            end => return (now, end),
        }
    }
    (LIMIT * 10, Look::Patient)
}

#[test]
fn a_child_is_silent_that_is_not_heard_for_the_limit() {
    assert_eq!(listen(|_| 7, |_| true), (LIMIT, Look::Silent));
    let heard_once = |now| u64::from(now >= LIMIT / 2);
    assert_eq!(listen(heard_once, |_| true), (LIMIT + LIMIT / 2, Look::Silent));
    assert_eq!(
        listen(|now| now.as_secs() / 7, |_| true),
        (LIMIT * 10, Look::Patient),
        "once in 7 of 8 seconds"
    );
    assert_eq!(listen(|_| 7, |now| now < LIMIT), (LIMIT, Look::Over));
}

#[test]
fn a_parent_that_was_stopped_itself_leaves_its_child_the_time_to_answer() {
    let mut silence = Silence::new(LIMIT);
    silence.begin(0, Duration::ZERO);
    let late = LIMIT * 5;
    assert_eq!(silence.look(0, true, LIMIT / 8), Look::Early);
    assert_eq!(silence.look(0, true, late), Look::Patient, "a pause of the reader does not count");
    assert_eq!(silence.look(0, true, late), Look::Early);
    let next = silence.timeout().expect("the silence has a limit");
    assert!(next > late);
    assert_eq!(silence.look(1, true, next), Look::Patient);
}

#[test]
fn an_infinite_limit_never_expires() {
    let mut silence = Silence::new(Duration::MAX);
    silence.begin(0, secs(1));
    assert!(silence.timeout().expect("it listens") > secs(1_000_000_000));
    let mut hasty = Silence::new(Duration::ZERO);
    hasty.begin(0, secs(1));
    assert_eq!(hasty.timeout(), Some(secs(1)));
}
