//! Connecting to an actor that is neither parent nor child of this one.

use std::sync::atomic::Ordering;
use std::time::Duration;

use rustix::process::Pid;
use tokio::time::sleep;

use crate::actor::{Actor, Connected, Link, attach, try_current_actor};
use crate::api::Portal;
use crate::error::{ActorDied, Because, CloseReason, Error, Unreachable};
use crate::net::{self, HandshakeError, Introduced, Introduction, introduce};
use crate::process::has_ended;
use crate::proto::addr::Addr;
use crate::proto::handshake::Role;
use crate::session::Peer;

/// The pause before the next attempt after a peer has left during the handshake. Each further pause is twice as long.
const LEFT_PAUSE: Duration = Duration::from_millis(5);
/// The attempts end when the pause would be this long.
const LEFT_PAUSE_MAX: Duration = Duration::from_millis(80);

/// Opens a scope with a portal to the actor at an address. The connection is closed when the body has ended.
///
/// Over TCP both actors must belong to one tree: they prove to each other that they know its secret.
///
/// # Errors
/// The body's own error; [`Error::Unreachable`] when there is no connection, [`Error::Died`] if this actor has seen the
/// actor at that address die; [`Error::NoRuntime`] outside of any actor.
///
/// # Cancel safety
/// Dropping the future closes the connection.
pub async fn connect<T, E, F>(addr: &Addr, body: F) -> Result<T, E>
where
    F: AsyncFnOnce(&Portal) -> Result<T, E>,
    E: From<Error>,
{
    let actor = try_current_actor()?;
    dial(&actor, addr).await.map_err(|not_met| not_met.error)?.run(body).await
}

/// Why there is no connection to an address.
#[derive(Debug)]
pub(super) struct NotMet {
    pub(super) error: Error,
    /// No process listens there.
    pub(super) is_nobody: bool,
}

/// Connects to the actor that listens on an address.
pub(super) async fn dial(actor: &Actor, addr: &Addr) -> Result<Connection, NotMet> {
    let meeting = async {
        let mut pause = LEFT_PAUSE;
        loop {
            match meet(actor, addr).await {
                // Usually the peer has died or is ending, and the next attempt finds no listener.
                Err(error) if error.is_departure() && pause < LEFT_PAUSE_MAX => {
                    sleep(pause).await;
                    pause *= 2;
                }
                met => return met,
            }
        }
    };
    let met = match tokio::time::timeout(actor.timeouts().handshake, meeting).await {
        Ok(met) => met.map_err(|error| NotMet {
            error: not_met(actor, addr, &error),
            is_nobody: error.reached_no_actor(),
        })?,
        Err(_elapsed) => {
            let unreachable = Unreachable::new(addr.clone(), "no handshake in time (`Timeouts::handshake`)");
            return Err(NotMet { error: unreachable.into(), is_nobody: false });
        }
    };
    actor.deaths().forget(addr);
    let process = met.io.process_of_other_end();
    let connected = Connected {
        io: met.io,
        unread: met.frames.into_rest(),
        aid: met.aid,
        caps: met.caps,
        link: Link::Dialed,
    };
    let (witness, whom) = (actor.clone(), addr.clone());
    let peer = attach(actor, connected, async move |peer, reason| {
        cause_of_loss(&witness, &whom, process, &peer, reason).await
    });
    Ok(Connection(Portal::new(peer)))
}

async fn meet(actor: &Actor, addr: &Addr) -> Result<Introduced, HandshakeError> {
    let io = net::connect(addr).await?;
    let with = Introduction {
        ours: actor.aid(),
        role: Role::Connector,
        policy: actor.policy_towards(io.other_end()),
        limits: actor.limits(),
    };
    introduce(io, with).await
}

/// Why there is no connection to an address.
fn not_met(actor: &Actor, addr: &Addr, error: &HandshakeError) -> Error {
    match actor.deaths().at(addr) {
        Some(died) if error.reached_no_actor() => Error::from(died).unsent(),
        Some(_) | None => Unreachable::new(addr.clone(), error.to_string()).into(),
    }
}

/// The error of every task that waits on a lost connection. If the process at the other end is gone and has not given a
/// reason, the actor has died.
async fn cause_of_loss(
    actor: &Actor,
    addr: &Addr,
    process: Option<Pid>,
    peer: &Peer,
    reason: CloseReason,
) -> Error {
    let is_silent = matches!(reason, CloseReason::Eof | CloseReason::Truncated | CloseReason::Io(_));
    // A peer that speaks only the base protocol cannot say that it ends in order.
    let is_unexplained = is_silent && !peer.is_base() && !peer.ended_in_order.load(Ordering::Acquire);
    match process {
        Some(process) if is_unexplained && has_ended(process, peer.timeouts.exit_status).await => {
            let pid = process.as_raw_nonzero().get().cast_unsigned();
            let died = ActorDied::new(peer.aid.uid.name(), pid, Because::Unknown, None);
            actor.deaths().add(addr.clone(), &died);
            died.into()
        }
        Some(_) | None => peer.closed_error(reason),
    }
}

/// A connection that this actor has opened. Dropping it closes it.
#[derive(Debug)]
pub(super) struct Connection(pub(super) Portal);

impl Connection {
    /// Runs the body of a scope, and closes the connection.
    pub(super) async fn run<T, E, F>(self, body: F) -> Result<T, E>
    where
        F: AsyncFnOnce(&Portal) -> Result<T, E>,
    {
        let result = body(&self.0).await;
        self.close().await;
        result
    }

    /// Closes the connection, and waits until the last messages have left.
    pub(super) async fn close(self) {
        let peer = &self.0.peer;
        peer.channel.close();
        let drain = peer.timeouts.drain;
        if tokio::time::timeout(drain, peer.drained.cancelled()).await.is_err() {
            tracing::warn!("the peer did not read the last messages within {drain:?} (`Timeouts::drain`)");
            peer.channel.give_up();
        }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.0.peer.channel.close();
    }
}
