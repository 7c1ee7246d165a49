//! A handle on an actor that travels: [`ActorRef`].

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

/// A handle on an actor that may be given to anybody: an argument, a payload, a field of any serde type. Whoever gets
/// it asks it for a [`portal`](Self::portal), and needs to know neither address nor name.
///
/// | made by | names |
/// | --- | --- |
/// | [`Portal::actor_ref`], [`Actor::actor_ref`] | one process: that very one is reached, or nobody |
/// | [`Supervised::actor_ref`] | a supervised child: whichever process of it lives |
/// | [`ActorRef::named`] | whoever is registered under a name |
///
/// There is no secret in it, and it gives no rights: who may connect, and what may be called, is for the other actor to
/// say as always. But whoever makes a handle chooses the addresses in it, and to use it is to connect there, and to say
/// there who one is. So take none from whom you do not trust. It is good for actors of this host, and for those who are
/// reached over TCP. Two handles are equal if they name the same actor in the same way.
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
    /// Whichever process of a supervised child lives; `child` is its number at the actor that supervises it.
    Supervised { name: String, child: u64, by: Place },
    /// Whoever is registered under it.
    Name(String),
}

impl ActorRef {
    /// A portal to the actor, over a connection that is there, or a new one. Who answers there has proved to be the
    /// one that is named.
    ///
    /// * One process is reached as long as it lives.
    /// * A supervised child is asked for at the actor that supervises it. While it has no process, because it is
    ///   being restarted, this waits. If that actor is gone, the registrar is asked, where there is one, for whoever
    ///   has the name now.
    /// * A name is asked for at the registrar. This does not wait until somebody has it:
    ///   [`wait_for_actor`](crate::wait_for_actor) does.
    ///
    /// The portal belongs to one process. A call that meets its death fails, and is not repeated;
    /// [`is_retryable`](Error::is_retryable) says that it certainly has not run. Ask again then.
    ///
    /// The connection stays open, and is used for further portals, as long as both actors live. Of those that nobody
    /// has a portal to, and on which nothing is open, an actor keeps the last
    /// [`LINES_KEPT_MAX`](crate::proto::limits::LINES_KEPT_MAX).
    ///
    /// ```
    /// # use tractor_core::{self as tractor, ActorRef, DynCall};
    /// /// Asks until it is answered, and never twice for the same.
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
    /// * [`Error::NotFound`]: that process has ended, or the supervised child has for good
    ///   ([`Absence::Ended`](crate::error::Absence::Ended)); or nobody is found by name, as with
    ///   [`find_actor`](crate::find_actor);
    /// * [`Error::Died`]: this actor has seen that process die;
    /// * [`Error::Unreachable`]: somebody listens there, and does not let this actor in, or answer;
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

    /// Names whoever is registered under a name, now and later: a daemon, or another actor that everybody knows.
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

    /// What tells it from others.
    fn key(&self) -> (&str, Option<u64>, bool) {
        match &self.0 {
            Target::Process(place) => (&place.uuid, None, true),
            Target::Supervised { child, by, .. } => (&by.uuid, Some(*child), true),
            Target::Name(name) => (name, None, false),
        }
    }
}

/// Whoever is registered under a name.
async fn registered(actor: &Actor, name: &str) -> Result<Portal> {
    match kept(actor, name) {
        Some(portal) => Ok(portal),
        None => Ok(keep(find_registered(actor, name).await?).await),
    }
}

/// The process that lives of a supervised child.
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
            // That is about to be noticed where it is supervised.
            Err(Missed::Gone(_)) => {
                sleep(pause).await;
                pause = GONE_PAUSE_MAX.min(pause * 2);
            }
            Err(Missed::Not(error)) => return Err(error),
        }
    }
}

/// Who has the name of a child whose supervising actor cannot be asked.
async fn successor(actor: &Actor, name: &str, error: Error) -> Result<Portal> {
    if !actor.registries().is_empty() {
        return registered(actor, name).await;
    }
    match error {
        Error::Unreachable(_) => Err(error),
        gone => Err(NotFound::ended(name, format!("the actor that supervised it has, too: {gone}")).into()),
    }
}

impl Portal {
    /// A handle on the actor at the other end that may be given to anybody. It names that very process.
    ///
    /// An actor that listens nowhere is told to, at an address of its own.
    ///
    /// # Errors
    /// As [`run`](Self::run); [`Error::Remote`] where the actor cannot listen, or speaks the base protocol alone.
    ///
    /// # Cancel safety
    /// Cancel safe.
    pub async fn actor_ref(&self) -> Result<ActorRef> {
        Ok(ActorRef(Target::Process(Place::of(self).await?)))
    }
}

impl Actor {
    /// A handle on this actor that may be given to anybody. It names this very process.
    ///
    /// Where the actor listens nowhere, it begins to, at an address of its own.
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
    /// A handle on this child, through all its restarts, that may be given to anybody.
    ///
    /// It leads to the supervising actor, which is asked for the process that lives. That one has to be reached, too:
    /// where it listens nowhere, it begins to.
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

/// The name, and the first characters of the uuid where it names one process.
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
