//! How a child actor is set up.

use std::pin::Pin;

use super::scope::ActorNursery;
use crate::actor::{Allow, image};
use crate::api::{Endpoint, EndpointRef, Portal};
use crate::error::{ActorFailure, Error, Result};
use crate::process::Birth;
use crate::process::{ChildSpec, Newborn};
use crate::proto::addr::Addr;
use crate::proto::id::Uid;
use crate::proto::limits::{Limits, Timeouts};
use crate::proto::msg::{RuntimeVars, SpawnSpec};
use crate::session::in_order;

/// A child actor to be started; await it to get a [`Portal`]. Made by [`ActorNursery::start_actor`].
#[derive(Debug, Clone)]
#[must_use = "an actor is started by awaiting this"]
pub struct StartActor {
    nursery: ActorNursery,
    name: String,
    allow: Allow,
    /// `None` for a socket of the child's own choice.
    bind: Option<Vec<Addr>>,
    worker_threads: usize,
    log: Option<String>,
    /// `None` for those of the actor that starts it.
    limits: Option<Limits>,
    timeouts: Option<Timeouts>,
}

impl StartActor {
    pub(crate) fn new(nursery: ActorNursery, name: String) -> Self {
        Self {
            nursery,
            name,
            allow: Allow::default(),
            bind: Some(Vec::new()),
            worker_threads: 0,
            log: None,
            limits: None,
            timeouts: None,
        }
    }

    /// Lets peers call the endpoints of a module, named as `module_path!()` does.
    pub fn enable_module(mut self, module: impl Into<String>) -> Self {
        self.allow.modules.push(module.into());
        self
    }

    /// Lets peers call one endpoint: `expose(add)`.
    pub fn expose<Marker, R: EndpointRef<Marker>>(self, _endpoint: R) -> Self {
        self.expose_endpoint::<R::Endpoint>()
    }

    pub(crate) fn expose_endpoint<E: Endpoint>(mut self) -> Self {
        self.allow.endpoints.push((E::MODULE.to_owned(), E::NAME.to_owned()));
        self
    }

    /// Listens on an address, for actors that are neither parent nor child of this one; see [`ActorOptions::bind`].
    ///
    /// [`ActorOptions::bind`]: crate::ActorOptions::bind
    pub fn bind(mut self, addr: Addr) -> Self {
        self.bind.get_or_insert_default().push(addr);
        self
    }

    /// Listens on a Unix socket in the runtime directory, as [`socket_addr`](crate::socket_addr) names it in the child.
    pub fn listen(mut self) -> Self {
        self.bind = None;
        self
    }

    /// Gives the actor a multi-threaded runtime. Without this it has one thread.
    pub fn worker_threads(mut self, threads: usize) -> Self {
        self.worker_threads = threads;
        self
    }

    /// The actor's log filter, instead of its parent's; see [`log::init`](crate::log::init).
    pub fn loglevel(mut self, filter: impl Into<String>) -> Self {
        self.log = Some(filter.into());
        self
    }

    /// Bounds on what a peer may cost the actor, instead of those of its parent. Its own children get them too.
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = Some(limits);
        self
    }

    /// How long the actor's runtime waits, instead of its parent's. Its own children get them too. How long the parent waits
    /// for this child is the parent's matter.
    pub fn timeouts(mut self, timeouts: Timeouts) -> Self {
        self.timeouts = Some(timeouts);
        self
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Refuses an allow-list with something on it that is not registered.
    pub(crate) fn check(&self) -> Result<()> {
        Ok(self.allow.check()?)
    }

    /// A fresh identity, and what the process begins with.
    pub(crate) fn birth(self) -> (Uid, Birth) {
        let actor = &self.nursery.inner.actor;
        let uid = Uid::new(self.name.as_str(), uuid::Uuid::new_v4().to_string());
        let log = self.log.unwrap_or_else(|| actor.log_filter().to_owned());
        let process = ChildSpec {
            parent_pid: std::process::id(),
            worker_threads: self.worker_threads,
            log: log.replace(' ', ""),
            uuid: uid.uuid().to_owned(),
            name: self.name,
        };
        let file = std::env::current_exe().map_or_else(|_| String::new(), |path| path.display().to_string());
        let boot = SpawnSpec {
            parent_main_data: Vec::new(),
            runtime_vars: RuntimeVars { enable_tpts: vec!["uds".to_owned()], ..RuntimeVars::default() },
            enable_modules: self.allow.modules.into_iter().map(|module| (module, file.clone())).collect(),
            reg_addrs: Vec::new(),
            bind_addrs: self.bind,
            enable_endpoints: self.allow.endpoints,
            secret: Some(actor.secret()),
            image: image::for_child(actor.aid().image),
            limits: self.limits.unwrap_or_else(|| actor.limits().clone()),
            timeouts: self.timeouts.unwrap_or_else(|| actor.timeouts().clone()),
        };
        (uid, Birth { process, boot })
    }

    async fn start(self) -> Result<Portal> {
        self.check()?;
        let (nursery, name) = (self.nursery.clone(), self.name.clone());
        let (uid, birth) = self.birth();
        let born = match nursery.adopt(uid, birth) {
            Ok(born) => born.await.unwrap_or_else(|_dropped| {
                Err(Error::Spawn(ActorFailure::new(name, "the runtime is shutting down")))
            }),
            Err(refused) => Err(refused),
        };
        Ok(Portal::new(in_order(born.map(Newborn::take)).await?))
    }
}

impl IntoFuture for StartActor {
    type Output = Result<Portal>;
    type IntoFuture = Pin<Box<dyn Future<Output = Result<Portal>> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.start())
    }
}
