//! The actor: one per process by default.
//!
//! ```text
//! Running --cancel request, parent lost, scope left--> Cancelling --requests ended--> Stopping --> Ended
//! ```
//!
//! * Running: requests are accepted.
//! * Cancelling: new requests are refused, running ones are dropped at their next await
//!   outside of a shield.
//! * Stopping: children are reaped, connections are flushed and closed, the lifetime stack runs.

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex, Once, OnceLock, PoisonError};
use std::task::{Context, Waker};
use std::time::{Duration, Instant};

use tokio::runtime::{Handle, RuntimeFlavor};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::current::{current_session, task_of, with_actor};
use super::deaths::Deaths;
use super::exposed::{Allow, EndpointEntry};
use super::invoke::RequestTask;
use super::lifetime::LifetimeStack;
use super::local::Locals;
use super::peer_log::PeerLog;
use crate::error::TooLate;
use crate::net::{Budget, OtherEnd};
use crate::proto::addr::Addr;
use crate::proto::handshake::Policy;
use crate::proto::id::{Aid, Secret, Uid};
use crate::proto::limits::{FRAME_BYTES_MAX_LEAST, Limits, Timeouts};
use crate::session::{ChildActor, Peer, Teardown};

/// A handle of an actor in this process. It is cheap to clone. Equal handles belong to the same actor.
#[derive(Clone)]
pub struct Actor {
    pub(super) inner: Arc<Inner>,
}

/// The settings that an actor is made from.
#[derive(Debug)]
pub(crate) struct Identity {
    pub(crate) aid: Aid,
    pub(crate) allow: Allow,
    pub(crate) limits: Limits,
    pub(crate) timeouts: Timeouts,
    /// The tree's secret. Every actor of the tree knows it, and proves this on connections whose user the kernel does
    /// not report.
    pub(crate) secret: Secret,
    pub(crate) is_root: bool,
    /// Whether peers over TCP that cannot prove that secret are let in.
    pub(crate) allow_unauthenticated_peers: bool,
    /// Whether the actor belongs to no tree, and offers no proof to peers on this host.
    pub(crate) is_unproved: bool,
    /// Where the registrars of the tree listen; empty for a tree without names.
    pub(crate) registries: Vec<Addr>,
    /// Where the root of the tree listens; empty for the root itself, whose addresses are not known yet.
    pub(crate) root_addrs: Vec<Addr>,
    /// Runtime methods that may wait.
    pub(crate) methods: &'static [EndpointEntry],
    /// Those that it has while it is a registrar.
    pub(crate) methods_of_registrars: &'static [EndpointEntry],
    /// Filter of the log, passed on to children; empty for none.
    pub(crate) log: String,
}

pub(super) struct Inner {
    pub(super) identity: Identity,
    pub(super) allow: Allow,
    runtime: Handle,
    pub(super) is_current_thread: bool,
    began: Instant,
    /// Running endpoints.
    pub(super) requests: TaskTracker,
    /// Connections, listeners and slow runtime methods.
    pub(super) links: TaskTracker,
    /// One watching task per child process or shared resource, and the tasks of requests.
    pub(super) watchers: TaskTracker,
    /// Set when the remaining children must end.
    pub(super) end_children: CancellationToken,
    /// In the order in which they connected.
    pub(super) peers: Mutex<Vec<Arc<Peer>>>,
    /// Set with the first cancel request: the canceller, if it is known.
    canceller: OnceLock<Option<Uid>>,
    /// Set when the actor must end.
    pub(super) stop: CancellationToken,
    pub(super) lifetime: LifetimeStack,
    pub(super) locals: Locals,
    /// The budget of the data that waits on all connections.
    pub(super) budget: Arc<Budget>,
    pub(super) parent: OnceLock<Arc<Peer>>,
    /// Children that have not ended.
    children: Mutex<HashMap<Uid, Arc<ChildActor>>>,
    first_child: Once,
    pub(super) addrs: Mutex<Vec<Addr>>,
    deaths: Deaths,
    guest_log: PeerLog,
    /// Limits the rate of log lines about frames that cannot be accepted.
    pub(super) frame_log: PeerLog,
}

impl Actor {
    /// Makes an actor on the current tokio runtime.
    pub(crate) fn new(mut identity: Identity) -> Self {
        let frame_bytes_max = &mut identity.limits.frame_bytes_max;
        *frame_bytes_max = FRAME_BYTES_MAX_LEAST.max(*frame_bytes_max);
        let runtime = Handle::current();
        let inner = Inner {
            allow: identity.allow.clone(),
            budget: Budget::new(identity.limits.waiting_bytes_max),
            identity,
            is_current_thread: runtime.runtime_flavor() == RuntimeFlavor::CurrentThread,
            runtime,
            began: Instant::now(),
            requests: TaskTracker::new(),
            links: TaskTracker::new(),
            watchers: TaskTracker::new(),
            end_children: CancellationToken::new(),
            peers: Mutex::default(),
            canceller: OnceLock::new(),
            stop: CancellationToken::new(),
            lifetime: LifetimeStack::new(),
            locals: Locals::default(),
            parent: OnceLock::new(),
            children: Mutex::default(),
            first_child: Once::new(),
            addrs: Mutex::default(),
            deaths: Deaths::default(),
            guest_log: PeerLog::default(),
            frame_log: PeerLog::default(),
        };
        Self { inner: Arc::new(inner) }
    }

    /// Name and UUID.
    pub fn uid(&self) -> &Uid {
        &self.inner.identity.aid.uid
    }

    /// The name its spawner chose.
    pub fn name(&self) -> &str {
        self.uid().name()
    }

    /// Whether this is the first actor of its tree.
    pub fn is_root(&self) -> bool {
        self.inner.identity.is_root
    }

    /// The addresses it listens on.
    pub fn addrs(&self) -> Vec<Addr> {
        self.inner.addrs.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Bytes of data that wait in this actor's memory, for all of its connections.
    /// [`Limits::waiting_bytes_max`](crate::proto::limits::Limits::waiting_bytes_max) bounds them.
    pub fn waiting_bytes(&self) -> usize {
        self.inner.budget.booked()
    }

    /// Runs a future as part of this actor: in a task made with `tokio::spawn`, in a web server's handler, on another
    /// runtime. Nurseries in the future then belong to this actor, and their children end with it.
    ///
    /// ```
    /// # use tractor_core as tractor;
    /// # async fn example() -> tractor::Result<()> {
    /// let actor = tractor::current_actor();
    /// let task = tokio::spawn(actor.enter(async {
    ///     tractor::open_nursery(async |an| -> tractor::Result<()> {
    ///         let worker = an.start_actor("worker").await?;
    ///         worker.cancel_actor().await?;
    ///         Ok(())
    ///     })
    ///     .await
    /// }));
    /// task.await.expect("it does not panic")
    /// # }
    /// ```
    ///
    /// The actor does not wait for such a task: await it before the actor's scope ends.
    ///
    /// # Cancel safety
    /// As cancel safe as the future itself.
    pub fn enter<F: Future>(&self, future: F) -> impl Future<Output = F::Output> + use<F> {
        with_actor(self.clone(), future)
    }

    /// Adds a cleanup callback that runs when the actor ends, last in, first out.
    ///
    /// # Errors
    /// [`TooLate`], which gives the callback back, if the actor has ended already.
    pub fn on_exit<F: FnOnce() + Send + 'static>(&self, callback: F) -> Result<(), TooLate<F>> {
        self.inner.lifetime.push(callback)
    }

    /// Ends the actor's work: refuses new requests, cancels the running ones (with this actor as the canceller), and
    /// stops listening. Returns when the requests have ended. The actor itself then ends: a child's process after its
    /// children and connections, a root when the body of its scope returns.
    ///
    /// An endpoint of this actor cannot wait here for its own end: there the function returns at once, and the endpoint
    /// is dropped at its next await outside of a [`shield`](crate::shield).
    ///
    /// ```
    /// # use tractor_core as tractor;
    /// # async fn example() -> tractor::Result<()> {
    /// let options = tractor::ActorOptions::new();
    /// tractor::open_root_actor(options, async |actor| {
    ///     // .. serve ..
    ///     // Ends the requests of other actors.
    ///     actor.cancel().await;
    ///     Ok(())
    /// })
    /// .await
    /// # }
    /// ```
    ///
    /// # Cancel safety
    /// The request is made at the first poll and stays made.
    pub async fn cancel(&self) {
        self.cancel_soon();
        let own_request = current_session().is_some_and(|session| session.peer.us == *self.uid());
        if !own_request {
            self.stopped().await;
        }
    }

    /// Asks the actor to end, without waiting: running requests are cancelled by this actor itself. The synchronous
    /// form of [`cancel`](Self::cancel), for code that cannot await.
    pub fn cancel_soon(&self) {
        let actor = self.clone();
        self.spawn_link(async move {
            actor.cancel_requests(Some(actor.uid().clone())).await;
            actor.stop();
        });
    }

    /// Waits until another actor or this one has asked the actor to end, or until the parent is lost. When this
    /// returns, the actor's requests have ended, and it no longer listens.
    ///
    /// A signal does not end this wait: at SIGTERM `#[tractor::main]` drops the body of the root, and no code after
    /// this await runs. See [`shutdown_signal`](crate::shutdown_signal).
    ///
    /// This is a whole daemon, a program that serves until it has to end:
    ///
    /// ```no_run
    /// # use tractor_core as tractor;
    /// # async fn example() -> tractor::Result<()> {
    /// let options = tractor::ActorOptions::new()
    ///     .name("kv")
    ///     .registry(tractor::default_registry()?)
    ///     .enable_module(module_path!());
    /// tractor::open_root_actor(options, async |kv| Ok(kv.cancelled().await)).await
    /// # }
    /// ```
    ///
    /// # Cancel safety
    /// Cancel safe.
    pub async fn cancelled(&self) {
        self.stopped().await;
    }

    pub(super) fn uptime(&self) -> Duration {
        self.inner.began.elapsed()
    }

    pub(crate) fn limits(&self) -> &Limits {
        &self.inner.identity.limits
    }

    pub(crate) fn timeouts(&self) -> &Timeouts {
        &self.inner.identity.timeouts
    }

    pub(crate) fn log_filter(&self) -> &str {
        &self.inner.identity.log
    }

    pub(crate) fn secret(&self) -> Secret {
        self.inner.identity.secret
    }

    /// Which peers are let in: on a transport that reports the peer's user, our own user; otherwise a peer that knows
    /// the tree's secret.
    pub(crate) fn policy(&self, other_end: OtherEnd) -> Policy {
        match other_end {
            OtherEnd::OurUser => Policy::Open,
            // IPv6 addresses are reported as networks: that of `::1` is the unspecified address.
            OtherEnd::Anybody(Some(ip))
                if self.allows_unauthenticated_peers() && (ip.is_loopback() || ip.is_unspecified()) =>
            {
                Policy::Prove { secret: self.secret() }
            }
            OtherEnd::Anybody(_) => Policy::RequireProof { secret: self.secret() },
        }
    }

    /// The policy for an actor that this one connects to.
    pub(crate) fn policy_towards(&self, other_end: OtherEnd) -> Policy {
        match other_end {
            OtherEnd::Anybody(Some(ip))
                if self.inner.identity.is_unproved && (ip.is_loopback() || ip.is_unspecified()) =>
            {
                Policy::Open
            }
            _ => self.policy(other_end),
        }
    }

    pub(crate) fn allows_unauthenticated_peers(&self) -> bool {
        self.inner.identity.allow_unauthenticated_peers
    }

    /// Where the registrars of the tree listen.
    pub(crate) fn registries(&self) -> &[Addr] {
        &self.inner.identity.registries
    }

    /// Where the root of the tree listens.
    pub(crate) fn root_addrs(&self) -> Vec<Addr> {
        if self.is_root() { self.addrs() } else { self.inner.identity.root_addrs.clone() }
    }

    pub(crate) fn parent_peer(&self) -> Option<&Arc<Peer>> {
        self.inner.parent.get()
    }

    pub(crate) fn set_parent(&self, peer: Arc<Peer>) {
        // An actor is attached to its parent once, at boot.
        assert!(self.inner.parent.set(peer).is_ok(), "the parent is set once");
    }

    /// Limits the rate of log lines about guests.
    pub(crate) fn guest_log(&self) -> &PeerLog {
        &self.inner.guest_log
    }

    /// The addresses of actors that this one has seen die.
    pub(crate) fn deaths(&self) -> &Deaths {
        &self.inner.deaths
    }

    pub(crate) fn add_addr(&self, addr: Addr) {
        self.inner.addrs.lock().unwrap_or_else(PoisonError::into_inner).push(addr);
    }

    /// The actor that asked for the end of this one, if any.
    pub(crate) fn cancel_requested(&self) -> Option<&Option<Uid>> {
        self.inner.canceller.get()
    }

    /// Waits until the actor must end.
    pub(crate) async fn stopped(&self) {
        self.inner.stop.cancelled().await;
    }

    /// Ends the actor: its scope or main task runs the shutdown.
    pub(crate) fn stop(&self) {
        self.inner.stop.cancel();
    }

    /// Refuses new requests, cancels the running ones and waits until they have ended. The first canceller counts.
    pub(crate) async fn cancel_requests(&self, by: Option<Uid>) {
        let by = self.inner.canceller.get_or_init(|| by).clone();
        let us = self.uid().clone();
        for peer in self.peers() {
            for session in peer.child_sides() {
                session.cancel_with_actor(by.clone().unwrap_or_else(|| us.clone()));
            }
        }
        self.inner.requests.close();
        self.inner.requests.wait().await;
    }

    pub(crate) fn peers(&self) -> Vec<Arc<Peer>> {
        self.inner.peers.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn add_peer(&self, peer: &Arc<Peer>) {
        self.inner.peers.lock().unwrap_or_else(PoisonError::into_inner).push(peer.clone());
    }

    pub(super) fn remove_peer(&self, peer: &Arc<Peer>) {
        let mut peers = self.inner.peers.lock().unwrap_or_else(PoisonError::into_inner);
        peers.retain(|known| !Arc::ptr_eq(known, peer));
    }

    /// Runs an accepted request as a task.
    ///
    /// On a current-thread runtime it is polled once first. A request that does not wait has then ended, and never
    /// enters the dialog table: no message for it can arrive meanwhile, because this runs on the task that reads the
    /// connection. On a multi-thread runtime that poll would delay the connection, while another thread could run the
    /// endpoint.
    pub(super) fn run_request(&self, mut task: RequestTask) {
        if self.inner.is_current_thread {
            // This waker may wake nothing: a request that waits is polled again right away, as a task.
            let mut cx = Context::from_waker(Waker::noop());
            if Pin::new(&mut task).poll(&mut cx).is_ready() {
                return;
            }
        }
        task.count(self);
        let session = task.session();
        if let Err(error) = session.peer.enter(session.clone()) {
            session.lose(&error);
        }
        if let Some(canceller) = self.cancel_requested() {
            // The request was accepted while the actor was cancelling the others.
            session.cancel_with_actor(canceller.clone().unwrap_or_else(|| self.uid().clone()));
        }
        // Nothing awaits this task: it concludes its own dialog. It counts among `requests` until its endpoint has
        // ended.
        self.inner.watchers.spawn_on(task, &self.inner.runtime);
    }

    /// Runs a task of the runtime itself.
    pub(crate) fn spawn_link(&self, future: impl Future<Output = ()> + Send + 'static) {
        let task = task_of(self.clone(), future);
        self.inner.links.spawn_on(task, &self.inner.runtime);
    }

    /// Shuts the actor down in a task of its own, for a scope that can no longer wait. `held` is dropped at the end.
    pub(crate) fn spawn_shutdown(self, held: impl Send + 'static) {
        let runtime = self.inner.runtime.clone();
        // If this actor is inside of another one, the scopes around it wait.
        let left = Teardown::here();
        let shutdown = with_actor(self.clone(), async move {
            self.shut_down().await;
            drop((held, left));
        });
        runtime.spawn(shutdown);
    }

    /// Runs `call` unless it has run for this actor: before its first child process.
    pub(crate) fn at_first_child(&self, call: impl FnOnce()) {
        self.inner.first_child.call_once(call);
    }

    /// A token that asks one child to end. It is set at the latest when the actor has ended its requests.
    pub(crate) fn children_end(&self) -> CancellationToken {
        self.inner.end_children.child_token()
    }

    /// The child that has this identity.
    pub(super) fn child(&self, uid: &Uid) -> Option<Arc<ChildActor>> {
        self.inner.children.lock().unwrap_or_else(PoisonError::into_inner).get(uid).cloned()
    }

    /// Whether an actor is a child of this one that has not ended.
    pub(crate) fn is_parent_of(&self, uid: &Uid) -> bool {
        self.child(uid).is_some()
    }

    /// At most `max` of the children that have not ended, and the number of all of them.
    pub(super) fn children(&self, max: usize) -> (Vec<Arc<ChildActor>>, usize) {
        let children = self.inner.children.lock().unwrap_or_else(PoisonError::into_inner);
        (children.values().take(max).cloned().collect(), children.len())
    }

    pub(crate) fn add_child(&self, child: &Arc<ChildActor>) {
        let mut children = self.inner.children.lock().unwrap_or_else(PoisonError::into_inner);
        children.insert(child.uid.clone(), child.clone());
    }

    pub(crate) fn remove_child(&self, child: &ChildActor) {
        self.inner.children.lock().unwrap_or_else(PoisonError::into_inner).remove(&child.uid);
    }

    /// Runs the task that watches a child process; the actor waits for its end.
    pub(crate) fn spawn_watcher(&self, future: impl Future<Output = ()> + Send + 'static) {
        let task = task_of(self.clone(), future);
        self.inner.watchers.spawn_on(task, &self.inner.runtime);
    }
}

impl PartialEq for Actor {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.inner, &other.inner)
    }
}

impl Eq for Actor {}

impl std::fmt::Debug for Actor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Actor").field("uid", self.uid()).finish_non_exhaustive()
    }
}
