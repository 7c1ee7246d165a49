//! Listening for other actors.

use std::future::pending;
use std::io::{self, ErrorKind};
use std::sync::Arc;

use tokio::sync::Mutex;
use tokio::task::yield_now;
use tokio::time::timeout;

use super::door::{Door, Membership, Place};
use super::elect::{bind_all, own_addrs};
use crate::actor::{Actor, ActorLocal, Connected, Link, current_actor, notice, open};
use crate::error::{Error, RuntimeFailure};
use crate::net::{HandshakeError, Introduction, Listener, OtherEnd, Transport, default_uds, introduce};
use crate::proto::addr::Addr;
use crate::proto::handshake::Role;
use crate::proto::id::Caps;
use crate::session::Peer;

/// Shared by all listeners of an actor.
static DOOR: ActorLocal<Door> = ActorLocal::new(|| Door::new(current_actor().limits()));
/// Held while the actor begins to listen.
static BEGINNING: ActorLocal<Mutex<()>> = ActorLocal::new(Mutex::default);

/// The addresses of the current actor. If it does not listen yet, it begins to listen at an address of its own.
pub(super) async fn addrs_of(actor: &Actor) -> Result<Vec<Addr>, Error> {
    let beginning = BEGINNING.get();
    let _turn = beginning.lock().await;
    if actor.addrs().is_empty() {
        let (name, registries, is_open) =
            (actor.name(), actor.registries(), actor.allows_unauthenticated_peers());
        let listeners = match bind_all(name, &own_addrs(name, registries)?, is_open).await {
            // Another actor of this process has the name.
            Err((ErrorKind::AddrInUse, _)) => {
                let other = format!("{name}-{}", actor.uid().uuid_short());
                bind_all(name, &own_addrs(&other, registries)?, is_open).await
            }
            bound => bound,
        };
        listen(actor, listeners.map_err(|(_, error)| error)?);
    }
    Ok(actor.addrs())
}

/// Serves the bound addresses until the actor stops.
pub(crate) fn listen(actor: &Actor, listeners: Vec<Listener>) {
    let door = DOOR.get();
    for listener in listeners {
        tracing::debug!("listening on {}", listener.addr());
        actor.add_addr(listener.addr().clone());
        actor.spawn_link(accept_all(actor.clone(), door.clone(), listener));
    }
}

/// An address for an actor of this process: a Unix socket `<name>@<pid>.sock` in the runtime directory, which only this
/// user can access. No other process has this address: as a root's registry it keeps names within one tree.
///
/// ```
/// # use tractor_core::{self as tractor, ActorOptions};
/// # fn example() -> tractor::Result<()> {
/// let options = ActorOptions::new().registry(tractor::socket_addr("names")?);
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// [`Error::Runtime`] when the directory's path is too long for a socket.
pub fn socket_addr(name: &str) -> Result<Addr, Error> {
    default_uds(name, std::process::id()).map_err(|error| RuntimeFailure::new(error.to_string()).into())
}

async fn accept_all(actor: Actor, door: Arc<Door>, listener: Listener) {
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = actor.stopped() => return,
        };
        match accepted {
            Ok(io) => {
                let other_end = io.other_end();
                let place = tokio::select! {
                    place = door.enter(other_end) => place,
                    () = actor.stopped() => return,
                };
                let is_guest = matches!(place, Place::Guest(_));
                let guest = actor.clone();
                actor.spawn_link(async move {
                    // Boxed, because the task is to be no larger than the connection needs for the rest of its life.
                    let admitted = Box::pin(admit(&guest, io, other_end, place)).await;
                    if let Some((connected, membership)) = admitted {
                        let on_end = |peer: Arc<Peer>, reason| {
                            drop(membership);
                            std::future::ready(peer.closed_error(reason))
                        };
                        open(&guest, connected, on_end).1.await;
                    }
                });
                if is_guest {
                    // The guest that had to leave for this one closes its file first, and older guests are polled.
                    yield_now().await;
                }
            }
            Err(error) => {
                report(&actor, &format!("connection not accepted on {}: {error}", listener.addr()));
                if is_shortage(&error) {
                    // Out of descriptors or memory: the next accept would fail at once, for ever.
                    tokio::time::sleep(std::time::Duration::from_millis(50)).await;
                }
            }
        }
    }
}

fn is_shortage(error: &io::Error) -> bool {
    use rustix::io::Errno;

    let shortages = [Errno::MFILE, Errno::NFILE, Errno::NOBUFS, Errno::NOMEM];
    error.raw_os_error().is_some_and(|code| shortages.iter().any(|errno| errno.raw_os_error() == code))
}

/// Runs the handshake with a guest. A failure ends only this connection.
async fn admit(
    actor: &Actor,
    io: Transport,
    other_end: OtherEnd,
    place: Place,
) -> Option<(Connected, Membership)> {
    let with = Introduction {
        ours: actor.aid(),
        role: Role::Acceptor,
        policy: actor.policy(other_end),
        limits: actor.limits(),
    };
    let limit = actor.timeouts().handshake;
    let needed = place.needed();
    let has_to_leave = async {
        match &needed {
            Some(needed) => needed.cancelled().await,
            None => pending().await,
        }
    };
    let admission = async {
        let met = introduce(io, with).await?;
        let has_proved = met.caps.contains(Caps::AUTH);
        Ok::<_, HandshakeError>((met, place.stay(has_proved).await))
    };
    let admitted = tokio::select! {
        admitted = timeout(limit, admission) => admitted,
        () = has_to_leave => {
            tracing::debug!("a guest was disconnected to make room for another (`Limits::guests_max`)");
            return None;
        }
        () = actor.stopped() => return None,
    };
    let (met, membership) = match admitted {
        Ok(Ok(admitted)) => admitted,
        Ok(Err(error)) if error.is_departure() => {
            tracing::debug!("a guest left during the handshake: {error}");
            return None;
        }
        Ok(Err(error)) => {
            report(actor, &format!("a guest was refused: {error}"));
            return None;
        }
        Err(_elapsed) => {
            let text = format!(
                "a guest was not let in within {limit:?} (`Timeouts::handshake`): it sent nothing, or there was no \
                 room for it (`Limits::connections_max`)"
            );
            report(actor, &text);
            return None;
        }
    };
    let connected = Connected {
        io: met.io,
        unread: met.frames.into_rest(),
        aid: met.aid,
        caps: met.caps,
        link: Link::Accepted,
    };
    Some((connected, membership))
}

/// Logs why a peer was refused, unless there were many such lines lately.
fn report(actor: &Actor, text: &str) {
    if let Some(left_out) = actor.guest_log().line() {
        notice!(WARN, "{text}{left_out}");
    }
}
