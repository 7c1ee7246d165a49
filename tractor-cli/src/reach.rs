//! Reaching a registry and its actors, and the errors when that fails.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::time::Duration;

use serde_json::{Value as Json, json};
use tokio::net::{TcpStream, UnixStream};
use tokio::time::timeout;
use tractor_core::proto::addr::Addr;
use tractor_core::proto::id::{Aid, Caps, Escaped, Uid};
use tractor_core::proto::registry::WireAddr;
use tractor_core::{DynCall, Error, Portal, connect};

use crate::exit::{Failure, Kind};

/// Time that a registry or an actor has to answer.
pub(crate) const ANSWER: Duration = Duration::from_secs(2);

/// The library of an actor, as its first frame suggests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Library {
    Rust,
    /// It has announced no extension: it speaks the base protocol, as the Python library does.
    Python,
}

impl Library {
    pub(crate) fn of(aid: &Aid) -> Self {
        if aid.caps.is_empty() { Self::Python } else { Self::Rust }
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Rust => "rust",
            Self::Python => "python",
        }
    }
}

/// An actor in the registrar's table.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    pub(crate) uid: Uid,
    pub(crate) addrs: Vec<Addr>,
}

/// A registry that has answered.
#[derive(Debug)]
pub(crate) struct Registry {
    pub(crate) addr: Addr,
    pub(crate) library: Library,
    pub(crate) rows: Vec<Row>,
}

/// The result of connecting to an address, before any message.
#[derive(Debug)]
pub(crate) enum Knock {
    /// A process of our own user listens; its number, if the kernel tells it.
    Open(Option<i32>),
    /// Nothing is there.
    Absent(String),
    /// A socket file is there, but nothing listens.
    Dead,
    /// Something else is there, or it belongs to another user.
    Foreign(String),
}

/// Connects without sending anything.
pub(crate) async fn knock(addr: &Addr) -> Knock {
    let connecting = async {
        match addr {
            Addr::Tcp(addr) => TcpStream::connect(addr).await.map(|_| Knock::Open(None)),
            Addr::Uds { .. } => {
                let path = addr.uds_path().expect("a Unix-socket address has a path");
                UnixStream::connect(path).await.and_then(|stream| stream.peer_cred()).map(|listener| {
                    if listener.uid() == rustix::process::geteuid().as_raw() {
                        Knock::Open(listener.pid())
                    } else {
                        Knock::Foreign(format!("user {} listens there", listener.uid()))
                    }
                })
            }
        }
    };
    let is_socket = matches!(addr, Addr::Uds { .. });
    match timeout(ANSWER, connecting).await {
        Ok(Ok(knock)) => knock,
        Err(_elapsed) => Knock::Absent(format!("no connection within {ANSWER:?}")),
        Ok(Err(error)) => match error.kind() {
            ErrorKind::ConnectionRefused if is_socket => match is_socket_file(addr) {
                true => Knock::Dead,
                false => Knock::Foreign("the file there is not a socket".to_owned()),
            },
            // Its queue is full.
            ErrorKind::WouldBlock => Knock::Open(None),
            ErrorKind::PermissionDenied => Knock::Foreign(error.to_string()),
            _ => Knock::Absent(error.to_string()),
        },
    }
}

fn is_socket_file(addr: &Addr) -> bool {
    use std::os::unix::fs::FileTypeExt;

    let meta = addr.uds_path().and_then(|path| std::fs::metadata(path).ok());
    meta.is_some_and(|meta| meta.file_type().is_socket())
}

/// Fails if there can be no registry at the address.
pub(crate) async fn knock_at_registry(addr: &Addr) -> Result<(), Failure> {
    match knock(addr).await {
        Knock::Open(_) => Ok(()),
        Knock::Absent(why) => {
            let text = format!("no registry at {addr}: nothing listens there ({why})");
            Err(Failure::new(Kind::RegistryAbsent, text))
        }
        Knock::Dead => {
            let text =
                format!("the registry at {addr} is dead: its socket file exists, but its process is gone");
            Err(Failure::new(Kind::RegistryDead, text))
        }
        Knock::Foreign(why) => Err(foreign(addr, &why)),
    }
}

fn foreign(addr: &Addr, why: &str) -> Failure {
    Failure::new(Kind::RegistryForeign, format!("no usable registry at {addr}: {}", Escaped(why)))
}

/// For an actor that requires a proof: the command is not a member of its tree.
pub(crate) const NO_PROOF: &str = "over TCP it requires a proof of its tree's secret, and has closed the connection: \
     use its Unix socket, or set `allow_unauthenticated_peers` in its tree";

/// Whether the actor at the other end asks for a proof.
pub(crate) fn asks_for_proof(portal: &Portal) -> bool {
    portal.aid().caps.contains(Caps::AUTH)
}

/// The table of the registrar at an address.
pub(crate) async fn read_registry(addr: &Addr) -> Result<Registry, Failure> {
    match connect(addr, async |portal| Ok::<_, Error>(table_of(addr, portal).await)).await {
        Ok(table) => table,
        Err(Error::Unreachable(error)) => Err(foreign(addr, error.reason())),
        Err(error) => Err(foreign(addr, &error.to_string())),
    }
}

async fn table_of(addr: &Addr, portal: &Portal) -> Result<Registry, Failure> {
    let aid = portal.aid();
    if aid.is_registrar == Some(false) {
        return Err(foreign(addr, &format!("actor {} listens there, and is not a registrar", aid.uid)));
    }
    let call = DynCall::new("self", "get_registry");
    let table = portal.deadline(ANSWER).run_dyn::<BTreeMap<String, Vec<WireAddr>>>(call).await;
    let rows = table.map_err(|error| match error {
        Error::Died(_) | Error::Closed(_) if asks_for_proof(portal) => foreign(addr, NO_PROOF),
        Error::Died(_) | Error::Closed(_) => {
            let text = format!("the registry at {addr} died before it answered: {error}");
            Failure::new(Kind::RegistryDead, text)
        }
        error => foreign(addr, &error.to_string()),
    })?;
    let rows = rows.into_iter().filter_map(|(key, addrs)| {
        // A uuid has no dot.
        let (name, uuid) = key.rsplit_once('.')?;
        let mut addrs: Vec<_> = addrs.into_iter().map(|WireAddr(addr)| addr).collect();
        addrs.sort_by_key(|addr| matches!(addr, Addr::Tcp(_)));
        Some(Row { uid: Uid::new(name, uuid), addrs })
    });
    Ok(Registry { addr: addr.clone(), library: Library::of(aid), rows: rows.collect() })
}

impl Registry {
    pub(crate) fn to_json(&self) -> Json {
        json!({ "addr": self.addr.to_string(), "library": self.library.name() })
    }

    /// The one actor with a name, a uuid, or both.
    pub(crate) fn find(&self, name: &str) -> Result<&Row, Failure> {
        let is_it = |row: &&Row| {
            let (own, uuid) = (row.uid.name(), row.uid.uuid());
            own == name
                || uuid == name
                || name.strip_suffix(uuid).and_then(|rest| rest.strip_suffix('.')) == Some(own)
        };
        let found: Vec<_> = self.rows.iter().filter(is_it).collect();
        let (library, addr) = (self.library.name(), &self.addr);
        let shown = Escaped(name);
        match found[..] {
            [one] => Ok(one),
            [] => {
                let text = format!("no actor is registered as `{shown}` at the {library} registry {addr}");
                Err(Failure::new(Kind::NoSuchActor, text))
            }
            _ => {
                let uuids: Vec<_> = found.iter().map(|row| row.uid.uuid()).collect();
                let uuids = uuids.join(", ");
                let text = format!(
                    "{} actors have the name `{shown}`: choose one by its uuid, {uuids}",
                    found.len()
                );
                Err(Failure::new(Kind::NoSuchActor, text))
            }
        }
    }
}

/// Connects to a registered actor, at the first of its addresses where it answers.
pub(crate) async fn meet<T>(
    row: &Row,
    body: impl AsyncFn(&Portal) -> Result<T, Failure>,
) -> Result<T, Failure> {
    let mut why = "it has no address".to_owned();
    for addr in &row.addrs {
        let met = connect(addr, async |portal| {
            let is_it = portal.uid() == &row.uid;
            Ok::<_, Error>(if is_it { Ok(body(portal).await) } else { Err(portal.uid().clone()) })
        });
        match met.await {
            Ok(Ok(done)) => return done,
            Ok(Err(other)) => why = format!("{other} listens at {addr} now"),
            Err(error) => why = error.to_string(),
        }
    }
    Err(Failure::new(Kind::ActorLost, format!("actor {} cannot be reached: {why}", row.uid)))
}
