//! The builder of a child actor.

use std::ffi::OsStr;
use std::path::PathBuf;
use std::pin::Pin;
use std::time::Duration;

use super::scope::ActorNursery;
use crate::actor::{Allow, image};
use crate::api::{Endpoint, EndpointRef, Portal};
use crate::error::{ActorFailure, Error, Result};
use crate::process::{Birth, ChildSpec, Newborn, ProcessOptions, Stdio};
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
    /// `None`: the child chooses a socket itself.
    bind: Option<Vec<Addr>>,
    worker_threads: usize,
    log: Option<String>,
    /// `None`: as in the actor that starts it.
    limits: Option<Limits>,
    timeouts: Option<Timeouts>,
    process: ProcessOptions,
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
            process: ProcessOptions::default(),
        }
    }

    pub(crate) fn rename(mut self, name: String) -> Self {
        self.name = name;
        self
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

    /// Listens on a Unix socket in the runtime directory: the child's [`socket_addr`](crate::socket_addr).
    pub fn listen(mut self) -> Self {
        self.bind = None;
        self
    }

    /// Gives the actor a multi-threaded runtime. By default it has one thread: an endpoint that computes for long
    /// delays every other request to the actor, unless it uses `tokio::task::spawn_blocking`.
    pub fn worker_threads(mut self, threads: usize) -> Self {
        self.worker_threads = threads;
        self
    }

    /// The actor's log filter, instead of its parent's; as in `log::init` (feature `log`).
    pub fn loglevel(mut self, filter: impl Into<String>) -> Self {
        self.log = Some(filter.into());
        self
    }

    /// Limits on the resources that a peer may use in the actor, instead of those of its parent. They also hold for the
    /// actor's own children.
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = Some(limits);
        self
    }

    /// The time limits of the actor's runtime, instead of those of its parent. They also hold for the actor's own
    /// children. They do not change how long the parent waits for this child.
    pub fn timeouts(mut self, timeouts: Timeouts) -> Self {
        self.timeouts = Some(timeouts);
        self
    }

    /// Sets an environment variable of the child's process, which otherwise inherits the environment of this process.
    ///
    /// `XDG_RUNTIME_DIR` and `TMPDIR` determine where the child listens by default. If they differ from those of this
    /// process, its socket file remains when the child is killed.
    ///
    /// The start fails with [`Error::Spawn`] if the name is empty or contains `=` or NUL, or the value contains NUL.
    ///
    /// ```no_run
    /// # use tractor_core::{self as tractor, ActorNursery, Portal, Stdio};
    /// # use std::time::Duration;
    /// # async fn example(an: &ActorNursery) -> tractor::Result<Portal> {
    /// an.start_actor("resizer")
    ///     .enable_module(module_path!())
    ///     .env("OMP_NUM_THREADS", "1")
    ///     .current_dir("/var/lib/images")
    ///     .memory_max(512 << 20)
    ///     .cpu_time_max(Duration::from_secs(60))
    ///     .stderr(Stdio::Captured)     // for the error of its death
    ///     .await
    /// # }
    /// ```
    pub fn env(mut self, key: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        self.process.env(key.as_ref(), Some(value.as_ref()));
        self
    }

    /// Removes a variable from the environment that the child's process inherits.
    pub fn env_remove(mut self, key: impl AsRef<OsStr>) -> Self {
        self.process.env(key.as_ref(), None);
        self
    }

    /// Starts the child's process with an empty environment, except for variables that are set after this call, and one
    /// of this library.
    pub fn env_clear(mut self) -> Self {
        self.process.env_clear();
        self
    }

    /// Adds an argument to the child's [`std::env::args`]. Without this a child has the arguments of this process, so
    /// all actors of a tree see the arguments of the program. The first argument, the name of the program, is
    /// `_subactor[name]`.
    ///
    /// In a test the arguments for the test harness come first, and the child does not see those of this process.
    pub fn arg(mut self, arg: impl AsRef<OsStr>) -> Self {
        self.process.arg(arg.as_ref());
        self
    }

    /// Adds arguments, as [`arg`](Self::arg) does. With an empty list the child has no arguments.
    pub fn args<I: IntoIterator<Item: AsRef<OsStr>>>(mut self, args: I) -> Self {
        self.process.no_args();
        args.into_iter().for_each(|arg| self.process.arg(arg.as_ref()));
        self
    }

    /// Sets the working directory of the child's process; by default it is that of this process. If the directory
    /// cannot be entered, the start fails with [`Error::Spawn`].
    pub fn current_dir(mut self, dir: impl Into<PathBuf>) -> Self {
        self.process.current_dir(dir.into());
        self
    }

    /// Where the child's standard output goes; inherited by default. Its standard input is the null device.
    ///
    /// In a test the harness uses standard output, so an actor prints to its standard error instead.
    pub fn stdout(mut self, how: Stdio) -> Self {
        self.process.stdout(how);
        self
    }

    /// Where the child's standard error goes; inherited by default.
    ///
    /// This process reads captured or labelled output as long as the child's process lives, and
    /// [`Timeouts::drain`](crate::proto::limits::Timeouts::drain) longer if a program that has left its process group
    /// holds it open. Later output of that program is lost, and it may get SIGPIPE. A line is cut after
    /// 4096 bytes.
    pub fn stderr(mut self, how: Stdio) -> Self {
        self.process.stderr(how);
        self
    }

    /// Limits the address space of the child's process, in bytes: `RLIMIT_AS`. An allocation beyond it fails, which
    /// aborts a Rust program; [`ActorDied`](crate::error::ActorDied) names the limit.
    ///
    /// Address space is larger than the memory in use: each thread reserves some MiB for its stack, and as much again
    /// for its allocations.
    ///
    /// This limit, [`cpu_time_max`](Self::cpu_time_max) and [`open_files_max`](Self::open_files_max) are set before the
    /// actor's runtime and code start. Without privileges the actor cannot raise them. Programs and actors that it
    /// starts inherit them; each process may use the full limit. If the system refuses a limit, for instance because
    /// this process has a lower one, the start fails with [`Error::Spawn`], which names the limit.
    pub fn memory_max(mut self, bytes: u64) -> Self {
        self.process.memory_max(bytes);
        self
    }

    /// Limits the CPU time of the child's process, of all threads together: `RLIMIT_CPU`, in whole seconds, rounded up.
    /// A process that has used it up gets SIGXCPU, and SIGKILL one second later if it ignores that. See
    /// [`memory_max`](Self::memory_max).
    pub fn cpu_time_max(mut self, time: Duration) -> Self {
        self.process.cpu_time_max(time);
        self
    }

    /// Limits the number of files and sockets that the child's process has open: `RLIMIT_NOFILE`. See
    /// [`memory_max`](Self::memory_max).
    pub fn open_files_max(mut self, files: u64) -> Self {
        self.process.open_files_max(files);
        self
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Refuses settings that can never succeed: an allow-list with an entry that is not registered, or impossible
    /// process options.
    pub(crate) fn check(&self) -> Result<()> {
        self.allow.check()?;
        self.process.check().map_err(|why| ActorFailure::new(self.name.as_str(), why).into())
    }

    /// A fresh identity, and the boot data of the process.
    pub(crate) fn birth(self) -> (Uid, Birth) {
        let actor = &self.nursery.inner.actor;
        let uid = Uid::new(self.name.as_str(), uuid::Uuid::new_v4().to_string());
        let log = self.log.unwrap_or_else(|| actor.log_filter().to_owned());
        let process = ChildSpec {
            parent_pid: std::process::id(),
            worker_threads: self.worker_threads,
            bounds: self.process.bounds(),
            log: log.replace(' ', ""),
            uuid: uid.uuid().to_owned(),
            name: self.name,
        };
        let registries = actor.registries();
        let root_addrs = actor.root_addrs();
        let mut enable_tpts: Vec<_> = registries.iter().map(|addr| addr.transport().to_owned()).collect();
        enable_tpts.sort_unstable();
        enable_tpts.dedup();
        let file = std::env::current_exe().map_or_else(|_| String::new(), |path| path.display().to_string());
        let boot = SpawnSpec {
            parent_main_data: Vec::new(),
            runtime_vars: RuntimeVars {
                root_mailbox: root_addrs.first().cloned(),
                root_addrs,
                enable_tpts: if registries.is_empty() { vec!["uds".to_owned()] } else { enable_tpts },
                registry_addrs: registries.to_vec(),
                ..RuntimeVars::default()
            },
            enable_modules: self.allow.modules.into_iter().map(|module| (module, file.clone())).collect(),
            reg_addrs: registries.to_vec(),
            // An actor of a tree with a registry has to listen.
            bind_addrs: self.bind.filter(|chosen| registries.is_empty() || !chosen.is_empty()),
            enable_endpoints: self.allow.endpoints,
            secret: Some(actor.secret()),
            image: image::for_child(actor.aid().image),
            limits: self.limits.unwrap_or_else(|| actor.limits().clone()),
            timeouts: self.timeouts.unwrap_or_else(|| actor.timeouts().clone()),
            allow_unauthenticated_peers: actor.allows_unauthenticated_peers(),
        };
        (uid, Birth { process, options: self.process, boot })
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
