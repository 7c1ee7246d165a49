//! The table of an actor that is a registrar, and the tasks that wait for a name to appear in it.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use crate::actor::{Actor, ActorLocal, current_actor};
use crate::proto::addr::Addr;
use crate::proto::id::{Caps, Uid};
use crate::proto::registry::{By, Holder, Refused, Table};
use crate::session::Peer;

/// Each registrar has its own.
pub(super) static NAMES: ActorLocal<Names> = ActorLocal::new(|| Names::new(&current_actor()));

/// The registrar itself: no peer has this address in memory.
pub(super) const OURSELVES: By = By { holder: Some(Holder(0)), is_member: true };

/// The table of a registrar.
#[derive(Debug)]
pub(super) struct Names(Mutex<Inner>);

#[derive(Debug)]
struct Inner {
    table: Table,
    /// Connections whose end is watched.
    watched: HashSet<Holder>,
    /// For each awaited name the number of waiting tasks, and the channel that wakes them.
    awaited: HashMap<String, (usize, Arc<Notify>)>,
}

impl Names {
    fn new(actor: &Actor) -> Self {
        let table = Table::new(actor.limits());
        Self(Mutex::new(Inner { table, watched: HashSet::new(), awaited: HashMap::new() }))
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads the table, or changes it without adding to it.
    pub(super) fn with<R>(&self, f: impl FnOnce(&mut Table) -> R) -> R {
        f(&mut self.lock().table)
    }

    fn add(&self, uid: &Uid, addr: Addr, by: By) -> Result<bool, Refused> {
        let mut inner = self.lock();
        inner.table.register(uid, addr, by)?;
        let awaited = inner.awaited.remove(uid.name());
        let is_new = by.holder.is_some_and(|holder| inner.watched.insert(holder));
        drop(inner);
        if let Some((_, awaited)) = awaited {
            awaited.notify_waiters();
        }
        Ok(is_new)
    }

    /// Registers this actor itself, for as long as it lives.
    pub(super) fn add_ourselves(&self, actor: &Actor) -> Result<(), Refused> {
        actor.addrs().into_iter().try_for_each(|addr| self.add(actor.uid(), addr, OURSELVES).map(drop))
    }

    /// Registers a peer, for good or for as long as its connection is open.
    pub(super) fn add_peer(
        self: &Arc<Self>,
        actor: &Actor,
        peer: &Arc<Peer>,
        addr: Addr,
    ) -> Result<(), Refused> {
        let by = by(peer);
        if self.add(&peer.aid.uid, addr, by)?
            && let Some(holder) = by.holder
        {
            let (names, peer) = (self.clone(), peer.clone());
            // This task keeps the peer's memory in place until no row refers to it.
            let us = actor.clone();
            actor.spawn_link(async move {
                tokio::select! {
                    () = peer.drained.cancelled() => {}
                    // The end of this actor may take its time. Its peers go to the next registrar before that.
                    () = us.stopped() => {
                        us.cancel_requests(None).await;
                        us.say_goodbye(&peer);
                        peer.channel.close();
                        peer.drained.cancelled().await;
                    }
                }
                let mut inner = names.lock();
                inner.watched.remove(&holder);
                inner.table.let_go(&peer.aid.uid, holder);
            });
        }
        Ok(())
    }

    /// All addresses of all actors with a name, once there is one.
    ///
    /// # Cancel safety
    /// Cancel safe.
    pub(super) async fn all_of(&self, name: &str) -> Vec<Addr> {
        loop {
            let (awaited, told) = {
                let mut inner = self.lock();
                let addrs = inner.table.all_of(name);
                if !addrs.is_empty() {
                    return addrs;
                }
                let (waiting, notify) = inner.awaited.entry(name.to_owned()).or_default();
                *waiting += 1;
                let notify = notify.clone();
                // From here on the task is woken.
                let told = notify.clone().notified_owned();
                (Awaited { names: self, name, notify }, told)
            };
            told.await;
            drop(awaited);
        }
    }
}

/// A peer as the one that registers. With the extension its rows last as long as its connection.
pub(super) fn by(peer: &Arc<Peer>) -> By {
    let is_held = peer.caps.contains(Caps::REGISTRY);
    By { holder: is_held.then_some(Holder(Arc::as_ptr(peer) as u64)), is_member: peer.is_member }
}

/// An awaited name. The last waiting task removes it.
struct Awaited<'a> {
    names: &'a Names,
    name: &'a str,
    notify: Arc<Notify>,
}

impl Drop for Awaited<'_> {
    fn drop(&mut self) {
        let mut inner = self.names.lock();
        // An actor with that name may have appeared, and another task may await the name again.
        let listed = inner.awaited.get_mut(self.name).filter(|(_, notify)| Arc::ptr_eq(notify, &self.notify));
        if let Some((waiting, _)) = listed {
            *waiting -= 1;
            if *waiting == 0 {
                inner.awaited.remove(self.name);
            }
        }
    }
}
