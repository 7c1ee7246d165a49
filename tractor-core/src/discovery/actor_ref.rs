//! [`ActorRef`]: a handle of an actor that may be sent to other actors.

use std::fmt;
use std::hash::{Hash, Hasher};

use serde::{Deserialize, Deserializer, Serialize, de};
use tokio::time::sleep;

use super::find::find_registered;
use super::given::{self, FIND_SUPERVISED};
use super::listen::addrs_of;
use super::reach::{GONE_PAUSE, GONE_PAUSE_MAX, Missed, Place, keep, kept, reach};
use crate::actor::{Actor, try_current_actor};
use crate::api::{DynCall, Portal};
use crate::error::{Error, NotFound, Result};
use crate::proto::addr::Addr;
use crate::proto::id::Escaped;
use crate::proto::limits::NAME_BYTES_MAX;
use crate::restart::Supervised;
use crate::session::in_order;

/// A handle of an actor that may be sent to any other actor: as an argument, a payload, or a field of any serde type.
/// The receiver gets a [`portal`](Self::portal) from it, and needs to know neither address nor name.
///
/// | made by | names |
/// | --- | --- |
/// | [`Portal::actor_ref`], [`Actor::actor_ref`] | one process |
/// | [`Supervised::actor_ref`] | a supervised child: its current process |
/// | [`ActorRef::named`] | the actor that is registered under a name |
///
/// A handle holds no secret and gives no rights: its actor decides, as always, which actors may connect and which
/// endpoints they may call. But the maker of a handle chooses the addresses in it, and its user connects to them and
/// sends its identity there. So accept handles only from actors that you trust. A handle works for actors on this host,
/// and for actors that are reached over TCP. Two handles are equal if they name the same actor in the same way.
///
/// ```
/// # use tractor_core::{self as tractor, ActorNursery, ActorRef, DynCall};
/// # async fn example(an: &ActorNursery) -> tractor::Result<()> {
/// let kv = an.start_actor("kv").enable_module("store").await?;
/// let client = an.start_actor("client").enable_module("client").await?;
/// let kv: ActorRef = kv.actor_ref().await?;
/// client.run_dyn::<()>(DynCall::new("client", "works_with").arg("kv", kv)).await?;
/// # Ok(())
/// # }
/// // .. and in the client:
/// async fn works_with(kv: ActorRef) -> tractor::Result<Option<String>> {
///     let kv = kv.portal().await?;
///     kv.run_dyn(DynCall::new("store", "get").arg("key", "colour")).await
/// }
/// ```
#[derive(Clone, Serialize)]
#[serde(transparent)]
pub struct ActorRef(Target);

#[derive(Clone, Serialize, Deserialize)]
enum Target {
    /// One process.
    Process(Place),
    /// The current process of a supervised child; `child` is its number at the actor that supervises it.
    Supervised { name: String, child: u64, by: Place },
    /// The actor that is registered under the name.
    Name(String),
}

impl ActorRef {
    /// A portal to the actor, over an existing connection or a new one. The identity of the actor that answers is
    /// checked.
    ///
    /// * A handle of one process reaches it as long as it lives.
    /// * For a supervised child, this asks the actor that supervises it, and waits while the child is being restarted.
    ///   If that actor is gone, this asks the registrar, if there is one, for the actor that has the name now.
    /// * For a name, this asks the registrar. It does not wait until an actor has the name:
    ///   [`wait_for_actor`](crate::wait_for_actor) does.
    ///
    /// The portal leads to one process. When that process dies, calls fail and are not repeated. If
    /// [`is_retryable`](Error::is_retryable), the call has certainly not run: get a new portal and call again.
    ///
    /// The connection stays open for further portals, as long as both actors live. A connection without a portal or an
    /// open dialog is idle; an actor keeps the last 64 idle ones.
    ///
    /// ```
    /// # use tractor_core::{self as tractor, ActorRef, DynCall};
    /// /// Repeats the call until an answer comes, and never runs it twice.
    /// async fn answer(oracle: &ActorRef) -> tractor::Result<u64> {
    ///     loop {
    ///         let portal = oracle.portal().await?;
    ///         match portal.run_dyn(DynCall::new("oracle", "answer")).await {
    ///             Err(error) if error.is_retryable() => continue,
    ///             outcome => return outcome,
    ///         }
    ///     }
    /// }
    /// ```
    ///
    /// # Errors
    /// * [`Error::NotFound`]: that process has ended, or the supervised child has ended for good
    ///   ([`Absence::Ended`](crate::error::Absence::Ended)); or no actor is found by name, as with
    ///   [`find_actor`](crate::find_actor);
    /// * [`Error::Died`]: this actor has seen that process die;
    /// * [`Error::Unreachable`]: the address is in use, but its listener does not answer, or does not let this actor
    ///   in;
    /// * in the actor that supervises a child, the errors of [`Supervised::portal`];
    /// * [`Error::NoRuntime`] outside of any actor.
    ///
    /// # Cancel safety
    /// Cancel safe.
    pub async fn portal(&self) -> Result<Portal> {
        let actor = try_current_actor()?;
        let found = match &self.0 {
            Target::Process(place) => reach(&actor, place).await.map_err(|missed| missed.error(place)),
            Target::Supervised { name, child, by } => supervised(&actor, name, *child, by).await,
            Target::Name(name) => registered(&actor, name).await,
        };
        in_order(found).await
    }

    /// A handle of the actor that has this name when [`portal`](Self::portal) is called: a daemon, or another
    /// well-known actor.
    ///
    /// ```
    /// # use tractor_core::{self as tractor, ActorRef, DynCall};
    /// # async fn example() -> tractor::Result<()> {
    /// let oracle = ActorRef::named("oracle");
    /// let portal = oracle.portal().await?;
    /// let answer = DynCall::new("oracle", "answer");
    /// let answer: u64 = portal.run_dyn(answer).await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn named(name: impl Into<String>) -> Self {
        Self(Target::Name(name.into()))
    }

    /// The name of the actor.
    pub fn name(&self) -> &str {
        match &self.0 {
            Target::Process(Place { name, .. }) | Target::Supervised { name, .. } | Target::Name(name) => {
                name
            }
        }
    }

    /// The identity of the target.
    fn key(&self) -> (&str, Option<u64>, bool) {
        match &self.0 {
            Target::Process(place) => (&place.uuid, None, true),
            Target::Supervised { child, by, .. } => (&by.uuid, Some(*child), true),
            Target::Name(name) => (name, None, false),
        }
    }
}

/// The actor that is registered under a name.
async fn registered(actor: &Actor, name: &str) -> Result<Portal> {
    match kept(actor, name) {
        Some(portal) => Ok(portal),
        None => Ok(keep(find_registered(actor, name).await?).await),
    }
}

/// The current process of a supervised child.
async fn supervised(actor: &Actor, name: &str, child: u64, by: &Place) -> Result<Portal> {
    if by.uuid == actor.uid().uuid() {
        return match given::child(child) {
            Some(child) => child.portal().await,
            None => Err(NotFound::ended(name, given::NO_MORE).into()),
        };
    }
    let mut pause = GONE_PAUSE;
    loop {
        let asked = match reach(actor, by).await {
            Ok(supervising) => {
                let call = DynCall::new("self", FIND_SUPERVISED).arg("child", child);
                supervising.run_dyn::<Result<Place, String>>(call).await
            }
            Err(missed) => Err(missed.error(by)),
        };
        let place = match asked {
            Ok(Ok(place)) => place,
            Ok(Err(why)) => return Err(NotFound::ended(name, why).into()),
            Err(
                error @ (Error::Cancelled(_)
                | Error::Closed(_)
                | Error::Died(_)
                | Error::NotFound(_)
                | Error::Unreachable(_)),
            ) => return successor(actor, name, error).await,
            Err(error) => return Err(error),
        };
        match reach(actor, &place).await {
            Ok(portal) => return Ok(portal),
            // The supervisor is about to notice the end.
            Err(Missed::Gone(_)) => {
                sleep(pause).await;
                pause = GONE_PAUSE_MAX.min(pause * 2);
            }
            Err(Missed::Not(error)) => return Err(error),
        }
    }
}

/// The actor that has the name of a child whose supervising actor cannot be asked.
async fn successor(actor: &Actor, name: &str, error: Error) -> Result<Portal> {
    if !actor.registries().is_empty() {
        return registered(actor, name).await;
    }
    match error {
        Error::Unreachable(_) => Err(error),
        gone => Err(NotFound::ended(name, format!("its supervising actor is gone: {gone}")).into()),
    }
}

impl Portal {
    /// A handle of the process at the other end, which may be sent to any actor.
    ///
    /// If the actor does not listen yet, it begins to listen at an address of its own.
    ///
    /// # Errors
    /// As [`run`](Self::run); [`Error::Remote`] if the actor cannot listen, or speaks only the base protocol.
    ///
    /// # Cancel safety
    /// Cancel safe.
    pub async fn actor_ref(&self) -> Result<ActorRef> {
        Ok(ActorRef(Target::Process(Place::of(self).await?)))
    }
}

impl Actor {
    /// A handle of this process, which may be sent to any actor.
    ///
    /// If the actor does not listen yet, it begins to listen at an address of its own.
    ///
    /// ```
    /// # use tractor_core::{self as tractor, DynCall, Portal};
    /// # async fn example(hub: &Portal) -> tractor::Result<()> {
    /// let me = tractor::current_actor().actor_ref().await?;
    /// hub.run_dyn::<()>(DynCall::new("hub", "call_back").arg("whom", me)).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`Error::Runtime`] when the address cannot be bound.
    ///
    /// # Cancel safety
    /// Cancel safe.
    pub async fn actor_ref(&self) -> Result<ActorRef> {
        Ok(ActorRef(Target::Process(own_place(self).await?)))
    }
}

impl Supervised {
    /// A handle of this child, through all its restarts. It may be sent to any actor.
    ///
    /// The holder asks the supervising actor for the child's current process. If the child or the supervising actor
    /// does not listen yet, it begins to listen.
    ///
    /// ```no_run
    /// # use tractor_core::{self as tractor, ActorNursery, DynCall, Portal, Supervision};
    /// # async fn example(an: &ActorNursery, client: &Portal) -> tractor::Result<()> {
    /// let stores = an.supervise(Supervision::one_for_one());
    /// let kv = stores.child("kv", |child| child.enable_module("store")).await?;
    /// let works_with = DynCall::new("client", "works_with");
    /// let works_with = works_with.arg("kv", kv.actor_ref().await?);
    /// client.run_dyn::<()>(works_with).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`Error::Runtime`] when the address cannot be bound.
    ///
    /// # Cancel safety
    /// Cancel safe.
    pub async fn actor_ref(&self) -> Result<ActorRef> {
        let actor = self.supervising().clone();
        let by = own_place(&actor).await?;
        let child = actor.enter(async { given::number(self) }).await;
        Ok(ActorRef(Target::Supervised { name: self.name().to_owned(), child, by }))
    }
}

async fn own_place(actor: &Actor) -> Result<Place> {
    let addrs: Vec<Addr> = actor.enter(addrs_of(actor)).await?;
    Ok(Place::new(actor.uid(), addrs))
}

impl<'de> Deserialize<'de> for ActorRef {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let target = Target::deserialize(deserializer)?;
        let name = Self(target);
        if name.name().len() > NAME_BYTES_MAX {
            let text = format!("an actor's name has at most {NAME_BYTES_MAX} bytes (`NAME_BYTES_MAX`)");
            return Err(de::Error::custom(text));
        }
        Ok(name)
    }
}

impl PartialEq for ActorRef {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}

impl Eq for ActorRef {}

impl Hash for ActorRef {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.key().hash(state);
    }
}

/// The name, and the first characters of the uuid if the handle names one process.
impl fmt::Display for ActorRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Target::Process(place) => place.uid().fmt(f),
            Target::Supervised { name, .. } | Target::Name(name) => Escaped(name).fmt(f),
        }
    }
}

impl fmt::Debug for ActorRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ActorRef({self})")
    }
}
