//! The entry points behind `#[tractor::main]`, `#[tractor::test]` and `init()`.

use std::io::Write;
use std::pin::Pin;

use tokio::runtime::{Builder, Runtime};

use super::{child, setup, shutdown};
use crate::process::{ChildSpec, Entry, set_entry};

/// The options of a root actor's runtime.
#[derive(Debug, Clone, Copy)]
pub struct RuntimeOptions {
    /// The function that runs first, in root and children.
    pub setup: fn(),
    /// Several threads, or only the calling one.
    pub multi_thread: bool,
    /// Worker threads of a multi-threaded runtime; one per core when not set.
    pub worker_threads: Option<usize>,
}

/// Runs `main`, or the child actor if this process is one.
pub fn run_main<F, Fut>(options: RuntimeOptions, body: F) -> Fut::Output
where
    F: FnOnce() -> Fut,
    Fut: Future,
{
    enter(Entry::Main, options.setup);
    shutdown::end_trees_by_signal();
    let mut output = None;
    let body = Box::pin(async { output = Some(body().await) });
    let runtime = build(options);
    runtime.block_on(Box::pin(run_until_signal(body)));
    if let Some(signal) = shutdown::fatal_signal() {
        // The process ends, so a failure is ignored.
        _ = std::io::stdout().flush();
        setup::die_of(signal);
    }
    drop(runtime);
    output.expect("it was run to its end")
}

/// Runs the body of `main`. If a signal ends the trees of this process, the body runs until they have ended, and is
/// then dropped.
async fn run_until_signal(body: Pin<Box<dyn Future<Output = ()> + '_>>) {
    tokio::select! {
        biased;
        () = body => {
            // Trees of other tasks still end.
            if shutdown::fatal_signal().is_some() {
                shutdown::trees_ended().await;
            }
        }
        signal = shutdown::trees_ended() => tracing::debug!("the tree has ended, because of signal {signal}"),
    }
}

/// Runs a test, or the child actor if this process is one. `test` is the function's full path.
pub fn run_test<F, Fut>(options: RuntimeOptions, test: &'static str, body: F) -> Fut::Output
where
    F: FnOnce() -> Fut,
    Fut: Future,
{
    // The harness names tests without the crate.
    let path = test.split_once("::").map_or(test, |(_crate, path)| path);
    enter(Entry::Test(path), options.setup);
    run(options, body)
}

/// As [`run_test`], on a runtime of one thread whose clock is paused.
#[cfg(feature = "test-util")]
pub fn run_paused_test<F, Fut>(options: RuntimeOptions, test: &'static str, body: F) -> Fut::Output
where
    F: FnOnce() -> Fut,
    Fut: Future,
{
    run_test(options, test, || async {
        tokio::time::pause();
        body().await
    })
}

/// Declares this program's `main` as an entry point of actors, for programs that build their own tokio runtime. Must be
/// the first thing `main` does: in a child process it runs the actor and never returns.
///
/// In a process that is no child this changes nothing;
/// [`open_root_actor`](crate::open_root_actor#what-changes-in-the-process) lists what an actor changes. In a child,
/// standard input, which was its connection, becomes the null device; in a child of a test, standard output becomes
/// standard error. The process gets the name of its actor, and the kernel ends it with its parent.
///
/// A privileged program (set-uid, set-gid or capabilities of its file) is never a child, whatever its environment says,
/// and starts no children: `start_actor` is an error there.
///
/// ```
/// # use tractor_core as tractor;
/// tractor::init();
/// // build a runtime, open a nursery ...
/// ```
pub fn init() {
    init_with(|| {});
}

/// As [`init`], with a function that runs first in every process of the program, before any runtime is made. Set up the
/// program's own `tracing` subscriber there.
///
/// In a child it runs on the main thread, after the actor's limits are set. If it panics, the child ends and
/// `start_actor` fails. Its time counts towards `Timeouts::child_boot`.
///
/// ```
/// # use tractor_core as tractor;
/// fn setup() {
///     // tracing_subscriber::fmt().with_writer(std::io::stderr).init();
/// }
///
/// tractor::init_with(setup);
/// // build a runtime, open a nursery ...
/// ```
pub fn init_with(setup: fn()) {
    enter(Entry::Main, setup);
}

fn enter(entry: Entry, setup: fn()) {
    if let Some(spec) = ChildSpec::of_this_process() {
        child::run(spec, entry, setup);
    }
    set_entry(entry, setup::take_orphans);
    setup();
}

fn run<F, Fut>(options: RuntimeOptions, body: F) -> Fut::Output
where
    F: FnOnce() -> Fut,
    Fut: Future,
{
    let mut output = None;
    block_on(options, Box::pin(async { output = Some(body().await) }));
    output.expect("it was run to its end")
}

/// The body is boxed, because the runtime is compiled for each type of future, and there are many tests.
fn block_on(options: RuntimeOptions, body: Pin<Box<dyn Future<Output = ()> + '_>>) {
    build(options).block_on(body);
}

fn build(options: RuntimeOptions) -> Runtime {
    let mut builder =
        if options.multi_thread { Builder::new_multi_thread() } else { Builder::new_current_thread() };
    if let Some(threads) = options.worker_threads {
        builder.worker_threads(threads);
    }
    builder
        .enable_all()
        .build()
        .expect("the operating system gives a new process threads and an epoll handle")
}
