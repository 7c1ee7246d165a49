//! Queries to registrars, without a connection to the actors that they list.

use std::collections::BTreeMap;
use std::net::{IpAddr, UdpSocket};
use std::time::Duration;

use tokio::time::{sleep, timeout};

use super::announce::kept;
use super::connect::{Connection, NotMet, dial};
use super::names::{NAMES, OURSELVES};
use super::race::Race;
use crate::actor::{Actor, try_current_actor};
use crate::api::{DynCall, Portal};
use crate::error::{Absence, Error, NotFound, Result, Unreachable};
use crate::proto::addr::Addr;
use crate::proto::id::Uid;
use crate::proto::limits::{ADDRS_TRIED_MAX, REGISTRAR_PAUSE_MAX, REGISTRAR_PAUSE_MIN};
use crate::proto::payload::Payload;
use crate::proto::registry::{WireAddr, by_preference, check_name};

/// An actor in a registrar's table.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Registered {
    /// Its name and uuid.
    pub uid: Uid,
    /// Its addresses, in the order of their registration.
    pub addrs: Vec<Addr>,
}

/// Asks the registrars of this tree for the address of an actor, by its name or uuid: the address that
/// [`find_actor`](crate::find_actor) would try first. `None` if no actor has that name or uuid.
///
/// ```
/// # use tractor_core as tractor;
/// # async fn example() -> tractor::Result<()> {
/// match tractor::query_actor("kv").await? {
///     Some(addr) => println!("it listens at {addr}"),
///     None => println!("no actor has this name"),
/// }
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// [`Error::NotFound`] if there is no registrar to ask, or no actor can have this name; [`Error::Unreachable`] when no
/// registrar answers in time ([`Timeouts::registry_answer`](crate::proto::limits::Timeouts::registry_answer));
/// [`Error::NoRuntime`] outside of any actor.
///
/// # Cancel safety
/// Cancel safe.
pub async fn query_actor(name: &str) -> Result<Option<Addr>> {
    let actor = try_current_actor()?;
    let mut answers = Answers::to(&actor, name)?;
    while let Some((_, found)) = answers.next().await {
        if let Some(first) = found.into_iter().next() {
            return Ok(Some(first));
        }
    }
    answers.nobody_knows().map(|()| None)
}

/// All actors that are registered with the registrars of this tree. Registrars that do not answer are left out.
///
/// ```
/// # use tractor_core as tractor;
/// # async fn example() -> tractor::Result<()> {
/// for actor in tractor::list_actors().await? {
///     println!("{}: {:?}", actor.uid, actor.addrs);
/// }
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// [`Error::NotFound`] if there is no registrar to ask; [`Error::Unreachable`] when no registrar answers in time
/// ([`Timeouts::registry_answer`](crate::proto::limits::Timeouts::registry_answer)); [`Error::NoRuntime`] outside of
/// any actor.
///
/// # Cancel safety
/// Cancel safe.
pub async fn list_actors() -> Result<Vec<Registered>> {
    let actor = try_current_actor()?;
    let registrars = registrars(&actor, "")?;
    let mut asking = Race::of(registrars.iter().map(|registrar| registrar.all(&actor)));
    let (mut all, mut error) = (BTreeMap::new(), None);
    let mut answered = false;
    while let Some(rows) = asking.next().await {
        match rows {
            Ok(rows) => {
                answered = true;
                all.extend(rows);
            }
            Err(failed) => error = Some(failed),
        }
    }
    match error {
        Some(error) if !answered => Err(error),
        Some(_) | None => Ok(all.into_iter().filter_map(registered).collect()),
    }
}

/// A row as it travels; a uuid has no dot.
fn registered((key, addrs): (String, Vec<WireAddr>)) -> Option<Registered> {
    let (name, uuid) = key.rsplit_once('.')?;
    Some(Registered { uid: Uid::new(name, uuid), addrs: unwired(addrs) })
}

/// The registrars that an actor asks for names. Without registries this is the error of a lookup of `name`.
pub(super) fn registrars(actor: &Actor, name: &str) -> Result<Vec<Registrar>> {
    match actor.registries() {
        [] => Err(NotFound::new(name, Absence::NoRegistry).into()),
        registries => Ok(registries.iter().map(|addr| Registrar::of(actor, addr)).collect()),
    }
}

/// A registrar that an actor asks for names.
#[derive(Debug, Clone)]
pub(super) enum Registrar {
    Ourselves,
    At(Addr),
}

/// A connection to a registrar, kept open or for one query.
#[derive(Debug)]
pub(super) enum Line {
    Kept(Portal),
    Own(Connection),
}

impl Line {
    pub(super) fn portal(&self) -> &Portal {
        match self {
            Self::Kept(portal) => portal,
            Self::Own(connection) => &connection.0,
        }
    }
}

impl Registrar {
    fn of(actor: &Actor, addr: &Addr) -> Self {
        if actor.is_registrar_at(addr) { Self::Ourselves } else { Self::At(addr.clone()) }
    }

    /// Connects to the registrar at an address, unless this actor is registered over a connection to it.
    pub(super) async fn line(actor: &Actor, addr: &Addr) -> Result<Line, NotMet> {
        match kept(addr) {
            Some(portal) => Ok(Line::Kept(portal)),
            None => dial(actor, addr).await.map(Line::Own),
        }
    }

    async fn ask<T: Payload>(actor: &Actor, addr: &Addr, call: DynCall) -> Result<T> {
        let limit = actor.timeouts().registry_answer;
        let asking = async {
            let line = Self::line(actor, addr).await.map_err(|not_met| not_met.error)?;
            line.portal().run_dyn(call).await
        };
        match timeout(limit, asking).await {
            Ok(Err(lost @ (Error::Closed(_) | Error::Died(_)))) => {
                Err(Unreachable::new(addr.clone(), lost.to_string()).into())
            }
            Ok(answer) => answer,
            Err(_elapsed) => Err(late(addr, limit)),
        }
    }

    pub(super) async fn find(&self, actor: &Actor, name: &str) -> Result<Vec<Addr>> {
        let addr = match self {
            Self::At(addr) => addr,
            Self::Ourselves => {
                let found = NAMES.get().with(|table| table.find(name).map(<[_]>::to_vec));
                return Ok(to_try(found.unwrap_or_default()));
            }
        };
        let call = DynCall::new("self", "find_actor").arg("name", name.to_owned());
        let found: Option<Vec<WireAddr>> = Self::ask(actor, addr, call).await?;
        Ok(to_try(unwired(found.unwrap_or_default())))
    }

    /// Waits until an actor has a name, even if the registrar ends and another one takes its place.
    pub(super) async fn wait(&self, actor: &Actor, name: &str) -> Result<Vec<Addr>> {
        let addr = match self {
            Self::Ourselves => return Ok(to_try(NAMES.get().all_of(name).await)),
            Self::At(addr) => addr,
        };
        let mut pause = REGISTRAR_PAUSE_MIN;
        loop {
            let error = match Self::line(actor, addr).await {
                Ok(line) => {
                    let call = DynCall::new("self", "wait_for_actor").arg("name", name.to_owned());
                    match line.portal().run_dyn::<Vec<WireAddr>>(call).await {
                        Ok(found) => return Ok(to_try(unwired(found))),
                        Err(error @ (Error::Closed(_) | Error::Died(_) | Error::Cancelled(_))) => error,
                        Err(error) => return Err(error),
                    }
                }
                Err(NotMet { error, is_nobody: true }) => error,
                Err(NotMet { error, is_nobody: false }) => return Err(error),
            };
            tracing::debug!(registry = %addr, "waiting for a registrar that knows `{name}`: {error}");
            sleep(pause).await;
            pause = REGISTRAR_PAUSE_MAX.min(pause * 2);
        }
    }

    async fn all(&self, actor: &Actor) -> Result<BTreeMap<String, Vec<WireAddr>>> {
        let addr = match self {
            Self::At(addr) => addr,
            Self::Ourselves => {
                let row = |(uid, addrs): (&Uid, &[Addr])| {
                    let addrs = addrs.iter().cloned().map(WireAddr).collect();
                    (format!("{}.{}", uid.name(), uid.uuid()), addrs)
                };
                return Ok(NAMES.get().with(|table| table.rows().map(row).collect()));
            }
        };
        Self::ask(actor, addr, DynCall::new("self", "get_registry")).await
    }

    /// Removes an address at which the actor no longer listens.
    pub(super) async fn delete(&self, actor: &Actor, stale: &Addr) {
        let registry = match self {
            Self::At(registry) => registry,
            Self::Ourselves => {
                NAMES.get().with(|table| table.delete_addr(stale, OURSELVES));
                return;
            }
        };
        let call = DynCall::new("self", "delete_addr").arg("addr", WireAddr(stale.clone()));
        match Self::ask::<Option<(String, String)>>(actor, registry, call).await {
            Ok(Some((name, uuid))) => {
                tracing::warn!(
                    "{} no longer listens at {stale}, so the registry has deleted the address",
                    Uid::new(name, uuid)
                );
            }
            Ok(None) => {}
            Err(error) => {
                tracing::warn!("no process listens at {stale}, but the registry has not deleted it: {error}")
            }
        }
    }
}

fn late(addr: &Addr, limit: Duration) -> Error {
    Unreachable::new(addr.clone(), format!("no answer within {limit:?} (`Timeouts::registry_answer`)")).into()
}

fn unwired(addrs: Vec<WireAddr>) -> Vec<Addr> {
    addrs.into_iter().map(|WireAddr(addr)| addr).collect()
}

/// The addresses that a registrar has for a name, the latest first, in the order in which they are tried.
fn to_try(mut addrs: Vec<Addr>) -> Vec<Addr> {
    addrs.drain(..addrs.len().saturating_sub(ADDRS_TRIED_MAX));
    by_preference(addrs, is_ours)
}

/// Whether an interface of this host has this address, so that one can listen on it.
pub(super) fn is_ours(ip: IpAddr) -> bool {
    UdpSocket::bind((ip, 0)).is_ok()
}

/// The answers of all registrars of an actor to a name, in the order in which they come.
pub(super) struct Answers<'a> {
    asking: Race<'a, (Registrar, Result<Vec<Addr>>)>,
    answered: bool,
    error: Option<Error>,
}

impl<'a> Answers<'a> {
    /// Asks which actor has a name now.
    pub(super) fn to(actor: &'a Actor, name: &'a str) -> Result<Self> {
        check_name(name).map_err(|problem| NotFound::new(name, Absence::BadName(problem)))?;
        let asking = registrars(actor, name)?.into_iter().map(async move |registrar| {
            let found = registrar.find(actor, name).await;
            (registrar, found)
        });
        Ok(Self { asking: Race::of(asking), answered: false, error: None })
    }

    /// The next answer: the addresses of the actor with the name, in the order in which they are tried.
    pub(super) async fn next(&mut self) -> Option<(Registrar, Vec<Addr>)> {
        loop {
            match self.asking.next().await? {
                (registrar, Ok(found)) => {
                    self.answered = true;
                    return Some((registrar, found));
                }
                (_, Err(error)) => self.error = Some(error),
            }
        }
    }

    /// After the last answer: an error if no registrar has answered.
    pub(super) fn nobody_knows(self) -> Result<()> {
        match self.error {
            Some(error) if !self.answered => Err(error),
            Some(_) | None => Ok(()),
        }
    }
}
