//! A portal to another actor.

use std::any::TypeId;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;
use std::task::Waker;
use std::time::Duration;

use super::call::FnTarget;
use super::cancel::CancelActor;
use super::deadline::Limit;
use super::dynamic::DynCall;
use super::endpoint::Endpoint;
use super::run::Run;
use crate::actor::{self, Actor, ActorReport};
use crate::error::Result;
use crate::proto::addr::Addr;
use crate::proto::args::ArgTuple;
use crate::proto::id::{Aid, Uid};
use crate::proto::msg::FuncType;
use crate::session::{ActorEnd, Deadline, Peer, Request, SessionEnd, Used};

/// A handle on a connection to another actor; it calls the actor's endpoints. Cheap to clone; two handles are equal if
/// they share one connection.
#[derive(Clone)]
pub struct Portal {
    /// Marks the connection as used; an unused one may be closed.
    pub(crate) peer: Arc<Used>,
    /// The limit of every request made through this handle.
    pub(super) limit: Limit,
}

impl Portal {
    pub(crate) fn new(peer: Arc<Peer>) -> Self {
        Self { peer: peer.in_use(), limit: Limit::default() }
    }

    /// Whether there is another portal to this connection, or a call that was not sent yet.
    pub(crate) fn is_shared(&self) -> bool {
        Arc::strong_count(&self.peer) > 1
    }

    /// Runs a function in the actor and waits for its value.
    ///
    /// ```
    /// # use tractor_core::{self as tractor, Call, FnEndpoint, Portal};
    /// # async fn example<E: FnEndpoint<Returns = i64>>(portal: &Portal, add: fn(i64, i64) -> Call<E>)
    /// # -> tractor::Result<()> {
    /// // #[tractor::actor_fn]
    /// // async fn add(a: i64, b: i64) -> i64 { a + b }
    ///
    /// let sum: i64 = portal.run(add(1, 2)).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// Calls are not ordered: if the actor's runtime has several threads, a later call may begin first. Send values
    /// that need an order over one stream.
    ///
    /// # Errors
    /// * [`Error::Remote`](crate::Error::Remote): the function failed, panicked, is not exposed or does not take these
    ///   arguments.
    /// * [`Error::Cancelled`](crate::Error::Cancelled): it was cancelled.
    /// * [`Error::Died`](crate::Error::Died), [`Error::Closed`](crate::Error::Closed): the actor or the connection is
    ///   gone. The death of an unsupervised child drops the body of its nursery, which then does not see this error.
    /// * [`Error::MsgType`](crate::Error::MsgType): a value does not fit its type.
    ///
    /// # Cancel safety
    /// Dropping the future cancels the remote task.
    pub fn run<C: FnTarget>(&self, call: C) -> Run<<C::Endpoint as Endpoint>::Returns> {
        let args = call.into_args();
        Run::new(self.peer.clone(), self.limit, move |peer, deadline, caller| {
            let pld_spec = std::any::type_name::<<C::Endpoint as Endpoint>::Returns>();
            ask::<C::Endpoint>(peer, FuncType::AsyncFunc, pld_spec, deadline, Some(caller), &args)
        })
    }

    /// A handle on the same actor whose requests must each end within this much time from their start.
    ///
    /// For a function it is the same as [`Run::deadline`]; for a context or a stream it limits the whole scope: its
    /// opening, its body, and the wait for its end. [`with_deadline`](crate::with_deadline) tells what happens when the
    /// time is over, and limits several requests together.
    ///
    /// ```
    /// # use tractor_core::{self as tractor, DynCall, Portal};
    /// # use std::time::Duration;
    /// # async fn example(portal: &Portal) -> tractor::Result<()> {
    /// let hasty = portal.deadline(Duration::from_millis(500));
    /// let answer: u64 = hasty.run_dyn(DynCall::new("oracle", "answer")).await?;
    /// # Ok(())
    /// # }
    /// ```
    #[must_use = "the portal itself stays as it is"]
    pub fn deadline(&self, budget: Duration) -> Self {
        let mut limited = self.clone();
        limited.limit.add_budget(budget);
        limited
    }

    /// Ends the whole actor.
    ///
    /// * A child of this actor always ends. It is asked to end, and has
    ///   [`Timeouts::actor_cancel`](crate::proto::limits::Timeouts::actor_cancel) to say that its tasks have ended, and
    ///   [`Timeouts::nursery_cancel`](crate::proto::limits::Timeouts::nursery_cancel) for the rest; then it gets
    ///   SIGTERM, then SIGKILL. The request returns how the child has ended, when its process is gone. It never fails.
    /// * Any other actor is asked to end. The request returns when that actor says that its tasks have ended.
    ///
    /// ```
    /// # use tractor_core::{self as tractor, Portal};
    /// # use std::time::Duration;
    /// # async fn example(worker: &Portal) -> tractor::Result<()> {
    /// let patience = Duration::from_secs(30);      // its cleanup takes long
    /// let end = worker.cancel_actor().timeout(patience).await?;
    /// if !end.is_in_order() {
    ///     println!("{end}");
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// Only for an actor that is not a child of this one: [`Error::TooSlow`](crate::Error::TooSlow) when it does not
    /// answer in time, [`Error::Closed`](crate::Error::Closed) when it is gone.
    ///
    /// # Cancel safety
    /// The request is made at the first poll and stays made; a child is ended all the same.
    pub fn cancel_actor(&self) -> CancelActor {
        CancelActor::new(self.clone())
    }

    /// Kills the actor, a child of this one, and waits until its process is gone. For a child that hangs, or must end
    /// at once.
    ///
    /// Its process group, with all programs that it has started, gets SIGKILL at once; its own child actors end with
    /// it. No cleanup and no callback runs. Open dialogs on it fail with [`Error::Died`](crate::Error::Died), including
    /// the call of a [`run_in_actor`](crate::ActorNursery::run_in_actor). As with [`cancel_actor`](Self::cancel_actor),
    /// its death is not a failure of its nursery. For a supervisor it is a crash, and the child's restart rule applies:
    /// see [`Supervised::kill`](crate::Supervised::kill).
    ///
    /// Returns how it has ended: [`ActorEnd::Killed`], unless it was gone before. A process that survives even this
    /// signal is left alone after [`Timeouts::reap`](crate::proto::limits::Timeouts::reap), which is a failure of its
    /// nursery.
    ///
    /// ```
    /// # use tractor_core::{self as tractor, DynCall, Error, Portal};
    /// # use std::time::Duration;
    /// # async fn example(worker: &Portal) -> tractor::Result<()> {
    /// let slow = worker.run_dyn::<u64>(DynCall::new("oracle", "answer"));
    /// if tokio::time::timeout(Duration::from_secs(60), slow).await.is_err() {
    ///     println!("{}", worker.kill().await?);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`Error::Runtime`](crate::Error::Runtime) for an actor that is not a child of this one: only its parent can kill
    /// it.
    ///
    /// # Cancel safety
    /// After the first poll the signal is sent and the actor ends, even if the future is dropped.
    pub async fn kill(&self) -> Result<ActorEnd> {
        let child = self.peer.own_child()?;
        child.kill();
        Ok(child.gone().await)
    }

    /// The actor at the other end.
    pub fn uid(&self) -> &Uid {
        &self.peer.aid.uid
    }

    /// The process id that the actor has reported.
    pub fn pid(&self) -> Option<i64> {
        self.peer.aid.pid
    }

    /// Asks the actor for the addresses on which it listens now: those that it was told to bind, with the actual port,
    /// and the socket of [`StartActor::listen`](crate::StartActor::listen).
    ///
    /// ```
    /// # use tractor_core as tractor;
    /// # async fn example(an: &tractor::ActorNursery) -> tractor::Result<()> {
    /// let registry = an.start_actor("registry").listen().await?;
    /// let found = registry.addrs().await?;        // to `connect` to it
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// As [`run`](Self::run). A peer of the base protocol has no such method: [`Error::Remote`](crate::Error::Remote).
    ///
    /// # Cancel safety
    /// Cancel safe.
    pub async fn addrs(&self) -> Result<Vec<Addr>> {
        self.run_dyn(DynCall::new("self", "addrs")).await
    }

    /// The actor's report on itself: its parent and children, its open dialogs, its uptime. The actor's runtime answers
    /// at once, with a bounded report, even while its endpoints wait. An actor whose only thread is busy with a
    /// computation answers after it, as it does to every request.
    ///
    /// ```
    /// # use tractor_core::{self as tractor, Portal};
    /// # use std::time::Duration;
    /// # async fn example(worker: &Portal) -> tractor::Result<()> {
    /// let report = worker.deadline(Duration::from_secs(1)).describe().await?;
    /// println!("up for {:?}, {} dialogs open", report.uptime, report.dialogs_total);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// As [`run`](Self::run). [`Error::Remote`](crate::Error::Remote) from a peer of the base protocol, and over TCP
    /// from an actor to which this one has not proved the tree's secret.
    ///
    /// # Cancel safety
    /// Cancel safe.
    pub async fn describe(&self) -> Result<ActorReport> {
        self.run_dyn(DynCall::new("self", "describe")).await
    }

    /// The actor's self-description in the handshake.
    pub fn aid(&self) -> &Aid {
        &self.peer.aid
    }

    /// The number of open dialogs on this connection, in both directions, including cancel requests. A dialog that has
    /// just ended may still be counted.
    pub fn dialogs_open(&self) -> usize {
        self.peer.dialogs_open()
    }

    /// Bytes that wait in this actor on this connection: its part of
    /// [`Actor::waiting_bytes`](crate::Actor::waiting_bytes).
    pub fn waiting_bytes(&self) -> usize {
        self.peer.channel.account().booked()
    }
}

impl Actor {
    /// A portal to the actor that started this one; `None` in the root, and in an actor without a process of its own.
    ///
    /// Children may call what the parent exposes to every peer: for a root the modules of
    /// [`ActorOptions::enable_module`](crate::ActorOptions::enable_module).
    ///
    /// ```
    /// # use tractor_core::{self as tractor, DynCall};
    /// # async fn example() -> tractor::Result<()> {
    /// if let Some(parent) = tractor::current_actor().parent() {
    ///     parent.run_dyn::<()>(DynCall::new("board", "report").arg("done", 7)).await?;
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn parent(&self) -> Option<Portal> {
        self.parent_peer().cloned().map(Portal::new)
    }
}

/// Asks the peer to run an endpoint.
pub(super) fn ask<E: Endpoint>(
    peer: &Arc<Peer>,
    kind: FuncType,
    pld_spec: &'static str,
    deadline: Option<Deadline>,
    caller: Option<&Waker>,
    args: &E::Args,
) -> Result<Arc<SessionEnd>> {
    let endpoint = Some(TypeId::of::<E>());
    let is_positional = || actor::is_positional(E::MODULE, E::NAME, TypeId::of::<E>());
    let (ns, func, cancels) = (E::MODULE, E::NAME, None);
    let request = Request { ns, func, kind, pld_spec, deadline, endpoint, cancels, caller, is_positional };
    peer.request(request, |format, depth_max, out| args.encode(E::ARGS, format, depth_max, out))
}

impl PartialEq for Portal {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&**self.peer, &**other.peer)
    }
}

impl Eq for Portal {}

impl Hash for Portal {
    fn hash<H: Hasher>(&self, state: &mut H) {
        Arc::as_ptr(&**self.peer).hash(state);
    }
}

impl fmt::Debug for Portal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Portal")
            .field("actor", self.uid())
            .field("dialogs_open", &self.dialogs_open())
            .finish()
    }
}
