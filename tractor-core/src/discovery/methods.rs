//! Methods of the runtime that may wait. Every actor has those that handles use; a registrar has those of the base
//! protocol. They are ordinary endpoints: they can be cancelled, and their data counts towards the actor's memory
//! budget.

use std::collections::BTreeMap;

use super::given;
use super::listen::addrs_of;
use super::names::{NAMES, by};
use super::reach::{LISTEN, Place};
use crate::actor::{EndpointEntry, current_actor, current_peer};
use crate::api::{Endpoint, EndpointBody, EndpointResult, FnEndpoint};
use crate::error::{EndpointError, RuntimeFailure};
use crate::proto::addr::Addr;
use crate::proto::id::Uid;
use crate::proto::registry::{WireAddr, check_name};

/// The methods of every actor.
pub(crate) static METHODS: [EndpointEntry; 2] =
    [EndpointEntry::func::<Listen>(), EndpointEntry::func::<FindSupervised>()];

/// The further methods of a registrar.
pub(crate) static METHODS_OF_REGISTRARS: [EndpointEntry; 6] = [
    EndpointEntry::func::<RegisterActor>(),
    EndpointEntry::func::<UnregisterActor>(),
    EndpointEntry::func::<FindActor>(),
    EndpointEntry::func::<WaitForActor>(),
    EndpointEntry::func::<GetRegistry>(),
    EndpointEntry::func::<DeleteAddr>(),
];

/// Name and uuid, as on the wire.
type WireUid = (String, String);

/// Declares a method: its type and its function.
macro_rules! method {
    ($(#[$doc:meta])* $endpoint:ident = $name:expr, ($($arg:ident: $ty:ty),*) -> $returns:ty, $body:expr) => {
        $(#[$doc])*
        enum $endpoint {}

        impl Endpoint for $endpoint {
            const MODULE: &'static str = "self";
            const NAME: &'static str = $name;
            const ARGS: &'static [&'static str] = &[$(stringify!($arg)),*];
            type Args = ($($ty,)*);
            type Returns = $returns;
            type Output = Result<$returns, EndpointError>;
        }

        impl FnEndpoint for $endpoint {}

        impl EndpointBody for $endpoint {
            type Lead = ();

            async fn run((): (), ($($arg,)*): Self::Args) -> Self::Output {
                $body.await
            }

            fn outcome(output: Self::Output) -> EndpointResult<Self> {
                output
            }
        }
    };
}

method! {
    /// The addresses of this actor, which begins to listen if it does not.
    Listen = LISTEN, () -> Vec<Addr>, listen()
}
method! {
    /// Where the current process of a supervised child listens, or why there will be no further process.
    FindSupervised = given::FIND_SUPERVISED, (child: u64) -> Result<Place, String>, find_supervised(child)
}
method! {
    /// Adds an address of the calling actor.
    RegisterActor = "register_actor", (uid: WireUid, addr: WireAddr) -> (), register(uid, addr)
}
method! {
    /// Removes the row of the calling actor.
    UnregisterActor = "unregister_actor", (uid: WireUid) -> (), unregister(uid)
}
method! {
    /// The addresses of the first actor with this name or uuid.
    FindActor = "find_actor", (name: String) -> Option<Vec<WireAddr>>, find(name)
}
method! {
    /// The addresses of all actors with this name, once there is one.
    WaitForActor = "wait_for_actor", (name: String) -> Vec<WireAddr>, wait(name)
}
method! {
    /// The addresses of all actors, by `name.uuid`.
    GetRegistry = "get_registry", () -> BTreeMap<String, Vec<WireAddr>>, all()
}
method! {
    /// Removes an address without a listener; returns its actor.
    DeleteAddr = "delete_addr", (addr: WireAddr) -> Option<WireUid>, delete(addr)
}

/// Refuses a stranger: the method is for actors of this tree and user.
fn only_members() -> Result<(), EndpointError> {
    if current_peer().is_some_and(|peer| peer.is_member) {
        return Ok(());
    }
    Err(EndpointError::new(RuntimeFailure::new("this is only for actors that know the secret of the tree")))
}

async fn listen() -> Result<Vec<Addr>, EndpointError> {
    only_members()?;
    addrs_of(&current_actor()).await.map_err(EndpointError::new)
}

async fn find_supervised(child: u64) -> Result<Result<Place, String>, EndpointError> {
    only_members()?;
    Ok(given::place(child).await)
}

/// Refuses a request about another actor than the caller.
fn only_itself((name, uuid): WireUid, asks: &Uid) -> Result<(), EndpointError> {
    if uuid == asks.uuid() && name == asks.name() {
        return Ok(());
    }
    let text = format!("{asks} asks for {}: an actor registers itself, and no other", Uid::new(name, uuid));
    Err(EndpointError::new(RuntimeFailure::new(text)))
}

async fn register(uid: WireUid, addr: WireAddr) -> Result<(), EndpointError> {
    let peer = current_peer().expect("it runs as a request of a peer");
    only_itself(uid, &peer.aid.uid)?;
    NAMES.get().add_peer(&current_actor(), &peer, addr.0).map_err(|refused| {
        tracing::debug!(peer = %peer.aid.uid, "refused to register the peer: {refused}");
        EndpointError::new(RuntimeFailure::new(refused.to_string()))
    })
}

async fn unregister(uid: WireUid) -> Result<(), EndpointError> {
    let peer = current_peer().expect("it runs as a request of a peer");
    only_itself(uid, &peer.aid.uid)?;
    if !NAMES.get().with(|table| table.unregister(&peer.aid.uid, by(&peer))) {
        tracing::debug!(peer = %peer.aid.uid, "the peer asks to be unregistered, but is not registered");
    }
    Ok(())
}

fn checked(name: &str) -> Result<(), EndpointError> {
    check_name(name).map_err(|problem| EndpointError::new(RuntimeFailure::new(problem.to_string())))
}

fn wired(addrs: impl IntoIterator<Item = Addr>) -> Vec<WireAddr> {
    addrs.into_iter().map(WireAddr).collect()
}

async fn find(name: String) -> Result<Option<Vec<WireAddr>>, EndpointError> {
    checked(&name)?;
    Ok(NAMES.get().with(|table| table.find(&name).map(|addrs| wired(addrs.iter().cloned()))))
}

async fn wait(name: String) -> Result<Vec<WireAddr>, EndpointError> {
    checked(&name)?;
    Ok(wired(NAMES.get().all_of(&name).await))
}

async fn all() -> Result<BTreeMap<String, Vec<WireAddr>>, EndpointError> {
    let row = |(uid, addrs): (&Uid, &[Addr])| {
        (format!("{}.{}", uid.name(), uid.uuid()), wired(addrs.iter().cloned()))
    };
    Ok(NAMES.get().with(|table| table.rows().map(row).collect()))
}

async fn delete(addr: WireAddr) -> Result<Option<WireUid>, EndpointError> {
    let peer = current_peer().expect("it runs as a request of a peer");
    let whose = NAMES.get().with(|table| table.delete_addr(&addr.0, by(&peer)));
    Ok(whose.map(|uid| (uid.name().to_owned(), uid.uuid().to_owned())))
}
