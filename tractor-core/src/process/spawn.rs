//! Starts a child process by running the current binary again.
//!
//! The environment variable [`CHILD_ENV`] tells a process that it is a child; the entry points read it first. The
//! channel to the parent is one end of a socket pair, which the child gets as its standard input.
//!
//! # Invariants
//! 1. Processes are made by one thread that lives as long as this process: the kernel sends the parent-death signal
//!    when the *thread* that made the child ends.
//! 2. Every child leads a process group of its own, so that the terminal's signals reach the root only.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::Stdio;
use std::sync::{Once, OnceLock, mpsc};
use std::time::Duration;

use rustix::fs::FileType;
use rustix::process::Pid;
use tokio::net::unix::pipe::Receiver;
use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::handle::Child;
use super::options::ProcessOptions;
use super::output::{Output, Stream};
use super::program::{not_run, run_again};
use super::reaper;
use crate::error::Circumstances;
use crate::net::{env, has_two_users, is_privileged};
use crate::proto::limits::NAME_BYTES_MAX;
use crate::proto::supervision::ProcessBounds;

/// Tells a process that it is a child actor, and which one.
const CHILD_ENV: &str = "TRACTOR_CHILD";
/// First field of [`CHILD_ENV`]: the version of the other fields.
const CHILD_ENV_VERSION: &str = "2";

/// The entry point of this process, and so of a copy of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Entry {
    /// Through `main`, whatever its arguments.
    Main,
    /// Through a test of the standard harness, by its full path.
    Test(&'static str),
}

/// The entry point, and its preparation before the first child is made.
static ENTRY: OnceLock<(Entry, fn())> = OnceLock::new();

/// Records the entry point of this process, and the preparation before its first child. The first call counts.
pub(crate) fn set_entry(entry: Entry, before_first_child: fn()) {
    ENTRY.get_or_init(|| (entry, before_first_child));
}

/// The data that a child process needs before its first message to the parent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ChildSpec {
    pub(crate) parent_pid: u32,
    /// Worker threads of its runtime; zero for a single-threaded one.
    pub(crate) worker_threads: usize,
    /// Its resource limits.
    pub(crate) bounds: ProcessBounds,
    /// Filter of its log; empty for none.
    pub(crate) log: String,
    pub(crate) uuid: String,
    pub(crate) name: String,
}

impl ChildSpec {
    /// `channel` identifies the socket that is the child's standard input.
    fn to_env(&self, channel: u64) -> String {
        let Self { parent_pid, worker_threads, bounds, log, uuid, name } = self;
        let bounds = bounds.to_text();
        format!("{CHILD_ENV_VERSION} {channel} {parent_pid} {worker_threads} {uuid} {bounds} {log} {name}")
    }

    fn from_env(text: &str) -> Option<(Self, u64)> {
        let mut fields = text.splitn(8, ' ');
        if fields.next()? != CHILD_ENV_VERSION {
            return None;
        }
        let channel = fields.next()?.parse().ok()?;
        let parent_pid = fields.next()?.parse().ok()?;
        let worker_threads = fields.next()?.parse().ok()?;
        let uuid = fields.next()?.to_owned();
        let bounds = ProcessBounds::from_text(fields.next()?)?;
        let log = fields.next()?.to_owned();
        let name = fields.next()?.to_owned();
        Some((Self { parent_pid, worker_threads, bounds, uuid, log, name }, channel))
    }

    /// The boot data of this process, if it is a child.
    ///
    /// A program that a child starts inherits the variable, but is no actor: its standard input is not the socket that
    /// the variable names. A privileged program trusts neither.
    pub(crate) fn of_this_process() -> Option<Self> {
        let (spec, channel) = Self::from_env(env(CHILD_ENV)?.to_str()?)?;
        let stdin = socket_id(rustix::stdio::stdin()).ok()?;
        (stdin == Some(channel)).then_some(spec)
    }
}

/// Identifies an open socket on this system; `None` if the descriptor is no socket.
fn socket_id(fd: impl AsFd) -> io::Result<Option<u64>> {
    let stat = rustix::fs::fstat(fd)?;
    Ok(FileType::from_raw_mode(stat.st_mode).is_socket().then_some(stat.st_ino))
}

/// A child process, as long as it is watched.
#[derive(Debug)]
pub(super) struct Spawned {
    pub(super) process: Child,
    pub(super) pid: u32,
    pub(super) output: Output,
    pub(super) bounds: ProcessBounds,
}

impl Spawned {
    /// The circumstances of the end of the process, which is gone. Its output is read for at most `limit`.
    pub(super) async fn circumstances(&mut self, limit: Duration) -> Circumstances {
        Circumstances { bounds: self.bounds, last_lines: self.output.settled(limit).await }
    }
}

/// Whether the clock of this runtime is paused. The system's clock advances during the check.
fn clock_is_paused() -> bool {
    let (here, there) = (Instant::now(), std::time::Instant::now());
    while there.elapsed() < Duration::from_micros(1) {}
    here.elapsed().is_zero()
}

/// Starts a child process. Also returns this end of its channel.
pub(super) async fn spawn(
    spec: ChildSpec,
    options: ProcessOptions,
) -> io::Result<(Spawned, tokio::net::UnixStream)> {
    if clock_is_paused() {
        return Err(io::Error::other(
            "the clock of this runtime is paused (`start_paused`, `tokio::time::pause`): it jumps from one time limit \
             to the next while a process takes real time, so every limit for the child would be over at once; test \
             with `tractor::with_local_actor`, or call `tokio::time::resume()` before",
        ));
    }
    let Some(&(entry, before_first_child)) = ENTRY.get() else {
        return Err(io::Error::other(
            "this program was not entered through tractor, so a copy of it would run its `main` again instead of an \
             actor: put `#[tractor::main]` on `main` (`#[tractor::test]` on a test), or call `tractor::init()` as the \
             first thing in `main`",
        ));
    };
    if is_privileged() || has_two_users() {
        return Err(io::Error::new(
            io::ErrorKind::PermissionDenied,
            "this program has other rights than its starter (set-uid, set-gid or capabilities of its file, or an \
             effective user that is not the real one), so a copy of it would not run as an actor: let an ordinary \
             program start actors",
        ));
    }
    if spec.name.contains('\0') || spec.name.len() > NAME_BYTES_MAX {
        let text = format!("an actor's name has no NUL and at most {NAME_BYTES_MAX} bytes");
        return Err(io::Error::new(io::ErrorKind::InvalidInput, text));
    }
    let (name, how) = (spec.name.clone(), (options.stdout, options.stderr));
    let bounds = spec.bounds;
    let (reply, spawned) = oneshot::channel();
    let handle = Handle::current();
    run_on_spawner(move || {
        static FIRST: Once = Once::new();
        FIRST.call_once(before_first_child);
        let _runtime = handle.enter();
        // If the caller was dropped meanwhile, the child is dropped.
        _ = reply.send(spawn_here(&spec, &options, entry));
    })?;
    let Ok(spawned) = spawned.await else {
        return Err(io::Error::other(
            "starting the process panicked; does the tokio runtime have `enable_all`?",
        ));
    };
    let Begun { process, channel, stdout, stderr } = spawned?;
    let pid = process.id().expect("the process was not waited for yet");
    channel.set_nonblocking(true)?;
    let channel = tokio::net::UnixStream::from_std(channel)?;
    let (label, mut output) = (format!("{}@{pid}", name.escape_debug()), Output::default());
    for (pipe, stream, how) in [(stdout, Stream::Stdout, how.0), (stderr, Stream::Stderr, how.1)] {
        if let Some(pipe) = pipe {
            output.read(Receiver::from_owned_fd(pipe)?, stream, how, &label);
        }
    }
    Ok((Spawned { process, pid, output, bounds }, channel))
}

/// A child process that has just been made, and our ends of its channel and outputs.
struct Begun {
    process: Child,
    channel: UnixStream,
    stdout: Option<OwnedFd>,
    stderr: Option<OwnedFd>,
}

type Job = Box<dyn FnOnce() + Send>;

/// Runs a job on the thread that makes every child process. An error means that there is no such thread.
pub(super) fn run_on_spawner(job: impl FnOnce() + Send + 'static) -> io::Result<()> {
    spawner()?
        .send(Box::new(job))
        .map_err(|_job| io::Error::other("the thread that starts processes has ended"))
}

/// The thread of the module's invariant 1.
fn spawner() -> io::Result<&'static mpsc::Sender<Job>> {
    static SPAWNER: OnceLock<mpsc::Sender<Job>> = OnceLock::new();
    if let Some(spawner) = SPAWNER.get() {
        return Ok(spawner);
    }
    let (sender, jobs) = mpsc::channel::<Job>();
    std::thread::Builder::new().name("tractor-spawner".to_owned()).spawn(move || {
        for job in jobs {
            // If the runtime of one caller cannot own processes, only that caller fails.
            if catch_unwind(AssertUnwindSafe(job)).is_err() {
                tracing::error!("starting a child process panicked");
            }
        }
    })?;
    // If two callers have made a thread, the second thread ends with its sender.
    Ok(SPAWNER.get_or_init(|| sender))
}

fn spawn_here(spec: &ChildSpec, options: &ProcessOptions, entry: Entry) -> io::Result<Begun> {
    let (ours, theirs) = UnixStream::pair()?;
    let mut command = run_again()?;
    command.arg0(format!("_subactor[{}]", spec.name));
    let channel = socket_id(&theirs)?.ok_or_else(|| io::Error::other("a socket pair holds no sockets"))?;
    options.apply(&mut command);
    command.env(CHILD_ENV, spec.to_env(channel));
    command.stdin(Stdio::from(OwnedFd::from(theirs)));
    command.process_group(0);
    command.stderr(options.stderr.of_process());
    match entry {
        Entry::Main => {
            match options.own_args() {
                Some(args) => command.args(args),
                None => command.args(std::env::args_os().skip(1)),
            };
            command.stdout(options.stdout.of_process());
        }
        Entry::Test(test) => {
            command.args([
                test,
                "--exact",
                "--nocapture",
                "--include-ignored",
                "--test-threads=1",
                "--quiet",
            ]);
            if let Some(args) = options.own_args() {
                // The harness would take them for names of other tests.
                command.arg("--").args(args);
            }
            // The harness writes to standard output; the actor's own output goes to standard error.
            command.stdout(Stdio::null());
        }
    }
    // The handle of the standard library does nothing when it is dropped.
    let mut made = reaper::bear(&mut command).map_err(|error| not_run(&error, options.dir.as_deref()))?;
    let (stdout, stderr) = (made.stdout.take().map(OwnedFd::from), made.stderr.take().map(OwnedFd::from));
    Ok(Begun { process: Child::new(Pid::from_child(&made)), channel: ours, stdout, stderr })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_child_environment_round_trips() {
        for name in ["worker", "a name with spaces", ""] {
            let spec = ChildSpec {
                parent_pid: 7,
                worker_threads: 2,
                bounds: ProcessBounds { cpu_secs: Some(3), ..ProcessBounds::default() },
                log: "tractor=debug,info".into(),
                uuid: "u-u".into(),
                name: name.into(),
            };
            assert_eq!(ChildSpec::from_env(&spec.to_env(99)), Some((spec, 99)));
        }
    }

    #[test]
    fn a_foreign_environment_is_no_child() {
        for text in [
            "",
            "1",
            "2 9 7 2 u log name",
            "1 9 7 2 u log name",
            "2 9 x 2 u ,, log name",
            "2 9 7 2 u , log name",
        ] {
            assert_eq!(ChildSpec::from_env(text), None, "{text:?}");
        }
    }
}
