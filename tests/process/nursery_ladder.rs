//! One nursery is cancelled, and its children resist in every way: the ladder of each child ends it, and children that
//! end in order get the time for it.

use std::cell::Cell;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use support::processes::{cpu_ticks, pid_of, process};
use support::{Tree, forever, in_root_with, poll_once, start, tree, until};
use tokio::signal::unix::{SignalKind, signal};
use tractor::{ActorOptions, Context, Error, Result, Timeouts};

/// The time in which a well-behaved child ends: far less than any step of the ladder, even beside others that spin.
const CLEANUP: Duration = Duration::from_millis(200);

#[tractor::context(started = ())]
async fn spins(ctx: Context<(), (), ()>, ignores_sigterm: bool) -> tractor::Result<()> {
    let _handler = ignores_sigterm.then(|| signal(SignalKind::terminate()).expect("a handler can be set"));
    let _ctx = ctx.started(()).await?;
    for _ in 0..100 {
        tokio::task::yield_now().await; // the first value leaves
    }
    loop {
        std::hint::spin_loop();
    }
}

#[tractor::context(started = ())]
async fn shields_for_ever(ctx: Context<(), (), ()>) -> tractor::Result<()> {
    tractor::shield(async {
        let _ctx = ctx.started(()).await?;
        forever().await;
        Ok(())
    })
    .await
}

/// Ends in order: a slow cleanup, then a callback, each with its mark.
#[tractor::context(started = ())]
async fn cleans_up(ctx: Context<(), (), ()>, marks: PathBuf) -> tractor::Result<()> {
    let ctx = ctx.started(()).await?;
    let last = marks.clone();
    assert!(tractor::current_actor().on_exit(move || mark(&last, "callback")).is_ok(), "the actor runs");
    ctx.cancelled().await;
    tractor::shield(tokio::time::sleep(CLEANUP)).await;
    mark(&marks, "cleanup");
    Ok(())
}

/// Has an actor below this one, and records at its own end whether that actor's process still exists.
#[tractor::context(started = i32)]
async fn keeps_a_child(ctx: Context<i32, (), ()>, name: String, marks: PathBuf) -> tractor::Result<()> {
    tractor::open_nursery(async |an| {
        let below = start(an, name, module_path!()).await?;
        let pid = pid_of(&below);
        let look = move || mark(&marks, if process(pid).is_some() { "too early" } else { "children first" });
        assert!(tractor::current_actor().on_exit(look).is_ok(), "the actor runs");
        ctx.started(pid).await?;
        forever().await;
        Ok(())
    })
    .await
}

fn mark(file: &Path, text: &str) {
    let before = std::fs::read_to_string(file).unwrap_or_default();
    std::fs::write(file, format!("{before}{text};")).expect("the temporary directory is writable");
}

/// A file for marks, removed with the test.
struct Marks(PathBuf);

impl Marks {
    fn new(tree: &Tree) -> Self {
        let name = format!("tractor-ladder-{}-{}", std::process::id(), tree.name("marks"));
        Self(std::env::temp_dir().join(name))
    }

    fn read(&self) -> String {
        std::fs::read_to_string(&self.0).unwrap_or_default()
    }
}

impl Drop for Marks {
    fn drop(&mut self) {
        // A test that has left no mark has no file.
        _ = std::fs::remove_file(&self.0);
    }
}

#[tractor::test]
async fn children_that_resist_do_not_cost_the_others_their_cleanup() -> Result<()> {
    let timeouts = Timeouts::default().actor_cancel(10 * CLEANUP);
    in_root_with(ActorOptions::new().timeouts(timeouts), async |tree| {
        let marks = Marks::new(tree);
        tractor::open_nursery(async |an| -> Result<()> {
            let spinning = start(an, tree.name("spin"), module_path!()).await?;
            let deaf = start(an, tree.name("deaf"), module_path!()).await?;
            let shielded = start(an, tree.name("shld"), module_path!()).await?;
            let well = start(an, tree.name("well"), module_path!()).await?;
            let (pid, deaf_pid) = (pid_of(&spinning), pid_of(&deaf));
            let opened = Cell::new(0);
            let body = async || {
                until(|| opened.get() == 4).await;
                until(|| [pid, deaf_pid].iter().all(|pid| cpu_ticks(*pid).is_some_and(|ticks| ticks > 5)))
                    .await;
                let mut booting = an.start_actor(tree.name("boot")).into_future();
                assert!(poll_once(&mut booting).await.is_pending());
                until(|| tree.processes().len() == 5).await;
                let begun = Instant::now();
                let (born, _ends) = tokio::join!(booting, an.cancel());
                // On a busy machine the child may have booted before.
                assert!(matches!(born, Ok(_) | Err(Error::Spawn(_))), "{born:?}");
                assert!(tree.processes().is_empty());
                Ok(begun.elapsed())
            };
            // Each context ends with its actor, or without an error.
            let took = futures_util::future::try_join_all([
                hold(&opened, &spinning, Held::Spins(false)),
                hold(&opened, &deaf, Held::Spins(true)),
                hold(&opened, &shielded, Held::Shields),
                hold(&opened, &well, Held::Cleans(marks.0.clone())),
            ]);
            let (held, took): (_, Result<Duration>) = tokio::join!(took, body());
            held?;
            assert!(took? >= Duration::from_millis(1_600), "one of them ignores SIGTERM");
            Ok(())
        })
        .await?;
        assert_eq!(marks.read(), "cleanup;callback;");
        Ok(())
    })
    .await
}

enum Held {
    Spins(bool),
    Shields,
    Cleans(PathBuf),
}

/// Opens a context, counts it, and keeps it open until its actor is gone.
async fn hold(opened: &Cell<u32>, portal: &tractor::Portal, held: Held) -> Result<()> {
    let body = async || -> Result<()> {
        opened.set(opened.get() + 1);
        forever().await;
        Ok(())
    };
    let left = match held {
        Held::Spins(deaf) => portal.open_context(spins(deaf), async |_, ()| body().await).await,
        Held::Shields => portal.open_context(shields_for_ever(), async |_, ()| body().await).await,
        Held::Cleans(marks) => portal.open_context(cleans_up(marks), async |_, ()| body().await).await,
    };
    assert!(left.is_err(), "the context itself was not cancelled");
    Ok(())
}

#[tractor::test]
async fn an_actor_outlives_its_children() -> Result<()> {
    tree(async |tree| {
        let marks = Marks::new(tree);
        tractor::open_nursery(async |an| -> Result<()> {
            let middle = start(an, tree.name("middle"), module_path!()).await?;
            let call = keeps_a_child(tree.name("below"), marks.0.clone());
            let left: Result<()> = middle
                .open_context(call, async |_, pid| {
                    assert!(process(pid).is_some());
                    assert!(middle.cancel_actor().await?.is_in_order());
                    forever().await;
                    Ok(())
                })
                .await;
            assert!(left.expect_err("its actor was cancelled").is_cancelled());
            Ok(())
        })
        .await?;
        assert_eq!(marks.read(), "children first;");
        Ok(())
    })
    .await
}
