//! The current actor: its identity, code outside of any actor, its state, and panics that it survives.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use support::journal::note;
use support::{
    forever, in_nursery, in_nursery_with, in_root, poll_once, start, tree, with_local, with_process,
};
use tractor::error::RemoteKind;
use tractor::prelude::*;
use tractor::{ActorOptions, Error, Result};

tractor::actor_local! {
    static VISITS: AtomicU64 = AtomicU64::new(100);
    static OWNER: String = tractor::current_actor().name().to_owned();
}

#[tractor::actor_fn]
async fn visit() -> u64 {
    VISITS.get().fetch_add(1, Ordering::Relaxed) + 1
}

#[tractor::actor_fn]
async fn owner() -> String {
    OWNER.get().as_str().to_owned()
}

/// Name, UUID, pid, whether it is the root.
#[tractor::actor_fn]
async fn identity() -> (String, String, u32, bool) {
    let actor = tractor::current_actor();
    (actor.name().to_owned(), actor.uid().uuid().to_owned(), std::process::id(), actor.is_root())
}

/// Whether a detached task of this actor finds its actor: outside and inside of `Actor::enter`.
#[tractor::actor_fn]
async fn detached() -> (bool, String) {
    let actor = tractor::current_actor();
    let lost = tokio::spawn(async { tractor::try_current_actor().is_err() });
    let found =
        tokio::spawn(async move { actor.enter(async { tractor::current_actor().name().to_owned() }).await });
    (lost.await.expect("it does not panic"), found.await.expect("it does not panic"))
}

/// The parent's report: its name, and how often it was visited.
#[tractor::actor_fn]
async fn asks_its_parent() -> tractor::Result<Option<(String, u64)>> {
    let Some(parent) = tractor::current_actor().parent() else { return Ok(None) };
    let refused = parent.kill().await.expect_err("it is no child");
    assert!(refused.to_string().contains("is not a child of this one"), "{refused}");
    Ok(Some((parent.run(owner()).await?, parent.run(visit()).await?)))
}

#[tractor::actor_fn]
async fn opens_a_root() -> tractor::Result<()> {
    tractor::open_root_actor(ActorOptions::new(), async |_| Ok(())).await
}

#[tractor::actor_fn]
async fn panics(how: u8) {
    if how == 2 {
        tokio::task::yield_now().await;
    }
    match how {
        0 => panic!("plain text"),
        1 => std::panic::panic_any(7_u64),
        _ => panic!("after {how} polls"),
    }
}

#[tractor::actor_fn]
async fn indexes(at: usize) -> u8 {
    [1, 2, 3][at]
}

#[tractor::test]
async fn a_child_calls_its_parent() -> Result<()> {
    in_nursery_with(ActorOptions::new().name("boss").enable_module(module_path!()), async |tree, an| {
        assert_eq!(asks_its_parent().await?, None, "a root has no parent");
        let worker = start(an, tree.name("worker"), module_path!()).await?;
        assert_eq!(worker.run(asks_its_parent()).await?, Some(("boss".to_owned(), 101)));
        assert_eq!(visit().await, 102, "the state is in this actor");
        worker.cancel_actor().await?;
        Ok(())
    })
    .await
}

#[tractor::test]
async fn a_child_knows_its_name_and_is_no_root() -> Result<()> {
    in_nursery(async |tree, an| {
        let worker = start(an, tree.name("worker"), module_path!()).await?;
        let (name, uuid, pid, is_root) = worker.run(identity()).await?;
        assert_eq!((name.as_str(), uuid.as_str()), (worker.uid().name(), worker.uid().uuid()));
        assert_eq!(name, tree.name("worker"));
        assert_eq!(worker.pid(), Some(pid.into()));
        assert!(!is_root);
        let (name, uuid, pid, is_root) = identity().await;
        assert_eq!((name.as_str(), pid, is_root), ("root", std::process::id(), true));
        assert_eq!(tractor::current_actor().uid().uuid(), uuid);
        assert!(tractor::current_actor().addrs().is_empty(), "it listens only if it is told to");
        worker.cancel_actor().await?;
        Ok(())
    })
    .await
}

#[tractor::test]
async fn there_is_no_actor_outside_of_every_scope() -> Result<()> {
    tree(async |_| {
        let error = tractor::try_current_actor().unwrap_err();
        assert!(matches!(error, Error::NoRuntime), "{error:?}");
        assert!(error.to_string().contains("open_nursery"), "{error}");
        assert!(matches!(VISITS.try_get(), Err(Error::NoRuntime)));
        let local: Result<()> = tractor::with_local_actor(ActorOptions::new(), async |_| Ok(())).await;
        assert!(matches!(local, Err(Error::NoRuntime)));
        in_root(async |_| {
            assert!(tractor::try_current_actor().is_ok());
            Ok(())
        })
        .await?;
        assert!(tractor::try_current_actor().is_err());
        Ok(())
    })
    .await
}

#[tractor::test]
#[should_panic(expected = "no actor runtime here")]
async fn asking_for_the_actor_outside_of_every_scope_panics() {
    _ = tractor::current_actor();
}

#[tractor::test]
async fn a_detached_task_takes_its_actor_along_if_it_enters_it() -> Result<()> {
    with_process(module_path!(), async |worker| {
        assert_eq!(worker.run(detached()).await?, (true, worker.uid().name().to_owned()));
        assert_eq!(detached().await, (true, "root".to_owned()));
        Ok(())
    })
    .await
}

#[tractor::test]
async fn every_process_has_its_own_state() -> Result<()> {
    in_nursery(async |tree, an| {
        let one = start(an, tree.name("one"), module_path!()).await?;
        let two = start(an, tree.name("two"), module_path!()).await?;
        assert_eq!(one.run(visit()).await?, 101);
        assert_eq!(one.run(visit()).await?, 102);
        assert_eq!(two.run(visit()).await?, 101);
        assert_eq!(visit().await, 101);
        assert_eq!(one.run(visit()).await?, 103);
        one.cancel_actor().await?;
        two.cancel_actor().await?;
        Ok(())
    })
    .await
}

#[tractor::test]
async fn actors_of_one_process_have_their_own_state() -> Result<()> {
    tree(async |_| {
        let options = || ActorOptions::new().name("other").enable_module(module_path!());
        with_local(module_path!(), async |local| {
            assert_eq!(local.run(visit()).await?, 101);
            assert_eq!(visit().await, 101);
            tractor::with_local_actor(options(), async |other| -> Result<()> {
                assert_eq!(other.run(owner()).await?, "other");
                assert_eq!(local.run(owner()).await?, "local");
                assert_eq!(owner().await, "root");
                assert_eq!(other.run(visit()).await?, 101);
                Ok(())
            })
            .await?;
            tractor::with_local_actor(options(), async |again| -> Result<()> {
                assert_eq!(again.run(visit()).await?, 101, "state ends with its actor");
                Ok(())
            })
            .await?;
            assert_eq!(local.run(visit()).await?, 102);
            Ok(())
        })
        .await
    })
    .await
}

#[tractor::test]
async fn a_tree_has_one_root() -> Result<()> {
    with_process(module_path!(), async |worker| {
        let error = opens_a_root().await.unwrap_err();
        assert!(matches!(error, Error::Runtime(_)), "{error:?}");
        assert!(error.to_string().contains("open a nursery instead"), "{error}");
        let error = worker.run(opens_a_root()).await.unwrap_err();
        let remote = error.as_remote().expect("the error is remote");
        assert_eq!(remote.kind(), RemoteKind::Runtime);
        assert!(remote.message().contains(worker.uid().name()), "{remote}");
        Ok(())
    })
    .await
}

async fn survives_panics(worker: &Portal) -> Result<()> {
    for (how, message) in [(0, "plain text"), (1, "a panic whose payload is not text"), (2, "after 2 polls")]
    {
        let error = worker.run(panics(how)).await.expect_err("it panics");
        let remote = error.as_remote().expect("the endpoint panicked");
        assert_eq!((remote.kind(), remote.message()), (RemoteKind::Panic, message));
        assert!(remote.trace().starts_with(concat!(file!(), ":")), "{}", remote.trace());
        assert!(error.to_string().contains(remote.trace()), "{error}");
        assert_eq!(remote.src_uid(), worker.uid());
    }
    assert_eq!(worker.run(indexes(2)).await?, 3);
    let error = worker.run(indexes(3)).await.expect_err("the list has three items");
    assert!(error.to_string().contains("index out of bounds"), "{error}");
    assert_eq!(worker.run(indexes(0)).await?, 1, "the actor goes on");
    assert_eq!(worker.dialogs_open(), 0);
    Ok(())
}

#[tractor::test]
async fn an_actor_survives_panics_of_its_endpoints() -> Result<()> {
    with_process(module_path!(), survives_panics).await
}

#[tractor::test]
async fn an_actor_of_this_process_survives_panics_of_its_endpoints() -> Result<()> {
    with_local(module_path!(), survives_panics).await
}

#[tractor::test]
async fn notes_of_one_actor_are_not_those_of_another() -> Result<()> {
    with_process(module_path!(), async |worker| {
        note("here");
        assert_eq!(worker.run(support::journal::entries()).await?, [""; 0]);
        assert_eq!(support::journal::entries().await, ["here"]);
        Ok(())
    })
    .await
}

/// Records the actor in which it is dropped.
struct Looks<'a>(&'a Mutex<Vec<String>>);

impl Drop for Looks<'_> {
    fn drop(&mut self) {
        let actor = tractor::try_current_actor().map_or("none".to_owned(), |actor| actor.name().to_owned());
        self.0.lock().expect("the lock is not poisoned").push(actor);
    }
}

#[tractor::test]
async fn a_scope_that_is_dropped_drops_its_body_in_the_root_it_has_brought() {
    let seen = Mutex::new(Vec::new());
    let mut nursery = Box::pin(tractor::open_nursery(async |_| -> tractor::Result<()> {
        let _looks = Looks(&seen);
        forever().await;
        Ok(())
    }));
    assert!(poll_once(&mut nursery).await.is_pending());
    drop(nursery);
    let mut root =
        Box::pin(tractor::open_root_actor(ActorOptions::new(), async |_| -> tractor::Result<()> {
            let _looks = Looks(&seen);
            forever().await;
            Ok(())
        }));
    assert!(poll_once(&mut root).await.is_pending());
    drop(root);
    assert_eq!(seen.into_inner().expect("the lock is not poisoned"), ["root", "root"]);
}

#[tractor::test]
async fn a_function_that_makes_the_body_of_a_root_is_called_in_it() -> Result<()> {
    let body = |_: &tractor::Actor| {
        let name = tractor::current_actor().name().to_owned();
        async move { Ok(name) }
    };
    let name: Result<String> = tractor::open_root_actor(ActorOptions::new(), body).await;
    assert_eq!(name?, "root");
    Ok(())
}
