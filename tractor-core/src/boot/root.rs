//! The first actor of a tree.

use std::future::{pending, ready};

use super::second::{OnRuntime, say_if_second};
use super::shutdown::LiveRoot;
use super::{child, setup};
use crate::actor::{Actor, ActorOptions, Identity, image, try_current_actor, with_actor};
use crate::discovery::{Candidate, Late, METHODS, METHODS_OF_REGISTRARS, announce, elect, listen};
use crate::error::{Error, RuntimeFailure};
use crate::net::fresh_secret;
use crate::nursery::{ActorNursery, open_nursery_in};
use crate::process::sweep_sockets;
use crate::proto::id::{Aid, Caps, Image, Uid};

/// Opens a nursery: a scope that owns child actors. Outside of any actor this starts a root actor first, which ends
/// with the nursery. That [changes a few things in the process](open_root_actor#what-changes-in-the-process).
///
/// A task made with `tokio::spawn`, such as a web server's handler, is outside of the actor that has spawned it. Run
/// its future in the actor, with [`Actor::enter`], or its nurseries are trees of their own. While another tree runs on
/// the same runtime, the first such nursery is warned of.
///
/// Leaving the scope waits for the children. After
/// [`Timeouts::scope_warning`](crate::proto::limits::Timeouts::scope_warning) a warning says for which ones.
///
/// # Errors
/// The body's own error; else what the children failed with; [`Error::NoRuntime`] in a task of a child process that has
/// left its actor.
///
/// # Cancel safety
/// Dropping the future cancels every child. Inside an actor, the actor finishes their teardown; where this call has
/// started the root actor itself, the children's processes are ended as the runtime goes on, and end with the process
/// at the latest.
pub async fn open_nursery<T, E, F>(body: F) -> Result<T, E>
where
    F: AsyncFnOnce(&ActorNursery) -> Result<T, E>,
    E: From<Error> + 'static,
{
    let (actor, root) = match try_current_actor() {
        Ok(actor) => (actor, None),
        Err(_) => {
            if !child::is_child_process() {
                say_if_second();
            }
            let root = Root::start(ActorOptions::new()).await?;
            (root.actor.clone(), Some(root))
        }
    };
    // One future for both cases: the body is compiled once. It is owned by who polls it, and so is dropped in the
    // actor.
    let nursery = Box::pin(open_nursery_in(actor, body));
    match root {
        None => nursery.await,
        Some(root) => root.run(nursery).await,
    }
}

/// What a root is called that has no other name.
const ROOT: &str = "root";

/// Starts the first actor of a tree, runs the body in it, and ends it.
///
/// With [registries](ActorOptions::registry) it is the registrar, or registered, when the body begins.
///
/// # What changes in the process
/// Once a process has started an actor,
///
/// * its panic hook notes where endpoints panic, and calls the hook that was there before; one that is set later should
///   do the same, or errors do not tell the place;
/// * from its first child on it handles SIGCHLD, as with any process started by tokio;
/// * from then on, too, it is a subreaper (Linux, with `/proc`): what its child actors have started and left becomes
///   its child, is ended with its actor's process group, and reaped. Orphans of programs that were started here are
///   yours to wait for.
///
/// Under `#[tractor::main]` it also handles SIGINT, SIGTERM and SIGHUP, as that macro says; elsewhere nobody touches
/// them unless [`shutdown_signal`](crate::shutdown_signal) is called.
///
/// This stays so after the actor has ended. Nothing else changes: no environment, no signal mask, no other handler.
///
/// # Errors
/// The body's own error; [`Error::NoRuntime`] in a task of a child process that has left its actor;
/// [`Error::Runtime`] inside an actor, when an address cannot be bound, when an enabled module has no endpoints, or
/// when something else than a registrar listens at the address of a registry; [`Error::Unreachable`] when the
/// registrar does not let it in.
///
/// # Cancel safety
/// As [`open_nursery`]. Where a signal ends the program, the body is dropped and this does not return.
pub async fn open_root_actor<T, E, F>(options: ActorOptions, body: F) -> Result<T, E>
where
    F: AsyncFnOnce(&Actor) -> Result<T, E>,
    E: From<Error>,
{
    let root = Root::start(options).await?;
    let actor = root.actor.clone();
    // Called in the actor, too: it may be a plain function that does more than to make a future.
    root.run(Box::pin(async { body(&actor).await })).await
}

/// A root actor that runs. Dropped, it ends in the background.
struct Root {
    actor: Actor,
    ending: Ending,
}

impl Root {
    async fn start(options: ActorOptions) -> Result<Self, Error> {
        if let Ok(actor) = try_current_actor() {
            let text = format!(
                "actor `{}` runs here already: a tree has one root; open a nursery instead",
                actor.name()
            );
            return Err(RuntimeFailure::new(text).into());
        }
        if child::is_child_process() {
            return Err(Error::NoRuntime);
        }
        let live = LiveRoot::begin().await;
        setup::watch_panics(None);
        crate::devx::init_root();
        let candidate = Candidate {
            name: options.name.as_deref().unwrap_or(ROOT),
            limits: &options.limits,
            bind: &options.bind,
            registries: &options.registries,
            ensure: options.ensure_registry,
            is_open: options.allow_unauthenticated_peers,
        };
        let elected = elect(candidate).await?;
        let mut identity = identity(options, ROOT, image::draw(), true)?;
        identity.aid.is_registrar = Some(elected.is_registrar);
        identity.registries = elected.registries;
        if elected.is_registrar {
            identity.methods = &METHODS_OF_REGISTRARS;
        }
        let actor = Actor::new(identity);
        let root = Self { ending: Ending(Some((actor.clone(), (OnRuntime::begin(), live)))), actor };
        let registered = with_actor(root.actor.clone(), async {
            // A tree that died with its root had nobody to remove its files.
            root.actor.spawn_link(sweep_sockets());
            listen(&root.actor, elected.listeners);
            announce(&root.actor, Late::Fails).await
        });
        match registered.await {
            Ok(()) => Ok(root),
            Err(error) => root.run(ready(Err(error))).await,
        }
    }

    /// Runs a future, a small one, in the actor, and ends the actor. Does not return where a signal ends the process.
    async fn run<F: Future>(self, future: F) -> F::Output {
        let Self { actor, ending } = self;
        with_actor(actor.clone(), async {
            let output = tokio::select! {
                biased;
                output = future => Some(output),
                () = ending.is_asked_for() => None,
            };
            actor.shut_down().await;
            ending.disarm();
            match output {
                Some(output) => output,
                None => pending().await,
            }
        })
        .await
    }
}

/// A fresh identity, of the program image that `image` stands for; refuses an allow-list with something on it that is
/// not registered.
pub(super) fn identity(
    options: ActorOptions,
    name: &str,
    image: Option<Image>,
    is_root: bool,
) -> Result<Identity, Error> {
    let ActorOptions {
        name: chosen, allow, limits, timeouts, allow_unauthenticated_peers, is_unproved, ..
    } = options;
    allow.check()?;
    let name = chosen.unwrap_or_else(|| name.to_owned());
    let mut aid = Aid::new(Uid::new(name, uuid::Uuid::new_v4().to_string()));
    aid.pid = Some(std::process::id().into());
    aid.is_registrar = Some(false);
    aid.caps = Caps::ANNOUNCED;
    aid.image = image;
    Ok(Identity {
        aid,
        allow,
        limits,
        timeouts,
        secret: fresh_secret(),
        is_root,
        allow_unauthenticated_peers,
        is_unproved,
        registries: Vec::new(),
        root_addrs: Vec::new(),
        methods: &METHODS,
        log: crate::devx::current_filter(),
    })
}

/// Ends the actor of a root scope that is dropped: the shutdown goes on as a task of the runtime.
struct Ending(Option<(Actor, (OnRuntime, LiveRoot))>);

impl Ending {
    /// Waits until a signal asks for the end of the process.
    async fn is_asked_for(&self) {
        match &self.0 {
            Some((_, (_, live))) => live.is_asked_to_end().await,
            None => pending().await,
        }
    }

    fn disarm(mut self) {
        self.0 = None;
    }
}

impl Drop for Ending {
    fn drop(&mut self) {
        if let Some((actor, live)) = self.0.take() {
            actor.stop();
            actor.spawn_shutdown(live);
        }
    }
}
