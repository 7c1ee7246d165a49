//! What this library changes in its process, all of it: when a root actor starts, when a child does, and before either makes its
//! first child.
//!
//! | change | root | child |
//! | --- | --- | --- |
//! | the panic hook notes the place of a panic, and calls the one before it | yes | yes |
//! | orphans of its child actors become children of this process, which ends and reaps them (Linux) | with its first child | with its first child |
//! | a handler of SIGCHLD, tokio's | with its first child | with its first child |
//! | the kernel kills the process with its parent (Linux) | | yes |
//! | standard input is the null device | | yes |
//! | standard output goes to standard error | | in tests |
//! | the process is named after its actor, and leads a group of its own | | yes |
//! | the subscriber of the log, where the parent has one | | yes |
//!
//! A root also removes the sockets of dead actors from the runtime directory. The first `start_actor` makes a thread, which
//! starts all children. Environment, signal masks and the working directory stay as they are; nothing is undone when the
//! actor ends.

use std::os::unix::net::UnixStream;
use std::sync::Once;

use crate::session::note_panic_place;

/// Notes where panics happen, for errors of endpoints to tell. Once per process.
pub(super) fn watch_panics() {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let previous = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            note_panic_place(info);
            previous(info);
        }));
    });
}

/// Makes this process the one that orphans of its actors are handed to.
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

/// Names the process, for `ps`, `pgrep` and whoever reaps it.
pub(super) fn name_process(name: &str) {
    let path = format!("/proc/{}/comm", std::process::id());
    if let Err(error) = std::fs::write(path, name) {
        tracing::debug!("the process could not be named: {error}");
    }
}

/// Takes the socket that is standard input, and puts the null device there.
pub(super) fn take_stdin() -> std::io::Result<UnixStream> {
    let taken = rustix::io::fcntl_dupfd_cloexec(rustix::stdio::stdin(), 3)?;
    let null = std::fs::File::open("/dev/null")?;
    rustix::stdio::dup2_stdin(null)?;
    Ok(UnixStream::from(taken))
}

/// Sends what is printed to standard error.
pub(super) fn print_to_stderr() -> rustix::io::Result<()> {
    rustix::stdio::dup2_stdout(rustix::stdio::stderr())
}
