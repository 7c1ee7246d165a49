//! The state of a chaos run: the living actors, the tasks that hold them, and the dialogs between them.

pub(crate) mod endpoints;
pub(crate) mod plan;

use std::cell::Cell;
use std::collections::{BTreeMap, HashSet};
use std::path::Path;
use std::rc::Rc;

use rustix::process::Signal;
use tokio::sync::{oneshot, watch};
use tokio::task::{JoinHandle, spawn_local};
use tractor::error::RemoteKind;
use tractor::{Addr, Error, Portal, Result};

use self::endpoints::{Born, Dialog, born, dial, dials, open, start, tends};
use support::processes::{process, signal};
use support::{Tree, until, with_deadline};

/// The longest reaction to a fault.
const LIMIT_SECS: u64 = 10;

pub(crate) struct World<'t> {
    tree: &'t Tree,
    /// The actors that live, the oldest first.
    actors: Vec<Rc<Actor>>,
    /// Every actor that has lived.
    past: Vec<Born>,
    /// The phase of the run's end. Holders and dialogs wait for it.
    ending: watch::Sender<Ending>,
    dialogs: Vec<(String, JoinHandle<Outcome>)>,
    pub(crate) depth_max: usize,
    pub(crate) kills: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Ending {
    Not,
    /// Actors below other actors end.
    Deep,
    /// Endless dialogs are dropped.
    Dialogs,
    /// All actors end.
    All,
}

struct Actor {
    number: usize,
    depth: usize,
    parent: Option<Rc<Self>>,
    born: Born,
    /// The root's portal to it, if the root is its parent.
    portal: Option<Portal>,
    /// The task that holds it, and ends with it.
    holder: Cell<Option<JoinHandle<Result<()>>>>,
}

impl Actor {
    fn is_below(&self, other: &Self) -> bool {
        self.parent.as_ref().is_some_and(|parent| parent.number == other.number || parent.is_below(other))
    }
}

/// A word for the end of a dialog; an error if this end is not allowed.
type Outcome = std::result::Result<&'static str, String>;

impl<'t> World<'t> {
    pub(crate) fn new(tree: &'t Tree) -> Self {
        Self {
            tree,
            actors: Vec::new(),
            past: Vec::new(),
            ending: watch::Sender::new(Ending::Not),
            dialogs: Vec::new(),
            depth_max: 0,
            kills: 0,
        }
    }

    pub(crate) fn actors(&self) -> usize {
        self.actors.len()
    }

    /// Actors that have lived, and dialogs that were opened.
    pub(crate) fn totals(&self) -> (usize, usize) {
        (self.past.len(), self.dialogs.len())
    }

    fn actor(&self, index: u32) -> Rc<Actor> {
        self.actors[index as usize % self.actors.len()].clone()
    }

    /// Starts an actor below one of the living, or below the root.
    pub(crate) async fn grow(&mut self, parent: u32) {
        let index = parent as usize % (self.actors.len() + 1);
        let parent = self.actors.get(index).filter(|parent| parent.depth < DEPTH_MAX).cloned();
        let number = self.past.len();
        let name = self.tree.name(&number.to_string());
        let (tell, birth) = oneshot::channel();
        let ending = self.ending.subscribe();
        let holder = match &parent {
            None => in_actor(hold_below_root(name, tell, ending)),
            Some(parent) => in_actor(hold_below(parent.born.addr.clone(), name, tell, ending)),
        };
        let (portal, born) = match with_deadline(LIMIT_SECS, birth).await {
            Ok(birth) => birth,
            Err(_dropped) => panic!("actor {number} was not born: {:?}", holder.await),
        };
        let depth = parent.as_ref().map_or(1, |parent| parent.depth + 1);
        self.depth_max = self.depth_max.max(depth);
        self.past.push(born.clone());
        let holder = Cell::new(Some(holder));
        self.actors.push(Rc::new(Actor { number, depth, parent, born, portal, holder }));
    }

    /// Opens a dialog as a task of its own; `from` may be the root.
    pub(crate) fn dial(&mut self, from: u32, to: u32, dialog: Dialog, dropped_after: Option<u32>) {
        let from = self.actors.get(from as usize % (self.actors.len() + 1)).cloned();
        let to = self.actor(to);
        let way = format!("{:?} from {:?} to {}", dialog, from.as_ref().map(|from| from.number), to.number);
        let mut ending = self.ending.subscribe();
        let task = in_actor(async move {
            let conversation = async {
                let addr = to.born.addr.clone();
                match from {
                    None => dial(&addr, dialog).await,
                    Some(from) => match &from.portal {
                        Some(portal) => portal.run(dials(addr, dialog)).await,
                        None => {
                            let first: Addr = from.born.addr.parse().expect("`born` made it");
                            tractor::connect(&first, async |portal| portal.run(dials(addr, dialog)).await)
                                .await
                        }
                    },
                }
            };
            let patience = async {
                match dropped_after {
                    Some(turns) => pause(turns).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                result = conversation => outcome(&result),
                () = patience => Ok("dropped"),
                _ = ending.wait_for(|ending| *ending >= Ending::Dialogs) => Ok("dropped at the end"),
            }
        });
        self.dialogs.push((way, task));
    }

    /// Kills an actor, and waits until all concerned tasks have got the error.
    pub(crate) async fn kill(&mut self, victim: u32, turns: u32) {
        let victim = self.actor(victim);
        pause(turns).await;
        signal(victim.born.pid.cast_signed(), Signal::KILL);
        self.kills += 1;
        let (dead, alive) = std::mem::take(&mut self.actors)
            .into_iter()
            .partition(|actor| actor.number == victim.number || actor.is_below(&victim));
        self.actors = alive;
        let dead: Vec<Rc<Actor>> = dead;
        for actor in dead {
            let holder = actor.holder.take().expect("taken once");
            let end = with_deadline(LIMIT_SECS, holder).await.expect("a holder does not panic");
            let error = end.expect_err("a violent end is an error");
            if actor.number == victim.number {
                assert!(error.to_string().contains("signal 9"), "actor {}: {error:?}", actor.number);
                let pid = actor.born.pid.cast_signed();
                assert!(process(pid).is_none(), "told before process {pid} was reaped");
            }
        }
    }

    /// Stops an actor, opens a dialog into it, and continues or kills it.
    pub(crate) async fn stop(&mut self, victim: u32, dialog: Dialog, turns: u32, kill: bool) {
        let index = victim;
        let victim = self.actor(index);
        let pid = victim.born.pid.cast_signed();
        signal(pid, Signal::STOP);
        until(|| process(pid).is_some_and(|process| process.is_stopped())).await;
        self.dial(u32::MAX, index, dialog, None);
        if kill {
            self.kill(index, turns).await;
        } else {
            pause(turns).await;
            signal(pid, Signal::CONT);
        }
    }

    /// Ends everything in order, and checks that nothing is left. Returns how the dialogs have ended.
    pub(crate) async fn end(mut self) -> BTreeMap<&'static str, usize> {
        self.ending.send_replace(Ending::Deep);
        let (deep, top): (Vec<_>, Vec<_>) = self.actors.drain(..).partition(|actor| actor.depth > 1);
        for actor in &deep {
            assert_ended_well(actor).await;
        }
        let of_top: HashSet<u32> = top.iter().map(|actor| actor.born.pid).collect();
        let is_left = |born: &Born| !of_top.contains(&born.pid) && process(born.pid.cast_signed()).is_some();
        with_deadline(LIMIT_SECS, until(|| !self.past.iter().any(is_left))).await;

        self.ending.send_replace(Ending::Dialogs);
        let mut tally = BTreeMap::new();
        for (way, task) in self.dialogs.drain(..) {
            let outcome = tokio::time::timeout(std::time::Duration::from_secs(LIMIT_SECS), task).await;
            let outcome = outcome.unwrap_or_else(|_| panic!("no outcome: {way}"));
            match outcome.unwrap_or_else(|panic| Err(panic.to_string())) {
                Ok(word) => *tally.entry(word).or_default() += 1,
                Err(error) => panic!("{way}: {error}"),
            }
        }
        for actor in &top {
            let portal = actor.portal.as_ref().expect("the root is its parent");
            with_deadline(LIMIT_SECS, nothing_open(portal)).await;
        }

        self.ending.send_replace(Ending::All);
        for actor in &top {
            assert_ended_well(actor).await;
            assert_eq!(actor.portal.as_ref().map(Portal::dialogs_open), Some(0));
        }
        with_deadline(LIMIT_SECS, self.tree.all_reaped()).await;
        let sockets = || self.past.iter().filter_map(|born| born.addr.parse::<Addr>().ok()?.uds_path());
        let left = || sockets().filter(|path| Path::new(path).exists()).collect::<Vec<_>>();
        let gone =
            tokio::time::timeout(std::time::Duration::from_secs(LIMIT_SECS), until(|| left().is_empty()));
        assert!(gone.await.is_ok(), "socket files are left: {:?}", left());
        tally
    }
}

/// The largest depth of an actor.
const DEPTH_MAX: usize = 4;

/// Runs a future as a task of the running actor.
fn in_actor<T: 'static>(future: impl Future<Output = T> + 'static) -> JoinHandle<T> {
    let actor = tractor::current_actor();
    spawn_local(async move { actor.enter(future).await })
}

async fn pause(turns: u32) {
    for _ in 0..turns {
        tokio::task::yield_now().await;
    }
}

type Tell = oneshot::Sender<(Option<Portal>, Born)>;

/// Holds a child of the root until it dies, or all actors have to end.
async fn hold_below_root(name: String, tell: Tell, mut ending: watch::Receiver<Ending>) -> Result<()> {
    tractor::open_nursery(async |an| {
        let kid = start(an, name).await?;
        let born = kid.run(born()).await?;
        assert!(tell.send((Some(kid.clone()), born)).is_ok(), "somebody waits for the birth");
        ending.wait_for(|ending| *ending == Ending::All).await.expect("the world lives");
        assert!(kid.cancel_actor().await?.is_in_order(), "acknowledged in time");
        Ok(())
    })
    .await
}

/// Lets an actor hold a child until it dies, or actors below other actors have to end.
async fn hold_below(
    parent: String,
    name: String,
    tell: Tell,
    mut ending: watch::Receiver<Ending>,
) -> Result<()> {
    let parent: Addr = parent.parse().expect("`born` made it");
    let hold = async |parent: &Portal| {
        parent
            .open_context(tends(name), async |ctx, born| {
                assert!(tell.send((None, born)).is_ok(), "somebody waits for the birth");
                let ctx = ctx.handle();
                tokio::select! {
                    end = ctx.wait_for_result() => end,
                    _ = ending.wait_for(|ending| *ending >= Ending::Deep) => {
                        // If the actor's own parent ends at the same time, the connection may be lost first.
                        ctx.cancel().await?;
                        Ok(())
                    }
                }
            })
            .await
    };
    tractor::connect(&parent, hold).await
}

/// A holder that has to end may find that an actor above has already ended. No other error is allowed.
async fn assert_ended_well(actor: &Actor) {
    let holder = actor.holder.take().expect("taken once");
    match with_deadline(LIMIT_SECS, holder).await.expect("a holder does not panic") {
        Ok(()) => {}
        Err(Error::Cancelled(_) | Error::Closed(_) | Error::Died(_)) if actor.depth > 1 => {}
        Err(other) => panic!("actor {} at depth {}: {other:?}", actor.number, actor.depth),
    }
}

/// Waits until no endpoint runs in the actor, and nothing is open between it and the root.
async fn nothing_open(portal: &Portal) {
    loop {
        let counts = portal.open_context(open(), async |_, counts| Ok::<_, Error>(counts)).await;
        if counts.expect("it goes on") == (0, 0) && portal.dialogs_open() == 0 {
            return;
        }
    }
}

/// Judges the end of a dialog: it must be the result of a peer that has vanished.
fn outcome(result: &Result<u32>) -> Outcome {
    match result {
        Ok(_) => Ok("value"),
        Err(Error::Died(_)) => Ok("died"),
        Err(Error::Closed(_)) => Ok("closed"),
        Err(Error::Cancelled(_)) => Ok("cancelled"),
        // The actor was dead before, so no connection could be made.
        Err(Error::Unreachable(_)) => Ok("unreachable"),
        // A dialog of the peer has failed.
        Err(Error::Remote(remote))
            if matches!(remote.kind(), RemoteKind::Error | RemoteKind::Runtime | RemoteKind::Died) =>
        {
            match remote.src_type() {
                "ActorDied" | "TransportClosed" | "Unreachable" | "RuntimeFailure" | "ContextCancelled" => {
                    Ok("relayed")
                }
                other => Err(format!("relayed {other}: {remote:?}")),
            }
        }
        Err(other) => Err(format!("{other:?}")),
    }
}
