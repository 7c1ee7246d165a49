//! The task behind a supervisor: carries out the decisions of the state machine.
//!
//! ```text
//! declarations, ends, requests ──► machine ──► starts, stops, news
//!                  timer, nursery ──┘
//! ```

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{Instant, sleep_until};

use super::events::SupervisionEvent;
use super::supervised::{Life, Status};
use super::supervisor::Supervisor;
use crate::actor::notice;
use crate::api::Portal;
use crate::error::{Error, GaveUp, RuntimeFailure};
use crate::nursery::StartActor;
use crate::nursery::{Adopted, Running};
use crate::process::Newborn;
use crate::proto::id::Uid;
use crate::proto::supervision::{ChildId, Exit, Input, Machine, Output, Restart};
use crate::session::{ActorEnd, ChildActor};

/// The messages to the task.
#[derive(Debug)]
pub(super) enum Note {
    Declared(Box<Declared>),
    /// A child has booted.
    Up(ChildId, Portal),
    /// A child's process is gone.
    Down(ChildId, Down),
    /// End a child for good.
    Remove(ChildId),
    /// Restart a child, and return the number of the life that ends.
    Renew(ChildId, oneshot::Sender<u64>),
    /// Kill a child's process, if there is one, and return the process.
    Kill(ChildId, oneshot::Sender<Arc<ChildActor>>),
    /// End all children, and return how they have ended.
    Stop(oneshot::Sender<Vec<(Uid, ActorEnd)>>),
}

/// How a child's process has ended.
#[derive(Debug)]
pub(super) struct Down {
    exit: Exit,
    /// The failure; `None` when it ended in order.
    cause: Option<Error>,
    /// `None` when there was no process.
    end: Option<(Uid, ActorEnd)>,
}

/// A declared child.
#[derive(Debug)]
pub(super) struct Declared {
    pub(super) id: ChildId,
    pub(super) restart: Restart,
    pub(super) name: Arc<str>,
    pub(super) start: StartActor,
    pub(super) status: watch::Sender<Status>,
}

/// Drives the supervisor until no child is left.
pub(super) async fn drive(
    supervisor: Supervisor,
    machine: Machine,
    task: mpsc::UnboundedSender<Note>,
    mut notes: mpsc::UnboundedReceiver<Note>,
) {
    let mut driver = Driver {
        machine,
        begun: supervisor.begun(),
        supervisor,
        task,
        children: HashMap::new(),
        cancelled: false,
        waiting: Vec::new(),
        ends: Vec::new(),
    };
    let cancel = driver.supervisor.nursery().inner.cancel.clone();
    loop {
        let timeout = driver.machine.timeout();
        let timer = async {
            match timeout.and_then(|due| driver.begun.checked_add(due)) {
                Some(due) => sleep_until(due).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            // This branch comes first: later events are consequences of it.
            () = cancel.cancelled(), if !driver.cancelled => {
                driver.cancelled = true;
                driver.end_all(CANCELLED, Input::Cancel);
            }
            Some(note) = notes.recv() => driver.take(note),
            () = timer => driver.handle(Input::Timer),
        }
        if driver.machine.is_idle() && driver.supervisor.retire(&notes, &mut driver.machine) {
            for waiting in driver.waiting {
                // Fails if the caller was dropped meanwhile.
                _ = waiting.send(driver.ends.clone());
            }
            return;
        }
    }
}

struct Driver {
    machine: Machine,
    supervisor: Supervisor,
    /// Given to the tasks of the children.
    task: mpsc::UnboundedSender<Note>,
    /// The children that the machine knows.
    children: HashMap<ChildId, Child>,
    begun: Instant,
    /// Whether the nursery or the actor ends the children.
    cancelled: bool,
    /// The callers that wait for the end of all children.
    waiting: Vec<oneshot::Sender<Vec<(Uid, ActorEnd)>>>,
    /// The children that have ended since the first caller waits.
    ends: Vec<(Uid, ActorEnd)>,
}

struct Child {
    name: Arc<str>,
    start: StartActor,
    status: watch::Sender<Status>,
    /// The process, if there is one.
    process: Option<Arc<ChildActor>>,
    /// The failure of the last process.
    last: Option<Error>,
}

impl Child {
    /// Records that the child will have no further process. The first reason counts.
    fn set_over(&self, reason: &Error) {
        self.status.send_if_modified(|status| {
            let fresh = !matches!(status.life, Life::Over(_));
            if fresh {
                status.life = Life::Over(reason.clone());
            }
            fresh
        });
    }

    fn set_down(&self) {
        self.status.send_if_modified(|status| {
            let was_up = matches!(status.life, Life::Up(_));
            if was_up {
                status.life = Life::Down;
            }
            was_up
        });
    }

    fn incarnation(&self) -> u64 {
        self.status.borrow().incarnation
    }
}

impl Driver {
    fn take(&mut self, note: Note) {
        match note {
            Note::Declared(declared) => {
                let Declared { id, restart, name, start, status } = *declared;
                let child = Child { name, start, status, process: None, last: None };
                if self.cancelled {
                    child.set_over(&over(&child.name, CANCELLED));
                }
                self.children.insert(id, child);
                self.handle(Input::Declared(id, restart));
            }
            Note::Up(id, portal) => self.up(id, portal),
            Note::Down(id, down) => self.down(id, down),
            Note::Remove(id) => {
                if let Some(child) = self.children.get(&id) {
                    child.set_over(&over(&child.name, "it was cancelled"));
                }
                self.handle(Input::Remove(id));
            }
            Note::Renew(id, sender) => {
                if let Some(child) = self.children.get(&id) {
                    // Fails if the caller was dropped meanwhile.
                    _ = sender.send(child.incarnation());
                }
                self.handle(Input::Renew(id));
            }
            Note::Kill(id, sender) => {
                if let Some(process) = self.children.get(&id).and_then(|child| child.process.as_ref()) {
                    process.kill();
                    // As above.
                    _ = sender.send(process.clone());
                }
            }
            Note::Stop(sender) => {
                self.waiting.push(sender);
                self.end_all("its supervisor was cancelled", Input::Stop);
            }
        }
    }

    fn up(&mut self, id: ChildId, portal: Portal) {
        self.handle(Input::Started(id));
        let Some(child) = self.children.get(&id) else { return };
        let mut incarnation = 0;
        child.status.send_if_modified(|status| {
            status.incarnation += 1;
            incarnation = status.incarnation;
            // No portal is given out if the child was asked to end during its boot.
            let given = self.machine.is_up(id) && !matches!(status.life, Life::Over(_));
            if given {
                status.life = Life::Up(portal);
            }
            given
        });
        self.supervisor.announce(SupervisionEvent::Up { child: child.name.clone(), incarnation });
    }

    fn down(&mut self, id: ChildId, down: Down) {
        let Down { exit, cause, end } = down;
        if let Some(child) = self.children.get_mut(&id) {
            child.set_down();
            child.process = None;
            child.status.send_modify(|status| status.end = end.as_ref().map(|(_, end)| end.clone()));
            child.last.clone_from(&cause);
            let (name, incarnation) = (child.name.clone(), child.incarnation());
            self.supervisor.announce(SupervisionEvent::Down { child: name, incarnation, cause });
        }
        if !self.waiting.is_empty() {
            self.ends.extend(end);
        }
        self.handle(Input::Exited(id, exit));
    }

    fn end_all(&mut self, why: &str, input: Input) {
        for child in self.children.values() {
            child.set_over(&over(&child.name, why));
        }
        self.handle(input);
    }

    fn handle(&mut self, input: Input) {
        self.machine.handle(input, self.begun.elapsed());
        for (id, child) in &self.children {
            if !self.machine.is_up(*id) {
                child.set_down();
            }
        }
        while let Some(output) = self.machine.poll_output() {
            match output {
                Output::Start(id) => self.start(id),
                Output::Stop(id) => self.stop(id),
                Output::Restarting(id, delay) => self.restarting(id, delay),
                Output::Over(id) => self.over(id),
                Output::GaveUp { child, restarts } => self.give_up(child, restarts),
            }
        }
    }

    /// Starts a process, and the task that reports its boot and its end.
    fn start(&mut self, id: ChildId) {
        let Some(child) = self.children.get_mut(&id) else { return };
        let (uid, birth) = child.start.clone().birth();
        let nursery = self.supervisor.nursery();
        let Adopted { child: process, born, life, running } = match nursery.enlist(uid, birth, true) {
            Ok(adopted) => adopted,
            Err(error) => {
                // The nursery is ending. The task notices that before this message.
                nursery.inner.cancel.cancel();
                let down = Down { exit: Exit::NotStarted, cause: Some(error), end: None };
                _ = self.task.send(Note::Down(id, down));
                return;
            }
        };
        child.process = Some(process.clone());
        let ending = Ending { task: self.task.clone(), id, end: None, running };
        nursery.inner.actor.spawn_watcher(async move {
            let birth = async {
                match born.await {
                    Ok(Ok(newborn)) => {
                        ending.tell(Note::Up(id, Portal::new(Newborn::take(newborn))));
                        None
                    }
                    Ok(Err(error)) => Some(error),
                    Err(_dropped) => Some(RuntimeFailure::new("the runtime is shutting down").into()),
                }
            };
            let (unborn, died) = tokio::join!(birth, life);
            let end = process.ended().await;
            let (exit, cause) = match (unborn, died, &end) {
                (Some(unborn), ..) => (Exit::NotStarted, Some(unborn)),
                (None, Some(died), _) => (Exit::Crashed, Some(died)),
                // The kill was requested: the child was not asked to end, and could not end in order.
                (None, None, ActorEnd::Killed(died)) if died.was_condemned() => {
                    (Exit::Crashed, Some(died.clone().into()))
                }
                (None, None, _) => (Exit::InOrder, None),
            };
            ending.end(Down { exit, cause, end: Some((process.uid.clone(), end)) });
        });
    }

    fn stop(&mut self, id: ChildId) {
        if let Some(process) = self.children.get(&id).and_then(|child| child.process.as_ref()) {
            process.ask(None);
        }
    }

    fn restarting(&mut self, id: ChildId, delay: Duration) {
        let Some(child) = self.children.get(&id) else { return };
        match &child.last {
            Some(error) => notice!(WARN, "restarting `{}` in {delay:?}: {error}", child.name),
            None => tracing::info!("restarting `{}` in {delay:?}: it ended in order", child.name),
        }
        self.supervisor.announce(SupervisionEvent::Restarting { child: child.name.clone(), delay });
    }

    fn over(&mut self, id: ChildId) {
        let Some(child) = self.children.remove(&id) else { return };
        let reason = child.last.clone();
        let reason = reason.unwrap_or_else(|| over(&child.name, "it ended in order, and is not restarted"));
        child.set_over(&reason);
        self.supervisor.announce(SupervisionEvent::Over { child: child.name });
    }

    fn give_up(&mut self, id: ChildId, restarts: u16) {
        let Some(child) = self.children.get(&id) else { return };
        let policy = self.supervisor.policy();
        let cause = child.last.clone();
        let cause = cause.unwrap_or_else(|| over(&child.name, "it ended in order, and is always restarted"));
        let gave_up = GaveUp::new(policy.strategy, child.name.clone(), restarts, policy.intensity, cause);
        for child in self.children.values() {
            child.set_over(&gave_up.clone().into());
        }
        self.supervisor.announce(SupervisionEvent::GaveUp(gave_up.clone()));
        self.supervisor.nursery().inner.fail(gave_up.into());
    }
}

/// Reports how a child has ended, even if the task that watches it panics.
struct Ending {
    task: mpsc::UnboundedSender<Note>,
    id: ChildId,
    end: Option<Down>,
    /// The nursery waits for this report.
    #[expect(dead_code, reason = "held for its drop")]
    running: Running,
}

impl Ending {
    /// Sends a message to the driving task, which outlives the children, unless the runtime itself ends.
    fn tell(&self, note: Note) {
        _ = self.task.send(note);
    }

    fn end(mut self, end: Down) {
        self.end = Some(end);
    }
}

impl Drop for Ending {
    fn drop(&mut self) {
        let panicked = || RuntimeFailure::new("the task that watched over the process has panicked").into();
        let unknown = || Down { exit: Exit::Crashed, cause: Some(panicked()), end: None };
        let down = self.end.take().unwrap_or_else(unknown);
        self.tell(Note::Down(self.id, down));
    }
}

/// The reason why a child has no process when its nursery ends.
const CANCELLED: &str = "its nursery was cancelled";

fn over(name: &str, why: &str) -> Error {
    RuntimeFailure::new(format!("actor `{name}` has ended: {why}")).into()
}
