//! The end of an actor: its cleanup runs once and in order, whichever actor ends it.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::time::Duration;

use support::journal::{NoteOnDrop, note, seen};
use support::{Tree, forever, in_root, poll_once, start, tree, until, with_process};
use tokio::runtime::Builder;
use tokio::sync::oneshot;
use tractor::{Actor, ActorOptions, DynCall, Error, Result, Timeouts};

/// Lines that actors write to a file of the test.
struct Marks(PathBuf);

impl Marks {
    fn new(tree: &Tree) -> Self {
        let file = format!("{}-{}{}", env!("CARGO_CRATE_NAME"), tree.name("marks-"), std::process::id());
        Self(std::env::temp_dir().join(file))
    }

    fn path(&self) -> String {
        self.0.display().to_string()
    }

    fn read(&self) -> Vec<String> {
        fs::read_to_string(&self.0).unwrap_or_default().lines().map(str::to_owned).collect()
    }
}

impl Drop for Marks {
    fn drop(&mut self) {
        _ = fs::remove_file(&self.0); // fails if there are no lines
    }
}

fn mark(path: impl AsRef<Path>, line: &str) {
    let mut file = fs::File::options().append(true).create(true).open(path).expect("the folder is there");
    writeln!(file, "{line}").expect("there is room for a line");
}

/// Marks its drop.
struct MarkOnDrop(String);

impl Drop for MarkOnDrop {
    fn drop(&mut self) {
        mark(&self.0, "state dropped");
    }
}

tractor::actor_local! {
    static STATE: Mutex<Option<MarkOnDrop>> = Mutex::new(None);
}

fn on_exit(actor: &Actor, path: &str, line: &'static str) {
    let path = path.to_owned();
    let callback = move || {
        let actor = tractor::current_actor();
        mark(path, &format!("{line} of {}", actor.name().split_once('-').map_or("?", |(_, name)| name)));
    };
    assert!(actor.on_exit(callback).is_ok(), "the actor runs");
}

/// Makes a state and two callbacks, which the end of the actor has to clean up.
#[tractor::actor_fn]
async fn prepare(path: String) {
    let actor = tractor::current_actor();
    on_exit(&actor, &path, "first");
    on_exit(&actor, &path, "second");
    *STATE.get().lock().expect("the lock is not poisoned") = Some(MarkOnDrop(path));
}

/// As [`prepare`], and may fail.
#[tractor::actor_fn]
async fn prepare_and_end(path: String, fails: bool) -> anyhow::Result<()> {
    prepare(path).await;
    anyhow::ensure!(!fails, "failed after it was prepared");
    Ok(())
}

#[tractor::actor_fn]
async fn sleeps() {
    let _note = NoteOnDrop("dropped");
    note("asleep");
    forever().await;
}

#[tractor::actor_fn]
async fn end_soon() -> bool {
    tractor::current_actor().cancel_soon();
    true
}

/// Callbacks come first: they may use the state.
const CLEANED_UP: [&str; 3] = ["second of worker", "first of worker", "state dropped"];

#[tractor::actor_fn]
async fn leaves_a_blocking_call_behind() {
    tokio::task::spawn_blocking(|| {
        loop {
            std::thread::park();
        }
    });
}

#[tractor::test]
async fn cleanup_runs_when_the_actor_is_cancelled() -> Result<()> {
    tree(async |tree| {
        let marks = Marks::new(tree);
        tractor::open_nursery(async |an| -> Result<()> {
            let worker = start(an, tree.name("worker"), module_path!()).await?;
            worker.run(prepare(marks.path())).await?;
            assert!(marks.read().is_empty(), "the actor runs");
            worker.cancel_actor().await?;
            Ok(())
        })
        .await?;
        assert_eq!(marks.read(), CLEANED_UP);
        Ok(())
    })
    .await
}

#[tractor::test]
async fn cleanup_runs_when_the_nursery_fails() -> Result<()> {
    tree(async |tree| {
        let marks = Marks::new(tree);
        let left: anyhow::Result<()> = tractor::open_nursery(async |an| {
            let worker = start(an, tree.name("worker"), module_path!()).await?;
            worker.run(prepare(marks.path())).await?;
            anyhow::bail!("no more")
        })
        .await;
        assert_eq!(left.unwrap_err().to_string(), "no more");
        assert_eq!(marks.read(), CLEANED_UP);
        Ok(())
    })
    .await
}

#[tractor::test]
async fn cleanup_runs_when_a_one_shot_actor_is_done() -> Result<()> {
    tree(async |tree| {
        for fails in [false, true] {
            let marks = Marks::new(tree);
            let left: Result<()> = tractor::open_nursery(async |an| {
                let call = prepare_and_end(marks.path(), fails);
                an.run_in_actor(call).name(tree.name("worker")).await?.wait_for_result().await.map(drop)
            })
            .await;
            assert_eq!(left.is_err(), fails);
            assert_eq!(marks.read(), CLEANED_UP);
        }
        Ok(())
    })
    .await
}

#[tractor::test]
async fn cleanup_runs_when_the_actor_ends_itself() -> Result<()> {
    tree(async |tree| {
        let marks = Marks::new(tree);
        tractor::open_nursery(async |an| -> Result<()> {
            let worker = start(an, tree.name("worker"), module_path!()).await?;
            worker.run(prepare(marks.path())).await?;
            let mut asleep = worker.run(sleeps());
            assert!(poll_once(&mut asleep).await.is_pending());
            worker.run(seen("asleep".to_owned())).await?;
            assert!(worker.run(end_soon()).await?);
            let Error::Cancelled(told) = asleep.await.unwrap_err() else { panic!("its actor has ended") };
            assert_eq!(told.canceller(), Some(worker.uid()));
            until(|| an.children().is_empty()).await;
            assert!(!an.cancel_called(), "an actor may end itself");
            Ok(())
        })
        .await?;
        assert_eq!(marks.read(), CLEANED_UP);
        Ok(())
    })
    .await
}

#[tractor::test]
async fn cleanup_of_the_root_runs_at_the_end_of_its_scope() -> Result<()> {
    tree(async |_| {
        let ran = Arc::new(Mutex::new(Vec::new()));
        let push = |text: &'static str| {
            let ran = ran.clone();
            move || ran.lock().expect("the lock is not poisoned").push(text)
        };
        let actor =
            tractor::open_root_actor(ActorOptions::new().name("top"), async |actor| -> Result<Actor> {
                assert_eq!(actor.name(), "top");
                for callback in [push("first"), push("second")] {
                    assert!(actor.on_exit(callback).is_ok());
                }
                assert!(ran.lock().expect("the lock is not poisoned").is_empty());
                Ok(actor.clone())
            })
            .await?;
        assert_eq!(*ran.lock().expect("the lock is not poisoned"), ["second", "first"]);

        let late = actor.on_exit(push("late")).expect_err("the actor has ended");
        assert!(format!("{late:?}").contains("TooLate") && late.to_string().contains("too late"));
        (late.0)();
        assert_eq!(*ran.lock().expect("the lock is not poisoned"), ["second", "first", "late"]);
        Ok(())
    })
    .await
}

#[tractor::test]
async fn cleanup_of_the_root_runs_when_its_body_fails_or_is_dropped() -> Result<()> {
    tree(async |_| {
        let (sender, mut ran) = tokio::sync::mpsc::unbounded_channel();
        let push = |text: &'static str| {
            let sender = sender.clone();
            move || sender.send(text).expect("the test listens")
        };
        let left: anyhow::Result<()> = tractor::open_root_actor(ActorOptions::new(), async |actor| {
            assert!(actor.on_exit(push("failed")).is_ok());
            anyhow::bail!("no more")
        })
        .await;
        assert_eq!(left.unwrap_err().to_string(), "no more");
        assert_eq!(ran.try_recv(), Ok("failed"));

        let mut scope =
            Box::pin(tractor::open_root_actor(ActorOptions::new(), async |actor| -> Result<()> {
                assert!(actor.on_exit(push("dropped")).is_ok());
                forever().await;
                Ok(())
            }));
        assert!(poll_once(&mut scope).await.is_pending());
        drop(scope);
        assert_eq!(ran.recv().await, Some("dropped"));
        Ok(())
    })
    .await
}

#[tractor::test]
async fn requests_end_before_the_cleanup_runs() -> Result<()> {
    #[tractor::actor_fn]
    async fn holds_a_mark(path: String) {
        struct Held(String);
        impl Drop for Held {
            fn drop(&mut self) {
                mark(&self.0, "request dropped");
            }
        }
        let _held = Held(path);
        note("held");
        forever().await;
    }

    tree(async |tree| {
        let marks = Marks::new(tree);
        tractor::open_nursery(async |an| -> Result<()> {
            let worker = start(an, tree.name("worker"), module_path!()).await?;
            worker.run(prepare(marks.path())).await?;
            let mut held = worker.run(holds_a_mark(marks.path()));
            assert!(poll_once(&mut held).await.is_pending());
            worker.run(seen("held".to_owned())).await?;
            worker.cancel_actor().await?;
            Ok(())
        })
        .await?;
        let expected: Vec<_> = ["request dropped"].into_iter().chain(CLEANED_UP).collect();
        assert_eq!(marks.read(), expected);
        Ok(())
    })
    .await
}

/// Blocks its thread until its actor ends, and then for longer than the actor waits for its connections.
#[tractor::actor_fn]
async fn blocks(begun: String) -> u64 {
    std::fs::write(begun, "").expect("the temporary directory is writable");
    let actor = tractor::current_actor();
    while poll_once(&mut Box::pin(actor.cancelled())).await.is_pending() {
        std::thread::sleep(Duration::from_millis(1));
    }
    std::thread::sleep(Duration::from_millis(300));
    5
}

#[tractor::test(flavor = "multi_thread", worker_threads = 4)]
async fn an_actor_waits_for_a_request_in_its_first_poll() -> Result<()> {
    in_root(async |_| {
        let begun = std::env::temp_dir().join(format!("tractor-begun-{}", std::process::id()));
        let timeouts = Timeouts::default().drain(Duration::from_millis(150));
        let options = ActorOptions::new().enable_module(module_path!()).timeouts(timeouts);
        let call = tractor::with_local_actor(options, async |portal| -> Result<_> {
            let call = tokio::spawn(portal.run(blocks(begun.display().to_string())));
            until(|| begun.exists()).await;
            Ok(call)
        });
        let call = call.await?;
        // The call got the outcome, and not the loss of the connection.
        let ended = call.await.expect("it does not panic");
        assert!(matches!(&ended, Err(Error::Cancelled(_))), "{ended:?}");
        std::fs::remove_file(&begun).expect("it was made");
        Ok(())
    })
    .await
}

/// Whether the actor of the next test has ended, whether a request ran after that, and whether one still can.
static HAS_ENDED: AtomicBool = AtomicBool::new(false);
static RAN_LATE: AtomicBool = AtomicBool::new(false);
static IS_OVER: AtomicBool = AtomicBool::new(false);

/// An argument that blocks its reader for longer than the actor waits for its connections.
#[derive(serde::Serialize)]
struct SlowToRead(String, #[serde(skip)] Option<SetOnDrop>);

struct SetOnDrop(&'static AtomicBool);

impl Drop for SetOnDrop {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

impl<'de> serde::Deserialize<'de> for SlowToRead {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        let (begun,) = <(String,)>::deserialize(deserializer)?;
        std::fs::write(&begun, "").expect("the temporary directory is writable");
        std::thread::sleep(Duration::from_millis(300));
        Ok(Self(begun, Some(SetOnDrop(&IS_OVER))))
    }
}

#[tractor::actor_fn]
async fn takes(slow: SlowToRead) {
    RAN_LATE.store(HAS_ENDED.load(Ordering::SeqCst), Ordering::SeqCst);
    drop(slow.1);
}

#[tractor::test(flavor = "multi_thread", worker_threads = 4)]
async fn an_actor_waits_for_a_request_that_takes_its_arguments() -> Result<()> {
    in_root(async |_| {
        let begun = std::env::temp_dir().join(format!("tractor-taken-{}", std::process::id()));
        let timeouts = Timeouts::default().drain(Duration::from_millis(150));
        let options = ActorOptions::new().enable_module(module_path!()).timeouts(timeouts);
        let call = tractor::with_local_actor(options, async |portal| -> Result<_> {
            let call = tokio::spawn(portal.run(takes(SlowToRead(begun.display().to_string(), None))));
            until(|| begun.exists()).await;
            Ok(call)
        });
        let call = call.await?;
        HAS_ENDED.store(true, Ordering::SeqCst);
        _ = call.await.expect("it does not panic");
        until(|| IS_OVER.load(Ordering::SeqCst)).await;
        assert!(!RAN_LATE.load(Ordering::SeqCst), "nothing runs in an actor that has ended");
        std::fs::remove_file(&begun).expect("it was made");
        Ok(())
    })
    .await
}

#[tractor::test]
async fn callbacks_at_the_end_may_use_the_actors_state() -> Result<()> {
    tractor::actor_local! {
        static COUNT: AtomicU32 = AtomicU32::new(0);
    }
    let (told, count) = tokio::sync::oneshot::channel();
    in_root(async |_| {
        COUNT.get().store(7, Ordering::Relaxed);
        let tell = || _ = told.send(COUNT.get().load(Ordering::Relaxed));
        assert!(tractor::current_actor().on_exit(tell).is_ok());
        Ok(())
    })
    .await?;
    assert_eq!(count.await, Ok(7));
    Ok(())
}

#[tractor::test]
async fn a_blocking_call_that_was_left_behind_does_not_keep_its_process() -> Result<()> {
    // Only the child itself ends its process within the test's deadline.
    let long = Duration::from_secs(3600);
    let timeouts = Timeouts::default().nursery_cancel(long).terminate(long);
    tractor::open_root_actor(ActorOptions::new().timeouts(timeouts), async |_| {
        with_process(module_path!(), async |worker| worker.run(leaves_a_blocking_call_behind()).await).await
    })
    .await
}

#[test]
fn a_waiter_in_another_runtime_gets_the_end_of_a_connection_whose_task_never_ran() {
    let runtime = || Builder::new_current_thread().enable_all().build().expect("a runtime");
    let addr = tractor::socket_addr("lifetime-unpolled").expect("a short name");
    let ((up, listening), (end, ended)) = (channel(), oneshot::channel::<()>());
    let options = ActorOptions::new().bind(addr.clone());
    let host = std::thread::spawn(move || {
        runtime().block_on(tractor::open_root_actor(options, async |_| -> Result<()> {
            up.send(()).expect("the receiver waits");
            ended.await.expect("it is sent");
            Ok(())
        }))
    });
    listening.recv().expect("it starts");
    let (give, given) = channel();
    let short = runtime();
    let portal = short.block_on(async {
        let mut visit =
            std::pin::pin!(tractor::open_root_actor(ActorOptions::new(), async |_| -> Result<()> {
                tractor::connect(&addr, async |portal| {
                    give.send(portal.clone()).expect("the receiver waits");
                    std::future::pending().await
                })
                .await
            }));
        // The body runs in the same poll that has begun the connection.
        std::future::poll_fn(|cx| {
            assert!(visit.as_mut().poll(cx).is_pending());
            given.try_recv().map_or(Poll::Pending, Poll::Ready)
        })
        .await
    });
    drop(short);
    let told = runtime().block_on(async {
        let call = portal.run_dyn::<()>(DynCall::new("module", "function"));
        tokio::time::timeout(Duration::from_secs(10), call).await
    });
    let told = told.expect("it ends in time");
    assert!(matches!(told, Err(Error::Closed(_))), "{told:?}");
    end.send(()).expect("it waits");
    host.join().expect("it ends").expect("the root ends well");
}
