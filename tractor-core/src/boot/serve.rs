//! Listening for other actors.

use std::io;
use std::sync::Arc;

use tokio::sync::Semaphore;
use tokio::time::timeout;

use crate::actor::{Actor, Connected, attach};
use crate::error::{Error, RuntimeFailure};
use crate::net::{HandshakeError, Introduction, Listener, Transport, bind, default_uds, introduce};
use crate::proto::addr::Addr;
use crate::proto::handshake::{Policy, Role};

/// Binds an address and serves it until the actor stops.
pub(super) async fn listen(actor: &Actor, addr: &Addr) -> Result<(), Error> {
    let listener = bind(addr).await.map_err(|error| {
        RuntimeFailure::new(format!("actor `{}` cannot listen on {addr}: {error}", actor.name()))
    })?;
    tracing::debug!("listening on {}", listener.addr());
    actor.add_addr(listener.addr().clone());
    let server = actor.clone();
    actor.spawn_link(async move { accept_all(server, listener).await });
    Ok(())
}

/// An address for an actor of this process: a Unix socket `<name>@<pid>.sock` in the runtime directory, which belongs to
/// the user alone.
///
/// # Errors
/// [`Error::Runtime`] when the directory's path is too long for a socket.
pub fn socket_addr(name: &str) -> Result<Addr, Error> {
    default_uds(name, std::process::id()).map_err(|error| RuntimeFailure::new(error.to_string()).into())
}

/// Who gets in: a Unix socket vouches for its user, TCP needs the tree's secret.
pub(super) fn policy(actor: &Actor, io: &Transport) -> Policy {
    if io.is_tcp() { Policy::RequireProof { secret: actor.secret() } } else { Policy::Open }
}

async fn accept_all(actor: Actor, listener: Listener) {
    let room = Arc::new(Semaphore::new(actor.limits().connections_max));
    loop {
        let permit = tokio::select! {
            permit = room.clone().acquire_owned() => permit.expect("the semaphore is never closed"),
            () = actor.stopped() => return,
        };
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = actor.stopped() => return,
        };
        match accepted {
            Ok(io) => {
                let guest = actor.clone();
                actor.spawn_link(async move {
                    admit(&guest, io, permit).await;
                });
            }
            Err(error) => {
                tracing::warn!("connection not accepted on {}: {error}", listener.addr());
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

/// Runs the handshake with a guest, and serves it if that succeeds. A guest that fails disturbs nobody.
async fn admit(actor: &Actor, io: Transport, permit: tokio::sync::OwnedSemaphorePermit) {
    let with = Introduction {
        ours: actor.aid().clone(),
        role: Role::Acceptor,
        policy: policy(actor, &io),
        limits: actor.limits(),
    };
    let limit = actor.timeouts().handshake;
    let met = tokio::select! {
        met = timeout(limit, introduce(io, with)) => met,
        () = actor.stopped() => return,
    };
    let met = match met {
        Ok(Ok(met)) => met,
        Ok(Err(error)) => return report(&error),
        Err(_elapsed) => {
            return tracing::warn!(
                "a guest did not introduce itself within {limit:?} (`Timeouts::handshake`)"
            );
        }
    };
    let connected =
        Connected { io: met.io, unread: met.frames.into_rest(), aid: met.aid, caps: met.caps, dialer: false };
    attach(actor, connected, move |peer, reason| {
        drop(permit);
        std::future::ready(peer.closed_error(reason))
    });
}

fn report(error: &HandshakeError) {
    if error.is_departure() {
        tracing::debug!("a guest left during the handshake: {error}");
    } else {
        tracing::warn!("a guest was refused: {error}");
    }
}
