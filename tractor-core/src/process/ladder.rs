//! Carries out the decisions of the ladder of one child:
//! [`proto::supervision::ladder`](crate::proto::supervision::ladder).
//!
//! ```text
//! wishes, the process, its connection, its answer, the clock ──► ladder ──► request, signals
//! ```

use std::pin::{Pin, pin};
use std::process::ExitStatus;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use rustix::process::{Pid, Signal, getpgid, kill_process, kill_process_group};
use tokio::time::{Instant, sleep_until, timeout};

use super::handle::Child;
use super::reaper::has_ended;
use super::spawn::Spawned;
use super::stops::{Stop, Stops};
use crate::actor::{Actor, notice};
use crate::error::{ActorDied, Because, Circumstances, Error, Result};
use crate::proto::supervision::ladder::{Cause, Effect, End, Event, Ladder, Verdict, Why};
use crate::proto::supervision::silence::{Look, Silence};
use crate::session::{ActorEnd, ChildActor, Peer, SessionEnd, Wish, Wishes};

/// Watches a child until it has ended, and ends it when asked. A child without a connection has not booted, and is
/// killed at once. The error is a failure of its nursery.
pub(super) async fn end(
    actor: &Actor,
    child: &ChildActor,
    wishes: &mut Wishes,
    peer: Option<&Arc<Peer>>,
    mut spawned: Spawned,
) -> (ActorEnd, Option<Error>) {
    let limits = actor.timeouts();
    let mut climb = Climb {
        actor,
        child,
        peer,
        // A process that was reaped during its boot has no pid.
        pid: spawned.process.id().and_then(|pid| i32::try_from(pid).ok()).and_then(Pid::from_raw),
        ladder: Ladder::new(limits.clone()),
        silence: Silence::new(limits.unresponsive),
        begun: Instant::now(),
        request: None,
        sign: None,
        is_connected: peer.is_some(),
    };
    if peer.is_none() {
        climb.tell(Event::Condemned);
    }
    let status = climb.run(wishes, &mut spawned.process).await;
    // The last output of the child is still being read.
    let (_, circumstances) =
        tokio::join!(timeout(limits.drain, drained(peer)), spawned.circumstances(limits.drain));
    climb.judge(status, spawned.pid, circumstances)
}

/// A child on its ladder.
struct Climb<'a> {
    actor: &'a Actor,
    child: &'a ChildActor,
    peer: Option<&'a Arc<Peer>>,
    /// `None` if the process was reaped before: its number may be that of another process.
    pid: Option<Pid>,
    ladder: Ladder,
    silence: Silence,
    /// The origin of the time of both machines.
    begun: Instant,
    /// The request to end, until the answer.
    request: Option<Pin<Box<dyn Future<Output = Result<()>> + Send>>>,
    /// The last probe.
    sign: Option<Arc<SessionEnd>>,
    is_connected: bool,
}

impl Climb<'_> {
    /// Runs until the process was reaped, or is given up. Returns its status if that could be read.
    async fn run(&mut self, wishes: &mut Wishes, process: &mut Child) -> Option<ExitStatus> {
        let (mut ended, mut stops) = (pin!(process.wait()), Stops::of(self.pid));
        while self.ladder.verdict().is_none() {
            // A child on the ladder no longer needs to answer.
            let due = self.ladder.timeout().or(self.silence.timeout());
            let due = due.and_then(|due| self.begun.checked_add(due));
            let (peer, is_connected) = (self.peer, self.is_connected);
            tokio::select! {
                biased;
                status = &mut ended => {
                    let read = |error: &std::io::Error| {
                        tracing::error!("a child process could not be waited for: {error}");
                    };
                    return status.inspect_err(read).ok();
                }
                wish = wishes.next() => self.wished(wish),
                answer = answered(&mut self.request) => self.answered(answer),
                () = lost(peer), if is_connected => {
                    self.is_connected = false;
                    self.tell(Event::Lost { announced: self.is_announced() });
                }
                stop = stops.next() => self.report(stop),
                () = until(due) => match self.ladder.timeout() {
                    Some(_) => self.tell(Event::Timer),
                    None => self.listen(),
                },
            }
        }
        None
    }

    fn now(&self) -> Duration {
        self.begun.elapsed()
    }

    fn tell(&mut self, event: Event) {
        let Some(effect) = self.ladder.handle(event, self.now()) else { return };
        let uid = &self.child.uid;
        match effect {
            Effect::Request => {
                let peer = self.peer.cloned();
                self.request = peer.map(|peer| -> Pin<Box<dyn Future<Output = _> + Send>> {
                    Box::pin(async move { peer.request_end().await })
                });
            }
            Effect::Terminate => {
                self.tell_why();
                self.signal(Signal::TERM);
                // A stopped process acts on no other signal before this one.
                self.signal(Signal::CONT);
            }
            Effect::Kill => {
                let limit = self.actor.timeouts().terminate;
                match event {
                    Event::Condemned => tracing::debug!("sending SIGKILL to actor {uid}"),
                    _ => notice!(
                        WARN,
                        "actor {uid} ignored SIGTERM for {limit:?} (`Timeouts::terminate`); sending SIGKILL"
                    ),
                }
                self.signal(Signal::KILL);
            }
            Effect::Leave => {
                let limit = self.actor.timeouts().reap;
                notice!(
                    ERROR,
                    "actor {uid} is still there {limit:?} after SIGKILL (`Timeouts::reap`): giving it up"
                );
            }
        }
    }

    /// Logs why a child is signalled, except during its boot: the caller of `start_actor` gets that error.
    fn tell_why(&self) {
        let uid = &self.child.uid;
        match self.ladder.why().filter(|_| self.peer.is_some()) {
            Some(Why::Unanswered(limit)) => notice!(
                WARN,
                "actor {uid} did not acknowledge within {limit:?} that it ends (`Timeouts::actor_cancel`); sending \
                 SIGTERM"
            ),
            Some(Why::Unfinished(limit)) => {
                notice!(
                    WARN,
                    "actor {uid} did not end within {limit:?} (`Timeouts::nursery_cancel`); sending SIGTERM"
                );
            }
            Some(Why::Unreachable(limit)) => notice!(
                WARN,
                "actor {uid} lost its connection, and went on for {limit:?} (`Timeouts::terminate`); sending \
                 SIGTERM"
            ),
            Some(Why::Refused | Why::Condemned) | None => tracing::debug!("sending SIGTERM to actor {uid}"),
        }
    }

    fn wished(&mut self, wish: Wish) {
        match wish {
            // The child died first: `judge` counts a request to end this child, and not one to end all.
            Wish::End(_) | Wish::Kill if self.pid.is_some_and(has_ended) => {}
            Wish::End(patience) => {
                let patience = patience.unwrap_or(self.actor.timeouts().actor_cancel);
                self.tell(Event::Asked { patience });
            }
            Wish::Kill => self.tell(Event::Condemned),
            Wish::Answer => {
                if self.silence.begin(self.heard(), self.now()) {
                    self.ask_for_a_sign();
                }
            }
        }
    }

    fn answered(&mut self, answer: Result<()>) {
        self.request = None;
        match answer {
            Ok(()) => self.tell(Event::Acknowledged),
            // The loss of the connection is an event of its own.
            Err(_) if self.peer.is_none_or(|peer| peer.drained.is_cancelled()) => {}
            Err(error) => {
                notice!(WARN, "actor {} refuses to end: {error}", self.child.uid);
                self.tell(Event::Refused);
            }
        }
    }

    /// Checks whether the child answers, while it has to.
    fn listen(&mut self) {
        let is_awaited = self.peers().any(|peer| peer.awaits_an_end());
        match self.silence.look(self.heard(), is_awaited, self.now()) {
            Look::Early => {}
            Look::Over => {
                self.child.grant_answer();
                // A dialog that has just been cancelled counts, too.
                if self.peers().any(|peer| peer.awaits_an_end()) {
                    self.child.expect_answer();
                }
            }
            Look::Patient => self.ask_for_a_sign(),
            Look::Silent => {
                let (uid, limit) = (&self.child.uid, self.actor.timeouts().unresponsive);
                notice!(
                    WARN,
                    "actor {uid} has answered nothing for {limit:?} (`Timeouts::unresponsive`) while one of its \
                     dialogs was to end; ending the actor"
                );
                self.tell(Event::Unresponsive);
            }
        }
    }

    /// Sends the child a probe, unless a request to end is open.
    fn ask_for_a_sign(&mut self) {
        if self.sign.as_ref().is_none_or(|sign| sign.has_outcome()) {
            self.sign = self.peer.and_then(|peer| peer.request_sign());
        }
    }

    /// The bytes received from the child, over all connections.
    fn heard(&self) -> u64 {
        self.peers().map(|peer| peer.channel.heard()).fold(0, u64::wrapping_add)
    }

    fn peers(&self) -> impl Iterator<Item = Arc<Peer>> {
        let is_ours = |peer: &Arc<Peer>| {
            peer.child.as_ref().is_some_and(|child| std::ptr::eq(&raw const **child, self.child))
        };
        self.actor.peers().into_iter().filter(is_ours)
    }

    fn is_announced(&self) -> bool {
        self.peer.is_some_and(|peer| peer.ended_in_order.load(Ordering::Acquire))
    }

    fn report(&self, stop: Stop) {
        let uid = &self.child.uid;
        match stop {
            Stop::Stopped(signal) => tracing::warn!(
                "actor {uid} was stopped by {signal}: it neither works nor answers until it gets SIGCONT"
            ),
            Stop::Continued => tracing::info!("actor {uid} was continued"),
        }
    }

    /// Sends a signal to the process and to its group, which the process may have left. The process was not reaped yet,
    /// so its pid is still its own. The group also contains programs that the actor has started, but no other actor.
    fn signal(&self, signal: Signal) {
        let Some(pid) = self.pid else { return };
        let uid = &self.child.uid;
        if let Err(error) = kill_process_group(pid, signal) {
            tracing::debug!("{signal:?} to the process group of actor {uid}: {error}");
        }
        // A process that is in its group has the signal already, and could count a second one.
        if (signal == Signal::KILL || getpgid(Some(pid)) != Ok(pid))
            && let Err(error) = kill_process(pid, signal)
        {
            tracing::warn!("{signal:?} to actor {uid}: {error}");
        }
    }

    fn judge(
        mut self,
        status: Option<ExitStatus>,
        pid: u32,
        circumstances: Circumstances,
    ) -> (ActorEnd, Option<Error>) {
        // A request about this child counts if it came before the process was gone, even if it was not handled. A
        // request to end all children does not count: another death may have caused it, and this death is a failure of
        // its own.
        if self.child.is_asked_alone() {
            self.tell_the_past(Event::Asked { patience: Duration::ZERO });
        }
        let (announced, success) = (self.is_announced(), status.is_some_and(|status| status.success()));
        self.tell_the_past(Event::Exited { announced, success });
        let verdict = self.ladder.verdict().expect("it has ended, or is left");
        let Verdict { end, cause } = verdict;
        let because = match (end, cause) {
            (End::Left, _) => Because::Left,
            (_, Cause::Unresponsive) => Because::Unresponsive(self.actor.timeouts().unresponsive),
            (End::Killed(why), _) => Because::Signalled(why),
            (_, Cause::Wanted) => Because::Asked,
            _ => Because::Unknown,
        };
        let died = ActorDied::new(self.child.uid.name(), pid, because, status).under(circumstances);
        let died = match self.child.loss.get() {
            Some(reason) => died.after(reason.clone()),
            None => died,
        };
        let failure = verdict.is_failure().then(|| Error::Died(died.clone()));
        let end = match end {
            End::InOrder => ActorEnd::InOrder,
            End::Died => ActorEnd::Died(died),
            End::Killed(_) | End::Left => ActorEnd::Killed(died),
        };
        (end, failure)
    }

    /// Tells the ladder of an event that needs no action.
    fn tell_the_past(&mut self, event: Event) {
        _ = self.ladder.handle(event, self.now());
    }
}

async fn answered(request: &mut Option<Pin<Box<dyn Future<Output = Result<()>> + Send>>>) -> Result<()> {
    match request {
        Some(request) => request.await,
        None => std::future::pending().await,
    }
}

async fn drained(peer: Option<&Arc<Peer>>) {
    if let Some(peer) = peer {
        peer.drained.cancelled().await;
    }
}

async fn lost(peer: Option<&Arc<Peer>>) {
    match peer {
        Some(peer) => peer.drained.cancelled().await,
        None => std::future::pending().await,
    }
}

async fn until(due: Option<Instant>) {
    match due {
        Some(due) => sleep_until(due).await,
        None => std::future::pending().await,
    }
}
