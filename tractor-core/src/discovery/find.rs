//! Finding actors by name, and connecting to them.

use std::time::Duration;

use tokio::time::{sleep, timeout};

use super::connect::{Connection, NotMet, dial};
use super::query::{Answers, Line, Registrar, registrars};
use super::race::Race;
use super::reach::{keep, kept};
use crate::actor::{Actor, try_current_actor};
use crate::api::Portal;
use crate::error::{Absence, Error, NotFound, Result, RuntimeFailure};
use crate::proto::addr::Addr;
use crate::proto::id::Escaped;
use crate::proto::registry::check_name;

/// The pause between two attempts to connect to an actor that a registrar lists.
const STALE_PAUSE: Duration = Duration::from_millis(50);
/// How long an address may stay silent before the next one is tried as well.
const NEXT_ADDR_PAUSE: Duration = Duration::from_millis(250);

/// Finds an actor by its name, or by its uuid, and runs the body with a portal to it.
///
/// An open connection to a parent, to a child, or of an earlier lookup or handle is used again. It stays open after the
/// body, as [`ActorRef::portal`](crate::ActorRef::portal) says. Only connections to actors of the base protocol are
/// closed, because these actors wait for that at their end, and connections to peers that have not proved that they are
/// of this tree, because their names and uuids are mere claims. Without an open connection, all registrars of the tree
/// are asked at once, and the first that knows the name counts. The actor's addresses are tried in this order: Unix
/// sockets, TCP on this host, others. A silent address delays the next one for a moment only. Addresses without a
/// listener are removed from the registry.
///
/// Names are not unique: of several actors the first registered is found. An actor that has just ended may still be
/// found. A call to it then fails, and [`may_have_run`](Error::may_have_run) says whether it may have run.
///
/// ```
/// # use tractor_core as tractor;
/// # use tractor::DynCall;
/// # async fn example() -> tractor::Result<()> {
/// let answer: u64 = tractor::find_actor("oracle", async |oracle| {
///     oracle.run_dyn(DynCall::new("oracle", "answer")).await
/// })
/// .await?;
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// The body's own error;
/// * [`Error::NotFound`]: no actor has this name, or the actor that had it is gone, or there is no registrar to ask;
/// * [`Error::Unreachable`]: the actor cannot be reached although its address is in use, or no registrar answers;
/// * [`Error::NoRuntime`] outside of any actor.
///
/// # Cancel safety
/// Dropping the future drops the body. The connection stays.
pub async fn find_actor<T, E, F>(name: &str, body: F) -> Result<T, E>
where
    F: AsyncFnOnce(&Portal) -> Result<T, E>,
    E: From<Error>,
{
    let actor = try_current_actor()?;
    find(&actor, name).await?.run(body).await
}

/// As [`find_actor`], but waits until an actor has the name. The wait has no time limit, and goes on when the registrar
/// ends and another one takes its place.
///
/// # Errors
/// As [`find_actor`], except that it waits while no actor has the name.
///
/// # Cancel safety
/// Dropping the future drops the body. The connection stays.
pub async fn wait_for_actor<T, E, F>(name: &str, body: F) -> Result<T, E>
where
    F: AsyncFnOnce(&Portal) -> Result<T, E>,
    E: From<Error>,
{
    let actor = try_current_actor()?;
    wait(&actor, name).await?.run(body).await
}

/// Opens a scope with a portal to the first registrar of this tree that answers.
///
/// # Errors
/// The body's own error; [`Error::NotFound`] if the tree has no registry; [`Error::Unreachable`] when no registrar
/// answers; [`Error::NoRuntime`] outside of any actor.
///
/// # Cancel safety
/// Dropping the future closes the connection.
pub async fn get_registry<T, E, F>(body: F) -> Result<T, E>
where
    F: AsyncFnOnce(&Portal) -> Result<T, E>,
    E: From<Error>,
{
    let actor = try_current_actor()?;
    let addrs = actor.registries();
    if addrs.is_empty() {
        return Err(Error::from(NotFound::new("registry", Absence::NoRegistry)).into());
    }
    first_of(addrs.iter().map(|addr| Registrar::line(&actor, addr))).await?.run(body).await
}

/// Opens a scope with a portal to the root of this tree.
///
/// A root listens if it has a registry or an address ([`ActorOptions::bind`](crate::ActorOptions::bind)). Any other
/// root can be reached only by its own children: by its name or uuid, with [`find_actor`].
///
/// # Errors
/// The body's own error; [`Error::Runtime`] if the root does not listen; [`Error::Unreachable`] when it cannot be
/// connected to; [`Error::NoRuntime`] outside of any actor.
///
/// # Cancel safety
/// Dropping the future closes the connection.
pub async fn get_root<T, E, F>(body: F) -> Result<T, E>
where
    F: AsyncFnOnce(&Portal) -> Result<T, E>,
    E: From<Error>,
{
    let actor = try_current_actor()?;
    let addrs = actor.root_addrs();
    if addrs.is_empty() {
        let text =
            "the root of this tree does not listen; name an address with `ActorOptions::bind`, or a registry";
        return Err(Error::from(RuntimeFailure::new(text)).into());
    }
    first_of(addrs.iter().map(async |addr| dial(&actor, addr).await.map(Line::Own))).await?.run(body).await
}

/// The first connection that can be made.
async fn first_of(
    lines: impl Iterator<Item = impl Future<Output = Result<Line, NotMet>> + Send>,
) -> Result<Line> {
    let mut lines = Race::of(lines);
    let mut failed = None;
    while let Some(line) = lines.next().await {
        match line {
            Ok(line) => return Ok(line),
            Err(not_met) => failed = Some(not_met.error),
        }
    }
    Err(failed.expect("it was tried at least once"))
}

impl Line {
    async fn run<T, E, F>(self, body: F) -> Result<T, E>
    where
        F: AsyncFnOnce(&Portal) -> Result<T, E>,
    {
        match self {
            Self::Kept(portal) => body(&portal).await,
            Self::Own(connection) => connection.run(body).await,
        }
    }
}

/// Finds an actor, over an existing connection or a new one.
async fn find(actor: &Actor, name: &str) -> Result<Line> {
    match kept(actor, name) {
        Some(known) => Ok(Line::Kept(known)),
        None => Ok(stay(find_registered(actor, name).await?).await),
    }
}

/// Keeps a new connection for other lookups. An actor of the base protocol waits at its end until its connections are
/// closed, and a peer without a proof may claim any identity, so their connections are closed with the scope.
async fn stay(connection: Connection) -> Line {
    let peer = &connection.0.peer;
    match peer.is_base() || !peer.is_member {
        true => Line::Own(connection),
        false => Line::Kept(keep(connection).await),
    }
}

/// Asks which actor is registered under a name, and connects to it.
pub(super) async fn find_registered(actor: &Actor, name: &str) -> Result<Connection> {
    let mut answers = Answers::to(actor, name)?;
    let mut missed = Missed::default();
    while let Some((registrar, addrs)) = answers.next().await {
        if let Some(connection) = reach_any(actor, name, &registrar, addrs, &mut missed).await {
            return Ok(connection);
        }
    }
    match missed {
        Missed { unreachable: Some(error), .. } => Err(error),
        Missed { is_expired: true, .. } => Err(NotFound::new(name, Absence::Expired).into()),
        Missed { .. } => answers.nobody_knows().and(Err(NotFound::new(name, Absence::NotRegistered).into())),
    }
}

/// As [`find`], but waits until an actor has the name.
async fn wait(actor: &Actor, name: &str) -> Result<Line> {
    check_name(name).map_err(|problem| NotFound::new(name, Absence::BadName(problem)))?;
    loop {
        if let Some(known) = kept(actor, name) {
            return Ok(Line::Kept(known));
        }
        let waiting = registrars(actor, name)?.into_iter().map(async |registrar| {
            // If several actors have the name already, this finds the same one as `find_actor`.
            let found = match registrar.find(actor, name).await {
                Ok(found) if !found.is_empty() => Ok(found),
                Ok(_) | Err(_) => registrar.wait(actor, name).await,
            };
            (registrar, found)
        });
        let mut waiting = Race::of(waiting);
        let mut failed = None;
        let (registrar, addrs) = loop {
            match (waiting.next().await, failed.take()) {
                (Some((registrar, Ok(addrs))), _) => break (registrar, addrs),
                (Some((_, Err(error))), _) => failed = Some(error),
                (None, error) => return Err(error.expect("each registrar has failed")),
            }
        };
        let mut missed = Missed::default();
        if let Some(connection) = reach_any(actor, name, &registrar, addrs, &mut missed).await {
            return Ok(stay(connection).await);
        }
        if let Some(error) = missed.unreachable {
            return Err(error);
        }
        // All registrars are asked again.
        drop(waiting);
        sleep(STALE_PAUSE).await;
    }
}

/// Why no address was the right one.
#[derive(Default)]
struct Missed {
    /// No actor was there, or another one.
    is_expired: bool,
    /// An address is in use, but no connection could be made.
    unreachable: Option<Error>,
}

/// Connects to an actor at the first of its addresses that answers. The attempt at a silent address goes on while the
/// next one is tried.
async fn reach_any(
    actor: &Actor,
    name: &str,
    registrar: &Registrar,
    addrs: Vec<Addr>,
    missed: &mut Missed,
) -> Option<Connection> {
    let mut rest = addrs.into_iter().map(|addr| reach(actor, name, registrar, addr));
    let mut trying = Race::of(rest.next());
    loop {
        match timeout(NEXT_ADDR_PAUSE, trying.next()).await {
            Ok(Some(Reached::It(connection))) => return Some(connection),
            Ok(Some(Reached::Nobody)) => missed.is_expired = true,
            Ok(Some(Reached::Not(error))) => missed.unreachable = Some(error),
            Ok(None) => return None,
            Err(_elapsed) => {}
        }
        trying.add(rest.next());
    }
}

/// The result at one address.
enum Reached {
    It(Connection),
    /// No actor, or another one. The registrar was informed.
    Nobody,
    Not(Error),
}

async fn reach(actor: &Actor, name: &str, registrar: &Registrar, addr: Addr) -> Reached {
    match dial(actor, &addr).await {
        Ok(connection) => {
            let uid = connection.0.uid();
            if uid.name() == name || uid.uuid() == name {
                return Reached::It(connection);
            }
            tracing::warn!("{uid} listens at {addr}, where `{}` was registered", Escaped(name));
            connection.close().await;
        }
        Err(NotMet { is_nobody: true, .. }) => {}
        Err(NotMet { error, .. }) => return Reached::Not(error),
    }
    registrar.delete(actor, &addr).await;
    Reached::Nobody
}
