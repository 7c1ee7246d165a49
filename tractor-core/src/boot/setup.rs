//! All changes that this library makes to its process: when a root actor starts, when a child starts, and before either
//! makes its first child.
//!
//! | change | root | child |
//! | --- | --- | --- |
//! | the panic hook records the place of a panic, and calls the previous hook | yes | yes |
//! | the panic hook first writes the actor's name to standard error | | yes |
//! | orphans of its child actors become children of this process, which ends and reaps them (Linux) | with its first child | with its first child |
//! | a handler of SIGCHLD, tokio's | with its first child | with its first child |
//! | the kernel kills the process with its parent (Linux) | | yes |
//! | the process gets the resource limits that its parent has chosen | | yes |
//! | standard input is the null device | | yes |
//! | standard output goes to standard error | | in tests |
//! | the process is named after its actor, and leads a group of its own | | yes |
//! | the soft limit of file locks, which Linux does not enforce, marks the process as the actor's | | yes |
//! | SIGINT, SIGTERM and SIGHUP end the tree in good order: a thread handles them | under `#[tractor::main]` | |
//! | the log subscriber | if `TRACTOR_LOGLEVEL` is set, and there is no other subscriber | if the parent has it |
//!
//! A root also removes the sockets of dead actors from the runtime directory. The first `start_actor` makes a thread,
//! which starts all children. Nothing is undone when the actor ends.

use std::io::Write;
use std::os::unix::net::UnixStream;
use std::sync::{Once, mpsc};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use signal_hook::low_level::emulate_default_handler;

use crate::actor::whereabouts;
use crate::error::RuntimeFailure;
use crate::proto::id::Uid;
use crate::proto::supervision::ProcessBounds;
use crate::session::note_panic_place;

/// Records the places of panics, for the errors of endpoints. In the process of `child` a line with its name comes
/// before the output of the previous hook, because several processes write to one terminal. Called once per process.
pub(super) fn watch_panics(child: Option<&Uid>) {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let previous = std::panic::take_hook();
        let child = child.map(|uid| format!("actor {uid}"));
        std::panic::set_hook(Box::new(move |info| {
            note_panic_place(info);
            if let Some(child) = &child {
                let head = whereabouts().unwrap_or_else(|| child.clone());
                // Fails if the reader is gone.
                _ = writeln!(std::io::stderr(), "\n{head} (process {}) panics:", std::process::id());
            }
            previous(info);
        }));
    });
}

/// Makes this process the new parent of orphans of its actors.
pub(super) fn take_orphans() {
    #[cfg(target_os = "linux")]
    if let Err(error) = rustix::process::set_child_subreaper(Some(rustix::process::getpid())) {
        tracing::debug!("orphans of actors are left to the init process: {error}");
    }
}

/// Lets the kernel kill this process with its parent.
pub(super) fn die_with_parent() -> rustix::io::Result<()> {
    #[cfg(target_os = "linux")]
    rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL))?;
    Ok(())
}

/// Sets the resource limits of this process, for good.
pub(super) fn bound(bounds: &ProcessBounds) -> Result<(), RuntimeFailure> {
    let ProcessBounds { memory_bytes, cpu_secs, open_files } = *bounds;
    // The soft limit is lower, because its SIGXCPU names the reason, unlike SIGKILL.
    let cpu_secs = cpu_secs.map(|secs| (secs, secs.saturating_add(1)));
    for (resource, bound, what) in [
        (Resource::As, memory_bytes.map(|bytes| (bytes, bytes)), "its memory (`memory_max`)"),
        (Resource::Cpu, cpu_secs, "its CPU time (`cpu_time_max`)"),
        (Resource::Nofile, open_files.map(|files| (files, files)), "its open files (`open_files_max`)"),
    ] {
        let Some((current, maximum)) = bound else { continue };
        let hard = getrlimit(resource).maximum.map_or(maximum, |hard| hard.max(current).min(maximum));
        let limit = Rlimit { current: Some(current), maximum: Some(hard) };
        setrlimit(resource, limit).map_err(|error| {
            RuntimeFailure::new(format!("{what} could not be limited to {current}: {error}"))
        })?;
    }
    Ok(())
}

/// Names the process, for `ps`, `pgrep` and its reaper.
pub(super) fn name_process(name: &str) {
    let path = format!("/proc/{}/comm", std::process::id());
    if let Err(error) = std::fs::write(path, name) {
        tracing::debug!("the process could not be named: {error}");
    }
}

/// Marks the process, and every process that it starts, as its actor's, for the reaper.
pub(super) fn mark_process() {
    #[cfg(target_os = "linux")]
    {
        let maximum = getrlimit(Resource::Locks).maximum;
        let limit = Rlimit { current: Some(crate::process::mark_of(rustix::process::getpid())), maximum };
        if let Err(error) = setrlimit(Resource::Locks, limit) {
            tracing::debug!("the process could not be marked: {error}");
        }
    }
}

/// Takes the socket from standard input, and puts the null device in its place.
pub(super) fn take_stdin() -> std::io::Result<UnixStream> {
    let taken = rustix::io::fcntl_dupfd_cloexec(rustix::stdio::stdin(), 3)?;
    let null = std::fs::File::open("/dev/null")?;
    rustix::stdio::dup2_stdin(null)?;
    Ok(UnixStream::from(taken))
}

/// Sends standard output to standard error.
pub(super) fn print_to_stderr() -> rustix::io::Result<()> {
    rustix::stdio::dup2_stdout(rustix::stdio::stderr())
}

/// Starts a thread that handles SIGINT, SIGTERM and SIGHUP, except ignored signals. Acts once per process.
pub(super) fn catch_signals(caught: fn(i32)) {
    static CATCH: Once = Once::new();
    CATCH.call_once(|| {
        let ignored = ignored_signals();
        let kinds =
            [SIGINT, SIGTERM, SIGHUP].into_iter().filter(move |signal| ignored & (1 << (signal - 1)) == 0);
        let (ready, installed) = mpsc::channel();
        // The thread comes first: a signal that is caught must be handled.
        let thread = std::thread::Builder::new().name("tractor-signals".to_owned()).spawn(move || {
            let signals = Signals::new(kinds);
            // The receiver waits below.
            _ = ready.send(signals.as_ref().map(|_| ()).map_err(ToString::to_string));
            signals.into_iter().for_each(|mut signals| signals.forever().for_each(caught));
        });
        let failed = thread.map_err(|error| error.to_string()).err();
        if let Some(error) = failed.or_else(|| installed.recv().ok()?.err()) {
            tracing::warn!("signals are not caught, so they end this process but not its tree: {error}");
        }
    });
}

/// A bit for each signal that this process ignores, if the system reports them.
fn ignored_signals() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0)
}

/// Ends the process as an uncaught signal does. The init process of a container, which the kernel does not kill, exits
/// with the code that a shell reports for that signal.
#[allow(clippy::exit, reason = "what is left of the process is its status")]
pub(super) fn die_of(signal: i32) -> ! {
    if std::process::id() != 1 {
        // Returns only for unknown signals.
        _ = emulate_default_handler(signal);
    }
    std::process::exit(128 + signal)
}
