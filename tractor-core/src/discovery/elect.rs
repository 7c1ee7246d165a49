//! Decides whether a root becomes the registrar: the root connects to its registries, and binds these addresses if
//! there is no listener.
//!
//! If many roots start at once, all may find no listener. They bind in one order, so that one is first at the first
//! address, and the others look again.

use std::io::{self, ErrorKind};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};

use tokio::time::{Instant, sleep, timeout_at};

use super::race::Race;
use crate::error::{Error, RuntimeFailure};
use crate::net::{self, HandshakeError, Introduction, Listener, bind, introduce};
use crate::proto::addr::Addr;
use crate::proto::handshake::{Policy, Role as Side};
use crate::proto::id::{Aid, Uid};
use crate::proto::limits::{Limits, PROBE_ATTEMPT, PROBE_TOTAL};
use crate::proto::registry::{Attempt, Next, Probe, Refusal, Role, Standing, check_name, elect as decide};

/// How often a root looks again after another root was faster.
const ROUNDS_MAX: usize = 5;
/// File of the default registry.
const REGISTRY_FILE: &str = "registry@1616.sock";

/// The default address of a registry on this host: a Unix socket in a directory that only this user can access. All
/// programs of a user that use it *share one set of names*: if a program runs twice, the actors of one instance find
/// those of the other. For names within one tree use [`socket_addr`](crate::socket_addr).
///
/// # Errors
/// [`Error::Runtime`] when the directory's path is no UTF-8.
pub fn default_registry() -> Result<Addr, Error> {
    let dir = net::runtime_dir();
    match dir.to_str() {
        Some(dir) => Ok(Addr::Uds { dir: dir.to_owned(), file: REGISTRY_FILE.to_owned() }),
        None => Err(RuntimeFailure::new("the runtime directory's path is no UTF-8").into()),
    }
}

/// A root that is about to start.
#[derive(Debug)]
pub(crate) struct Candidate<'a> {
    pub(crate) name: &'a str,
    pub(crate) limits: &'a Limits,
    pub(crate) bind: &'a [Addr],
    pub(crate) registries: &'a [Addr],
    /// It must become the registrar.
    pub(crate) ensure: bool,
    /// It lets strangers in, over TCP.
    pub(crate) is_open: bool,
}

/// The outcome of the election. The root is the registrar if it listens at a registry.
#[derive(Debug)]
pub(crate) struct Elected {
    pub(crate) registries: Vec<Addr>,
    /// Bound listeners that have not accepted a peer yet.
    pub(crate) listeners: Vec<Listener>,
}

/// Decides whether a root becomes the registrar, and binds its addresses.
pub(crate) async fn elect(candidate: Candidate<'_>) -> Result<Elected, Error> {
    let Candidate { name, limits, bind, registries, ensure, is_open } = candidate;
    if ensure && registries.is_empty() {
        return Err(RuntimeFailure::new("`ensure_registry` asks for a registry: name its address").into());
    }
    if !registries.is_empty() {
        check_name(name).map_err(failure)?;
    }
    let mut in_order = registries.to_vec();
    in_order.sort_by_cached_key(ToString::to_string);
    in_order.dedup();
    for addr in &in_order {
        addr.check_registrable().map_err(|error| failure(format!("a registry is named: {error}")))?;
    }
    for round in 1.. {
        let standings = probe_all(registries, limits).await;
        let role = match decide(&standings, ensure) {
            Ok(role) => role,
            // The faster root does not accept peers yet.
            Err(Refusal::Occupied(_)) if round > 1 && round < ROUNDS_MAX => continue,
            Err(refusal) => return Err(failure(refusal)),
        };
        let elected = match role {
            Role::Plain { registries } => {
                let own = if bind.is_empty() { own_addrs(name, &registries)? } else { bind.to_vec() };
                let listeners = bind_all(name, &own, is_open).await.map_err(|(_, error)| error)?;
                Elected { registries, listeners }
            }
            Role::Registrar => {
                let others = bind.iter().filter(|addr| !in_order.contains(addr));
                let own: Vec<_> = in_order.iter().chain(others).cloned().collect();
                match bind_all(name, &own, is_open).await {
                    Ok(listeners) => Elected { registries: registries.to_vec(), listeners },
                    // Another root was faster, and is the registrar by now, or about to be.
                    Err((ErrorKind::AddrInUse, _)) if !in_order.is_empty() && round < ROUNDS_MAX => continue,
                    Err((_, error)) => return Err(error),
                }
            }
        };
        return Ok(elected);
    }
    unreachable!("the last round returns")
}

fn failure(text: impl ToString) -> Error {
    RuntimeFailure::new(text.to_string()).into()
}

/// Refuses an address beyond this host for an actor that lets strangers in.
fn check_open(addr: &Addr, is_open: bool) -> Result<(), Error> {
    match addr {
        Addr::Tcp(tcp) if is_open && !tcp.ip().to_canonical().is_loopback() => {
            let text = format!(
                "{addr} leads beyond this host, where peers must prove who they are: use a loopback address, or leave \
                 out `allow_unauthenticated_peers`"
            );
            Err(failure(text))
        }
        Addr::Tcp(_) | Addr::Uds { .. } => Ok(()),
    }
}

/// Binds addresses of an actor, all or none. `is_open`: it lets strangers in, over TCP.
pub(crate) async fn bind_all(
    name: &str,
    addrs: &[Addr],
    is_open: bool,
) -> Result<Vec<Listener>, (ErrorKind, Error)> {
    let mut listeners = Vec::with_capacity(addrs.len());
    for addr in addrs {
        check_open(addr, is_open).map_err(|error| (ErrorKind::PermissionDenied, error))?;
        let listener = bind(addr).await.map_err(|error| {
            (error.kind(), failure(format!("actor `{name}` cannot listen on {addr}: {error}")))
        })?;
        listeners.push(listener);
    }
    Ok(listeners)
}

/// Addresses for an actor that every actor can reach that reaches its registries.
pub(crate) fn own_addrs(name: &str, registries: &[Addr]) -> Result<Vec<Addr>, Error> {
    let mut own = Vec::new();
    for registry in registries {
        let addr = match registry {
            Addr::Uds { .. } => socket(name)?,
            Addr::Tcp(registry) => Addr::Tcp(SocketAddr::new(ip_towards(*registry).map_err(failure)?, 0)),
        };
        if !own.contains(&addr) {
            own.push(addr);
        }
    }
    if own.is_empty() {
        own.push(socket(name)?);
    }
    Ok(own)
}

fn socket(name: &str) -> Result<Addr, Error> {
    net::default_uds(name, std::process::id()).map_err(failure)
}

/// The address of this host on the route to another host. Sends no packet.
fn ip_towards(other: SocketAddr) -> io::Result<IpAddr> {
    if other.ip().is_loopback() {
        return Ok(other.ip());
    }
    let any =
        if other.is_ipv4() { IpAddr::V4(Ipv4Addr::UNSPECIFIED) } else { IpAddr::V6(Ipv6Addr::UNSPECIFIED) };
    let socket = UdpSocket::bind((any, 0))?;
    socket.connect(other)?;
    Ok(socket.local_addr()?.ip())
}

// ---- Probing -----------------------------------------------------------------------------------------------------

async fn probe_all(registries: &[Addr], limits: &Limits) -> Vec<(Addr, Standing)> {
    let end = Instant::now() + PROBE_TOTAL;
    let mut probing =
        Race::of(registries.iter().map(async |addr| (addr.clone(), probe(addr, limits, end).await)));
    let mut standings = Vec::with_capacity(registries.len());
    while let Some(standing) = probing.next().await {
        standings.push(standing);
    }
    // In the order in which they were named.
    standings.sort_by_key(|(addr, _)| registries.iter().position(|named| named == addr));
    standings
}

/// Probes an address for a registrar.
async fn probe(addr: &Addr, limits: &Limits, end: Instant) -> Standing {
    let mut probe = Probe::default();
    loop {
        let attempt = greet(addr, limits, end.min(Instant::now() + PROBE_ATTEMPT)).await;
        tracing::debug!(%addr, "probed a registry: {attempt:?}");
        match probe.handle(attempt) {
            Next::Stands(standing) => return standing,
            Next::Again { after } if Instant::now() + after < end => sleep(after).await,
            Next::Again { .. } => return probe.out_of_time(),
        }
    }
}

/// One attempt: a handshake without a request.
async fn greet(addr: &Addr, limits: &Limits, end: Instant) -> Attempt {
    let io = match timeout_at(end, net::connect(addr)).await {
        Err(_elapsed) => return Attempt::TimedOut { connected: false },
        Ok(Err(error)) if is_nobody(&error) => return Attempt::Refused,
        Ok(Err(_)) => return Attempt::Failed,
        Ok(Ok(io)) => io,
    };
    let mut ours = Aid::new(Uid::new("registry-probe", uuid::Uuid::new_v4().to_string()));
    ours.pid = Some(std::process::id().into());
    ours.is_probe = true;
    let with = Introduction { ours, role: Side::Connector, policy: Policy::Open, limits };
    match timeout_at(end, introduce(io, with)).await {
        Err(_elapsed) => Attempt::TimedOut { connected: true },
        Ok(Err(HandshakeError::Probed(aid))) => Attempt::Met { is_registrar: aid.is_registrar },
        Ok(Ok(_) | Err(_)) => Attempt::Failed,
    }
}

/// Whether the error means that no process listens at an address.
fn is_nobody(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::NotFound
            | ErrorKind::ConnectionRefused
            | ErrorKind::HostUnreachable
            | ErrorKind::NetworkUnreachable
            | ErrorKind::AddrNotAvailable
    )
}
