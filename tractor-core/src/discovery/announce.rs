//! Keeps an actor registered with each registrar of its tree.
//!
//! ```text
//!            +--------------------- pause <---------- no connection, or refused
//!            v                                                  ^
//!  connect --+-- a Rust registrar: register -- Registered ------+ connection lost
//!            |                                     '-- the actor ends: close, and the rows are gone
//!            |-- another one: register, close -- Registered
//!            |                                     '-- the actor ends: connect, unregister, close
//!            '-- nobody, and a root can bind the address: this actor is the registrar from now on
//! ```
//!
//! An actor is registered with a Rust registrar as long as the connection is open. When a registrar has ended, all its
//! actors connect again, and the first root to bind the address is the next registrar.

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::sync::{Mutex, PoisonError};

use tokio::sync::oneshot;
use tokio::time::{Instant, sleep_until, timeout, timeout_at};

use super::connect::{Connection, NotMet, dial};
use super::elect::bind_all;
use super::listen::listen;
use super::names::NAMES;
use crate::actor::{Actor, ActorLocal};
use crate::api::{DynCall, Portal};
use crate::error::{Error, RuntimeFailure, Unreachable};
use crate::proto::addr::Addr;
use crate::proto::id::Caps;
use crate::proto::limits::{DEREGISTER_WAIT, REGISTER_WAIT, REGISTRAR_PAUSE_MAX, REGISTRAR_PAUSE_MIN};
use crate::proto::registry::{WireAddr, check_name};

/// Open connections to registrars, over which this actor is registered.
static KEPT: ActorLocal<Mutex<HashMap<Addr, Portal>>> = ActorLocal::new(Mutex::default);

/// The effect of a registration that is not immediate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Late {
    /// The actor does not start: the registrar has just answered.
    Fails,
    /// The actor goes on, and is registered as soon as possible.
    GoesOn,
}

/// Registers an actor that listens at all its addresses, and keeps it registered until it ends. Returns once the actor
/// is registered, or after a time limit: [`REGISTER_WAIT`], or the registrar's time to answer if a delay is a failure.
pub(crate) async fn announce(actor: &Actor, late: Late) -> Result<(), Error> {
    if actor.registries().is_empty() {
        return Ok(());
    }
    check_name(actor.name()).map_err(|problem| RuntimeFailure::new(problem.to_string()))?;
    if actor.is_registrar() {
        return add_ourselves(actor);
    }
    let limit = match late {
        Late::Fails => actor.timeouts().registry_answer,
        Late::GoesOn => REGISTER_WAIT,
    };
    let end = Instant::now() + limit;
    let firsts = actor.registries().iter().map(|registry| {
        let (tell, first) = oneshot::channel();
        let (announced, registry) = (actor.clone(), registry.clone());
        let named = registry.clone();
        actor.spawn_link(async move { keep(&announced, &registry, tell).await });
        async move {
            let slow = || {
                Unreachable::new(named, "this actor was not registered in time (`Timeouts::registry_answer`)")
            };
            match timeout_at(end, first).await {
                Ok(Ok(registered)) => registered,
                // The actor ends, or the registrar is slow.
                Ok(Err(_)) | Err(_) => Err(slow().into()),
            }
        }
    });
    // All tasks start before the first wait.
    for first in firsts.collect::<Vec<_>>() {
        let registered = first.await;
        match registered {
            Ok(()) => {}
            Err(error) if late == Late::Fails => return Err(error),
            Err(error) => tracing::warn!("not registered yet: {error}"),
        }
    }
    Ok(())
}

fn add_ourselves(actor: &Actor) -> Result<(), Error> {
    let added = NAMES.get().add_ourselves(actor);
    Ok(added.map_err(|refused| RuntimeFailure::new(refused.to_string()))?)
}

/// An open connection to a registrar, if this actor is registered over one.
pub(super) fn kept(registry: &Addr) -> Option<Portal> {
    KEPT.get().lock().unwrap_or_else(PoisonError::into_inner).get(registry).cloned()
}

/// See the diagram. `first` gets the outcome of the first attempt.
async fn keep(actor: &Actor, registry: &Addr, first: oneshot::Sender<Result<(), Error>>) {
    let mut first = Some(first);
    let mut tell = move |result| {
        if let Some(first) = first.take() {
            // The starter of the actor may have stopped waiting.
            _ = first.send(result);
        }
    };
    let mut pause = REGISTRAR_PAUSE_MIN;
    loop {
        let began = Instant::now();
        let registered = tokio::select! {
            registered = register(actor, registry) => registered,
            () = actor.stopped() => return,
        };
        match registered {
            Ok(None) => return tell(Ok(())),
            Ok(Some(connection)) if connection.0.peer.caps.contains(Caps::REGISTRY) => {
                tell(Ok(()));
                pause = REGISTRAR_PAUSE_MIN;
                if stay(actor, registry, connection).await.is_break() {
                    return;
                }
                tracing::info!(%registry, "the registrar is gone; this actor registers with the next one");
            }
            Ok(Some(connection)) => {
                // The connection closes first, so that no lookup of the registrar finds it.
                connection.0.peer.channel.close();
                tell(Ok(()));
                connection.close().await;
                actor.stopped().await;
                return unregister(actor, registry).await;
            }
            Err(error) => {
                tracing::debug!(%registry, "not registered, trying again in {pause:?}: {error}");
                tell(Err(error));
            }
        }
        // From the beginning of one attempt to that of the next: the loss of an old connection needs no pause.
        tokio::select! {
            () = sleep_until(began + pause) => {}
            () = actor.stopped() => return,
        }
        pause = REGISTRAR_PAUSE_MAX.min(pause * 2);
    }
}

/// Connects to a registrar and registers all addresses. Where nobody listens, a root becomes the registrar instead:
/// `None`.
async fn register(actor: &Actor, registry: &Addr) -> Result<Option<Connection>, Error> {
    let connection = match dial(actor, registry).await {
        Ok(connection) => connection,
        Err(NotMet { is_nobody: true, .. }) if actor.is_root() => {
            take_over(actor, registry).await?;
            return Ok(None);
        }
        Err(NotMet { error, .. }) => return Err(error),
    };
    for addr in actor.addrs() {
        let call =
            DynCall::new("self", "register_actor").arg("uid", wire_uid(actor)).arg("addr", WireAddr(addr));
        connection.0.run_dyn::<()>(call).await?;
    }
    Ok(Some(connection))
}

/// Becomes the registrar at an address where nobody listens. Fails if another root is faster.
async fn take_over(actor: &Actor, registry: &Addr) -> Result<(), Error> {
    let is_open = actor.allows_unauthenticated_peers();
    let bound = bind_all(actor.name(), std::slice::from_ref(registry), is_open).await;
    listen(actor, bound.map_err(|(_, error)| error)?);
    tracing::info!(%registry, "this actor is now the registrar");
    if let Err(error) = add_ourselves(actor) {
        tracing::warn!(%registry, "this actor is not registered: {error}");
    }
    Ok(())
}

fn wire_uid(actor: &Actor) -> (String, String) {
    (actor.name().to_owned(), actor.uid().uuid().to_owned())
}

/// Stays registered as long as the connection is open. Breaks when the actor ends.
async fn stay(actor: &Actor, registry: &Addr, connection: Connection) -> ControlFlow<()> {
    let kept = KEPT.get();
    let lock = || kept.lock().unwrap_or_else(PoisonError::into_inner);
    lock().insert(registry.clone(), connection.0.clone());
    let drained = connection.0.peer.drained.clone();
    let ends = tokio::select! {
        () = actor.stopped() => true,
        () = drained.cancelled() => false,
    };
    let before = lock().remove(registry);
    drop(before);
    connection.close().await;
    if ends { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
}

/// Tells a registrar of the base protocol that this actor ends.
async fn unregister(actor: &Actor, registry: &Addr) {
    let told = async {
        let connection = dial(actor, registry).await.map_err(|not_met| not_met.error)?;
        let call = DynCall::new("self", "unregister_actor").arg("uid", wire_uid(actor));
        let told = connection.0.run_dyn::<()>(call).await;
        connection.0.peer.channel.close();
        told
    };
    match timeout(DEREGISTER_WAIT, told).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::warn!(%registry, "this actor was not unregistered: {error}"),
        Err(_elapsed) => {
            tracing::warn!(%registry, "this actor was not unregistered: no answer within {DEREGISTER_WAIT:?}");
        }
    }
}
