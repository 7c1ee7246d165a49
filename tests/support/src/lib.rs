//! The harness of the integration tests: every test has a deadline and must leave no process behind.
//!
//! A test is the body of one of [`with_process`], [`with_local`], [`in_nursery`], [`in_root`] and [`tree`]. Each of
//! them is a whole harness; they differ in the arguments of the body. Tests force order by messages: with the
//! [`journal`] a test waits for the actions of an actor, in any process.

pub mod dice;
pub mod journal;
pub mod processes;

use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use tractor::{ActorNursery, ActorOptions, Portal};

/// Longer than any test takes on a busy machine.
const DEADLINE_SECS: u64 = 60;

/// The process tree of one test.
#[derive(Debug)]
pub struct Tree {
    /// First characters of every actor's name, unique among the tests of this process.
    tag: String,
}

impl Tree {
    fn new() -> Self {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        // The tag is short, because the kernel keeps 15 bytes of a process name, `_subactor[` included.
        Self { tag: format!("t{:02}-", NEXT.fetch_add(1, Ordering::Relaxed)) }
    }

    /// A name for an actor of this test.
    pub fn name(&self, name: &str) -> String {
        format!("{}{name}", self.tag)
    }

    /// The processes of this test's actors that were not reaped, alive or dead.
    pub fn processes(&self) -> Vec<processes::Process> {
        processes::descendants(&self.tag)
    }

    /// Waits until no process of this test is left, for teardowns that no scope waits for.
    pub async fn all_reaped(&self) {
        until(|| self.processes().is_empty()).await;
    }
}

/// Runs a test with a time limit. Fails if one of its processes is left.
pub async fn tree<T, F>(body: F) -> tractor::Result<T>
where
    F: AsyncFnOnce(&Tree) -> tractor::Result<T>,
{
    tree_within(DEADLINE_SECS, body).await
}

/// Runs a test that takes longer than others.
pub async fn tree_within<T, F>(secs: u64, body: F) -> tractor::Result<T>
where
    F: AsyncFnOnce(&Tree) -> tractor::Result<T>,
{
    let tree = Tree::new();
    watched(&tree, secs, Box::pin(body(&tree))).await
}

async fn watched<T>(
    tree: &Tree,
    secs: u64,
    body: Pin<Box<dyn Future<Output = tractor::Result<T>> + '_>>,
) -> tractor::Result<T> {
    let result = with_deadline(secs, body).await;
    let left = tree.processes();
    assert!(
        left.is_empty(),
        "the test left processes behind: {left:?}; its error was {:?}",
        result.as_ref().err()
    );
    result
}

/// Runs a test with one child process that exposes `module` and the journal, and ends it afterwards.
pub async fn with_process<T, F>(module: &str, body: F) -> tractor::Result<T>
where
    F: AsyncFnOnce(&Portal) -> tractor::Result<T>,
{
    process(module, Box::new(body)).await
}

async fn process<T>(module: &str, body: Box<dyn OfPortal<T> + '_>) -> tractor::Result<T> {
    in_nursery(async |tree, an| {
        let worker = start(an, tree.name("worker"), module).await?;
        let value = body.run(&worker).await?;
        worker.cancel_actor().await?;
        Ok(value)
    })
    .await
}

/// Runs a test with a second actor in this process that exposes `module` and the journal.
pub async fn with_local<T, F>(module: &str, body: F) -> tractor::Result<T>
where
    F: AsyncFnOnce(&Portal) -> tractor::Result<T>,
{
    local(module, Box::new(body)).await
}

async fn local<T>(module: &str, body: Box<dyn OfPortal<T> + '_>) -> tractor::Result<T> {
    let options = ActorOptions::new().enable_module(module).enable_module(journal::MODULE);
    in_root(async |_| tractor::with_local_actor(options, async |portal| body.run(portal).await).await).await
}

/// Runs a test inside a nursery.
pub async fn in_nursery<T, F>(body: F) -> tractor::Result<T>
where
    F: AsyncFnOnce(&Tree, &ActorNursery) -> tractor::Result<T>,
{
    nursery(None, Box::new(body)).await
}

/// Runs a test inside a nursery whose root actor has these options.
pub async fn in_nursery_with<T, F>(root: ActorOptions, body: F) -> tractor::Result<T>
where
    F: AsyncFnOnce(&Tree, &ActorNursery) -> tractor::Result<T>,
{
    nursery(Some(root), Box::new(body)).await
}

async fn nursery<T>(root: Option<ActorOptions>, body: Box<dyn OfNursery<T> + '_>) -> tractor::Result<T> {
    let test = async |tree: &Tree| tractor::open_nursery(async |an| body.run(tree, an).await).await;
    match root {
        Some(root) => in_root_with(root, test).await,
        None => tree(test).await,
    }
}

/// Runs a test inside a root actor.
pub async fn in_root<T, F>(body: F) -> tractor::Result<T>
where
    F: AsyncFnOnce(&Tree) -> tractor::Result<T>,
{
    in_root_with(ActorOptions::new(), body).await
}

/// Runs a test inside a root actor with these options.
pub async fn in_root_with<T, F>(root: ActorOptions, body: F) -> tractor::Result<T>
where
    F: AsyncFnOnce(&Tree) -> tractor::Result<T>,
{
    self::root(root, Box::new(body)).await
}

async fn root<T>(root: ActorOptions, body: Box<dyn OfTree<T> + '_>) -> tractor::Result<T> {
    tree(async |tree| tractor::open_root_actor(root, async |_| body.run(tree).await).await).await
}

type Running<'a, T> = Pin<Box<dyn Future<Output = tractor::Result<T>> + 'a>>;

/// The body of a test, boxed: harness and scopes are compiled once for all tests of a binary.
macro_rules! bodies {
    ($($body:ident($($arg:ident: $ty:ty),*);)*) => {$(
        trait $body<T> {
            fn run<'a>(self: Box<Self>, $($arg: &'a $ty),*) -> Running<'a, T>
            where
                Self: 'a;
        }

        impl<T, F: AsyncFnOnce($(&$ty),*) -> tractor::Result<T>> $body<T> for F {
            fn run<'a>(self: Box<Self>, $($arg: &'a $ty),*) -> Running<'a, T>
            where
                Self: 'a,
            {
                Box::pin((*self)($($arg),*))
            }
        }
    )*};
}

bodies! {
    OfTree(tree: Tree);
    OfNursery(tree: Tree, an: ActorNursery);
    OfPortal(portal: Portal);
}

/// Starts a child process that exposes `module` and the journal.
pub async fn start(an: &ActorNursery, name: impl Into<String>, module: &str) -> tractor::Result<Portal> {
    an.start_actor(name).enable_module(module).enable_module(journal::MODULE).await
}

/// Runs a future that must be ready in time.
pub async fn with_deadline<F: Future>(secs: u64, future: F) -> F::Output {
    match tokio::time::timeout(Duration::from_secs(secs), future).await {
        Ok(output) => output,
        Err(_elapsed) => panic!("not done within {secs} s"),
    }
}

/// Waits for a condition without a notification, while all other tasks go on.
pub async fn until(mut holds: impl FnMut() -> bool) {
    while !holds() {
        tokio::task::yield_now().await;
    }
}

/// Polls a future once.
pub async fn poll_once<F: Future + Unpin>(future: &mut F) -> Poll<F::Output> {
    let mut future = Pin::new(future);
    std::future::poll_fn(|cx| Poll::Ready(future.as_mut().poll(cx))).await
}

/// Runs `work`, which must not end, until the running endpoint is cancelled: then the endpoint is polled without a
/// wake.
pub async fn until_cancelled(work: impl Future) {
    // The first polls of an endpoint come without a wake, too; this makes the next poll come through a wake.
    for _ in 0..3 {
        tokio::task::yield_now().await;
    }
    let woken = Arc::new(Woken::default());
    let mut work = pin!(work);
    let mut polled = false;
    std::future::poll_fn(|cx| {
        if std::mem::replace(&mut polled, true) && !woken.flag.swap(false, Ordering::Relaxed) {
            return Poll::Ready(());
        }
        woken.task.lock().expect("the lock is not poisoned").clone_from(cx.waker());
        let waker = woken.clone().into();
        assert!(work.as_mut().poll(&mut Context::from_waker(&waker)).is_pending(), "the work has ended");
        Poll::Pending
    })
    .await;
}

/// Remembers that it was woken, and wakes a task.
struct Woken {
    flag: AtomicBool,
    task: Mutex<Waker>,
}

impl Default for Woken {
    fn default() -> Self {
        Self { flag: AtomicBool::new(false), task: Mutex::new(Waker::noop().clone()) }
    }
}

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.flag.store(true, Ordering::Relaxed);
        self.task.lock().expect("the lock is not poisoned").wake_by_ref();
    }
}

/// Never ready.
pub async fn forever() {
    std::future::pending::<()>().await;
}

/// The failure of the tests' endpoints.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spoiled(pub String);

impl std::fmt::Display for Spoiled {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Spoiled {}

/// Fails, with a text.
pub fn spoiled<T>(text: &str) -> Result<T, Spoiled> {
    Err(Spoiled(text.to_owned()))
}
