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
/// with the nursery. Starting one [changes a few things in the process](open_root_actor#what-changes-in-the-process).
///
/// A task made with `tokio::spawn`, such as a web server's handler, is outside of the actor that spawned it. Run its
/// future in the actor, with [`Actor::enter`]; otherwise its nurseries are trees of their own. The first such nursery
/// on a runtime with another tree logs a warning.
///
/// Leaving the scope waits for the children. After
/// [`Timeouts::scope_warning`](crate::proto::limits::Timeouts::scope_warning) a warning names the children that are
/// left.
///
/// # Errors
/// The body's own error, or the failures of the children; [`Error::NoRuntime`] in a task of a child process that has
/// left its actor.
///
/// # Cancel safety
/// Dropping the future cancels every child. Inside an actor, the actor finishes their teardown. If this call has
/// started the root actor itself, the runtime ends the children's processes in the background. They end at the latest
/// with this process.
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
    // One future for both cases, so that the body is compiled once. The polling future owns it, and so drops it in the
    // actor.
    let nursery = Box::pin(open_nursery_in(actor, body));
    match root {
        None => nursery.await,
        Some(root) => root.run(nursery).await,
    }
}

/// The default name of a root.
const ROOT: &str = "root";

/// Starts the first actor of a tree, runs the body in it, and ends it.
///
/// With [registries](ActorOptions::registry) the actor is the registrar, or registered, when the body begins.
///
/// # What changes in the process
/// Once a process has started an actor,
///
/// * its panic hook records where endpoints panic, and calls the previous hook. A hook that is set later has to call
///   this one; otherwise errors have no file and line;
/// * from its first child on the process handles SIGCHLD, as tokio does for any child process;
/// * from its first child on it is also a subreaper (Linux, with `/proc`): orphans of its child actors become its
///   children, are ended with the actor's process group, and reaped. Your code has to wait for the orphans of programs
///   that it has started in this process.
///
/// Under `#[tractor::main]` it also handles SIGINT, SIGTERM and SIGHUP, as that macro says; otherwise it handles them
/// only if [`shutdown_signal`](crate::shutdown_signal) is called.
///
/// These changes stay after the actor has ended. Nothing else changes: no environment, no signal mask, no other
/// handler.
///
/// # Errors
/// The body's own error; [`Error::NoRuntime`] in a task of a child process that has left its actor; [`Error::Runtime`]
/// inside an actor, when an address cannot be bound, when an enabled module has no endpoints, or when another program
/// than a registrar listens at the address of a registry; [`Error::Unreachable`] when the registrar does not let the
/// actor in.
///
/// # Cancel safety
/// As [`open_nursery`]. If a signal ends the program, the body is dropped and this does not return.
pub async fn open_root_actor<T, E, F>(options: ActorOptions, body: F) -> Result<T, E>
where
    F: AsyncFnOnce(&Actor) -> Result<T, E>,
    E: From<Error>,
{
    let root = Root::start(options).await?;
    let actor = root.actor.clone();
    // The body is called in the actor, too: it may be a function that runs code before it returns its future.
    root.run(Box::pin(async { body(&actor).await })).await
}

/// A running root actor. When this is dropped, the actor ends in the background.
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
        identity.registries = elected.registries;
        let actor = Actor::new(identity);
        let root = Self { ending: Ending(Some((actor.clone(), (OnRuntime::begin(), live)))), actor };
        let registered = with_actor(root.actor.clone(), async {
            // The socket files of a tree that died with its root are still there.
            root.actor.spawn_link(sweep_sockets());
            listen(&root.actor, elected.listeners);
            announce(&root.actor, Late::Fails).await
        });
        match registered.await {
            Ok(()) => Ok(root),
            Err(error) => root.run(ready(Err(error))).await,
        }
    }

    /// Runs a (small) future in the actor, and ends the actor. Does not return if a signal ends the process.
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

/// Makes an identity. Refuses an allow-list with an entry that is not registered.
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
        methods_of_registrars: &METHODS_OF_REGISTRARS,
        log: crate::devx::current_filter(),
    })
}

/// Ends the actor of a root scope that is dropped: a task of the runtime finishes the shutdown.
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
