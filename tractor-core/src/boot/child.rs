//! The main function of a child process.
//!
//! ```text
//! tie life to the parent --> take over the channel --> handshake --> SpawnSpec --> allow-list, listeners
//!     --> Ready --> serve until cancelled or the parent is lost --> shut down --> exit
//! ```
//!
//! # Invariants
//! 1. The process ends with its parent: the kernel kills it when the parent dies, and it ends by itself when the
//!    channel is closed.
//! 2. No bytes of the channel are read before the kernel has confirmed that the parent process, of our own user, made
//!    the channel.
//! 3. A boot that fails tells the parent why, and exits with a failure.

use std::os::unix::net::UnixStream;
use std::panic::catch_unwind;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rustix::process::Pid;
use tokio::runtime::Builder;

use super::setup;
use crate::actor::{Actor, Allow, Connected, Identity, Link, attach, image, notice, with_actor};
use crate::discovery::{Late, METHODS, announce, bind_all, listen, own_addrs};
use crate::error::{self, Error, RuntimeFailure};
use crate::net::{FrameReader, HandshakeError, Introduction, Transport, check_parent, introduce};
use crate::process::{ChildSpec, Entry, PROCESS_NAME_PREFIX, set_entry};
use crate::proto::handshake::{Policy, Role};
use crate::proto::id::{Aid, Caps, Uid};
use crate::proto::limits::{Limits, Timeouts};
use crate::proto::msg::{Msg, SpawnSpec};

/// Set for the life of a process that is a child actor.
static IS_CHILD: AtomicBool = AtomicBool::new(false);

/// Whether this process is a child actor. In a child, code outside of the actor must not start a tree.
pub(super) fn is_child_process() -> bool {
    IS_CHILD.load(Ordering::Relaxed)
}

/// Exit code of a child that could not boot.
const EXIT_BOOT_FAILED: i32 = 70;
/// Exit code of a child whose runtime panicked, as of any program that panics.
const EXIT_PANICKED: i32 = 101;

/// Runs the child actor that this process is, and exits.
///
/// `setup` is the function that the program runs first in each of its processes.
pub(super) fn run(spec: ChildSpec, entry: Entry, setup: fn()) -> ! {
    IS_CHILD.store(true, Ordering::Relaxed);
    set_entry(entry, setup::take_orphans);
    setup::watch_panics(Some(&Uid::new(spec.name.as_str(), spec.uuid.as_str())));
    // A panic must not unwind into the `main` or the test harness of the program that this process is a copy of.
    let code = match catch_unwind(|| live(spec, entry, setup)) {
        Err(_reported_by_the_hook) => EXIT_PANICKED,
        Ok(Ok(())) => 0,
        Ok(Err(error)) => {
            tracing::error!("this actor could not boot: {error}");
            EXIT_BOOT_FAILED
        }
    };
    exit(code)
}

#[allow(clippy::exit, reason = "a child process has no `main` to return to")]
fn exit(code: i32) -> ! {
    std::process::exit(code)
}

fn live(spec: ChildSpec, entry: Entry, setup: fn()) -> Result<(), BootError> {
    // This comes first, because the reaper of this process recognizes it by its name.
    setup::name_process(&format!("{PROCESS_NAME_PREFIX}{}]", spec.name));
    setup::mark_process();
    tie_to_parent(spec.parent_pid)?;
    // Limits are set before the runtime and the user's code start. A failure is reported once there is a connection.
    let bounded = setup::bound(&spec.bounds);
    let channel = setup::take_stdin()?;
    channel.set_nonblocking(true)?;
    if matches!(entry, Entry::Test(_)) {
        // In a test the harness writes to standard output, and the parent discards it.
        setup::print_to_stderr()?;
    }
    setup();
    // This keeps a subscriber that the program has set.
    crate::devx::init_child(&spec.log);
    let mut builder = match spec.worker_threads {
        0 => Builder::new_current_thread(),
        _ => Builder::new_multi_thread(),
    };
    if spec.worker_threads > 0 {
        builder.worker_threads(spec.worker_threads);
    }
    let runtime = builder.enable_all().build()?;
    let mut drain = Timeouts::default().drain;
    let uid = Uid::new(spec.name.clone(), spec.uuid.clone());
    let served = runtime.block_on(serve_parent(spec, channel, bounded, &mut drain));
    // The actor has ended: a blocking call that an endpoint has left behind must not keep the process alive.
    let begun = Instant::now();
    runtime.shutdown_timeout(drain);
    if !drain.is_zero() && begun.elapsed() >= drain {
        notice!(
            WARN,
            "a blocking call of actor {uid} went on for {drain:?} after its end (`Timeouts::drain`): its thread is \
             left behind, and ends with the process"
        );
    }
    served
}

/// Why a child could not boot.
#[derive(Debug, thiserror::Error)]
enum BootError {
    #[error(transparent)]
    Io(#[from] std::io::Error),
    #[error(transparent)]
    Os(#[from] rustix::io::Errno),
    #[error(transparent)]
    Handshake(#[from] HandshakeError),
    #[error("the parent sent `{0}` where its boot data was expected")]
    Unexpected(&'static str),
    #[error(transparent)]
    // No `From`: the compiler would offer this type wherever it cannot infer a scope's error.
    Actor(Error),
}

/// Lets the kernel kill this process with its parent.
fn tie_to_parent(parent_pid: u32) -> Result<(), BootError> {
    setup::die_with_parent()?;
    // The parent may have died before that.
    let parent = rustix::process::getppid().map(Pid::as_raw_nonzero);
    if parent.and_then(|pid| u32::try_from(pid.get()).ok()) != Some(parent_pid) {
        exit(0);
    }
    Ok(())
}

/// `drain` is set to the parent's limit when that has arrived.
async fn serve_parent(
    spec: ChildSpec,
    channel: UnixStream,
    bounded: Result<(), RuntimeFailure>,
    drain: &mut Duration,
) -> Result<(), BootError> {
    // Used until the parent's limits have arrived.
    let limits = Limits::default();
    let channel = tokio::net::UnixStream::from_std(channel)?;
    check_parent(&channel, spec.parent_pid)?;
    let uid = Uid::new(spec.name, spec.uuid);
    let mut aid = Aid::new(uid);
    aid.pid = Some(std::process::id().into());
    aid.is_registrar = Some(false);
    aid.caps = Caps::ANNOUNCED;
    let with =
        Introduction { ours: aid.clone(), role: Role::Connector, policy: Policy::Open, limits: &limits };
    let io = Transport::Uds(channel);
    let mut met = introduce(io, with).await?;
    let boot = match met.frames.message(&mut met.io, &limits).await? {
        Msg::SpawnSpec(boot) => *boot,
        other => return Err(BootError::Unexpected(other.name())),
    };
    *drain = boot.timeouts.drain;
    aid.image = image::of_child(boot.image);
    let actor = Actor::new(Identity {
        aid,
        allow: allow_list(&boot),
        limits: boot.limits.clone(),
        timeouts: boot.timeouts.clone(),
        secret: boot.secret.unwrap_or_else(crate::net::fresh_secret),
        is_root: false,
        allow_unauthenticated_peers: boot.allow_unauthenticated_peers,
        is_unproved: false,
        registries: boot.reg_addrs.clone(),
        root_addrs: boot.runtime_vars.root_addrs.clone(),
        methods: &METHODS,
        methods_of_registrars: &[],
        log: crate::devx::current_filter(),
    });
    let connected = Connected {
        io: met.io,
        unread: FrameReader::into_rest(met.frames),
        aid: met.aid,
        caps: met.caps,
        link: Link::Parent,
    };
    let orphan = actor.clone();
    let parent = attach(&actor, connected, move |peer, reason| {
        // When the parent is lost the whole subtree ends.
        orphan.stop();
        std::future::ready(peer.closed_error(reason))
    });
    actor.set_parent(parent.clone());
    let booted = with_actor(actor.clone(), start(&actor, &boot, bounded)).await;
    match &booted {
        Ok(()) => {
            if parent.caps.contains(Caps::READY) {
                // A closed channel stops the actor.
                _ = parent.channel.send(&Msg::Ready { image: actor.aid().image });
            }
            actor.stopped().await;
            say_goodbye(&actor);
        }
        Err(error) => parent.send_error(error::local(actor.uid(), "ActorFailure", error.to_string())),
    }
    actor.enter(actor.shut_down()).await;
    booted.map_err(BootError::Actor)
}

fn allow_list(boot: &SpawnSpec) -> Allow {
    Allow {
        modules: boot.enable_modules.iter().map(|(module, _file)| module.clone()).collect(),
        endpoints: boot.enable_endpoints.clone(),
    }
}

/// The part of the boot that can fail for reasons that the user can fix.
async fn start(actor: &Actor, boot: &SpawnSpec, bounded: Result<(), RuntimeFailure>) -> Result<(), Error> {
    bounded?;
    allow_list(boot).check()?;
    let addrs = match &boot.bind_addrs {
        Some(addrs) => addrs.clone(),
        None => own_addrs(actor.name(), actor.registries())?,
    };
    let is_open = actor.allows_unauthenticated_peers();
    let listeners = bind_all(actor.name(), &addrs, is_open).await.map_err(|(_, error)| error)?;
    listen(actor, listeners);
    announce(actor, Late::GoesOn).await
}

/// Tells the parent that this actor ends in good order, although the parent has not asked for it.
fn say_goodbye(actor: &Actor) {
    let (Some(parent), Some(Some(canceller))) = (actor.parent_peer(), actor.cancel_requested()) else {
        return;
    };
    if *canceller != parent.aid.uid {
        parent.send_error(error::cancelled(actor.uid(), &parent.aid.uid, canceller));
    }
}
