//! Clusters: equal workers, which start together and end with the scope.

use futures_util::future::try_join_all;
use support::journal::seen;
use support::{Spoiled, Tree, forever, spoiled, tree};
use tokio::sync::Barrier;
use tractor::error::RemoteKind;
use tractor::prelude::*;
use tractor::{ActorOptions, ClusterOptions, DynCall, Error, Result, StartActor, open_actor_cluster};

#[tractor::actor_fn]
async fn who() -> (String, u32) {
    (tractor::current_actor().name().to_owned(), std::process::id())
}

#[tractor::actor_fn]
async fn waits() {
    support::journal::note("waits");
    forever().await;
}

#[tractor::actor_fn]
async fn dies() {
    std::process::exit(7);
}

fn set_up(worker: StartActor) -> StartActor {
    worker.enable_module(module_path!()).enable_module(support::journal::MODULE)
}

/// Runs a cluster in a root actor whose name marks the test's processes.
async fn cluster<T, E, F>(tree: &Tree, workers: usize, body: F) -> std::result::Result<T, E>
where
    F: AsyncFnOnce(&[Portal]) -> std::result::Result<T, E>,
    E: From<Error> + 'static,
{
    let options = ActorOptions::new().name(tree.name("c"));
    let result = tractor::open_root_actor(options, async |_| {
        let result = open_actor_cluster(ClusterOptions::new().count(workers), set_up, body).await;
        assert!(tree.processes().is_empty(), "the scope has ended: {:?}", tree.processes());
        result
    });
    result.await
}

#[tractor::test]
async fn workers_are_numbered_and_each_is_a_process() -> Result<()> {
    tree(async |tree| {
        cluster(tree, 3, async |portals| {
            let known = try_join_all(portals.iter().map(|portal| portal.run(who()))).await?;
            for (number, (name, pid)) in known.iter().enumerate() {
                assert_eq!(*name, format!("{}.worker_{number}", tree.name("c")));
                assert_eq!(portals[number].uid().name(), name);
                assert_eq!(portals[number].pid(), Some(i64::from(*pid)));
            }
            assert!(known[0].1 != known[1].1 && known[1].1 != known[2].1 && known[0].1 != known[2].1);
            Ok(())
        })
        .await
    })
    .await
}

#[tractor::test]
async fn a_root_is_started_where_there_is_none() -> Result<()> {
    let name = open_actor_cluster(ClusterOptions::new().count(1), set_up, async |portals| {
        portals[0].run(who()).await
    })
    .await?
    .0;
    assert_eq!(name, "root.worker_0");
    Ok(())
}

#[tractor::test]
async fn no_workers_are_an_empty_cluster() -> Result<()> {
    assert_eq!(
        open_actor_cluster(ClusterOptions::new().count(0), set_up, async |portals| -> Result<_> {
            Ok(portals.len())
        })
        .await?,
        0
    );
    Ok(())
}

#[tractor::test]
async fn all_are_at_work_at_the_same_time() -> Result<()> {
    tree(async |tree| {
        cluster(tree, 3, async |portals| {
            let barrier = Barrier::new(3);
            try_join_all(portals.iter().map(async |portal| {
                portal.run(who()).await?;
                barrier.wait().await;
                portal.run(who()).await
            }))
            .await?;
            Ok(())
        })
        .await
    })
    .await
}

#[tractor::test]
async fn leaving_the_body_ends_workers_that_are_busy() -> Result<()> {
    tree(async |tree| {
        let text = cluster(tree, 2, async |portals| -> Result<_> {
            let (work, is_seen) = (portals[1].run(waits()), portals[1].run(seen("waits".to_owned())));
            tokio::select! {
                never = work => panic!("it waits for ever: {never:?}"),
                seen = is_seen => seen?,
            }
            Ok("left")
        });
        assert_eq!(text.await?, "left");
        Ok(())
    })
    .await
}

#[tractor::test]
async fn an_error_of_the_body_comes_bare() -> Result<()> {
    #[derive(Debug)]
    enum Failed {
        Own(Spoiled),
        Tractor(Error),
    }
    impl From<Error> for Failed {
        fn from(error: Error) -> Self {
            Self::Tractor(error)
        }
    }
    tree(async |tree| {
        let failed = cluster(tree, 2, async |_| spoiled::<()>("mine").map_err(Failed::Own)).await;
        match failed.expect_err("the body has failed") {
            Failed::Own(own) => assert_eq!(own.0, "mine"),
            Failed::Tractor(error) => panic!("{error}"),
        }
        let error =
            cluster(tree, 2, async |portals| portals[0].run_dyn::<()>(DynCall::new("no", "such")).await);
        let error = error.await.expect_err("there is no such function");
        assert_eq!(error.as_remote().map(|remote| remote.kind()), Some(RemoteKind::NotExposed), "{error:?}");
        Ok(())
    })
    .await
}

#[tractor::test]
async fn the_death_of_a_worker_ends_the_cluster() -> Result<()> {
    tree(async |tree| {
        let error = cluster(tree, 3, async |portals| -> Result<()> {
            let (doomed, waiting) = (portals[2].run(dies()), portals[0].run(waits()));
            let both: [std::pin::Pin<Box<dyn Future<Output = Result<()>>>>; 2] =
                [Box::pin(waiting), Box::pin(doomed)];
            try_join_all(both).await.map(drop)
        });
        let error = error.await.expect_err("a worker has died");
        assert_eq!(error.as_died().and_then(|died| died.code()), Some(7), "{error:?}");
        Ok(())
    })
    .await
}

#[tractor::test]
async fn a_worker_that_cannot_start_fails_the_cluster() -> Result<()> {
    let wrong = |worker: StartActor| worker.enable_module("no::such::module");
    let error = open_actor_cluster(ClusterOptions::new().count(2), wrong, async |_| -> Result<()> {
        panic!("no worker has started")
    });
    let error = error.await.expect_err("there is no such module");
    assert!(error.to_string().contains("no::such::module"), "{error}");
    Ok(())
}

#[tractor::test]
async fn names_are_as_given_and_as_many_as_counted() -> Result<()> {
    tree(async |tree| {
        let root = ActorOptions::new().name(tree.name("c"));
        let options = ClusterOptions::new().names(["left", "right"]).root(root);
        let names = open_actor_cluster(options.clone().count(2), set_up, async |portals| -> Result<_> {
            Ok(portals.iter().map(|portal| portal.uid().name().to_owned()).collect::<Vec<_>>())
        });
        assert_eq!(names.await?, [format!("{}.left", tree.name("c")), format!("{}.right", tree.name("c"))]);
        let left =
            open_actor_cluster(options.count(3), set_up, async |_| -> Result<()> { panic!("it is refused") });
        let error = left.await.expect_err("three workers, two names");
        assert!(matches!(error, Error::Runtime(_)) && error.to_string().contains("2 names"), "{error}");
        Ok(())
    })
    .await
}

#[tractor::test]
async fn there_is_a_worker_per_core_unless_told_otherwise() -> Result<()> {
    let cores = std::thread::available_parallelism().expect("the system reports it").get();
    let options = ClusterOptions::new();
    assert_eq!(
        open_actor_cluster(options, set_up, async |portals| -> Result<_> { Ok(portals.len()) }).await?,
        cores
    );
    Ok(())
}

/// Writes a file when it is cancelled, which happens only if the actor is asked to end.
#[tractor::actor_fn]
async fn leaves_a_mark(path: String) {
    struct Mark(String);
    impl Drop for Mark {
        fn drop(&mut self) {
            std::fs::write(&self.0, "asked").expect("the temporary directory is writable");
        }
    }
    let _mark = Mark(path);
    support::journal::note("waits");
    forever().await;
}

#[tractor::test]
async fn a_hard_kill_does_not_ask() -> Result<()> {
    tree(async |tree| {
        for (hard_kill, marked) in [(false, true), (true, false)] {
            let name = format!("tractor-mark-{}-{hard_kill}", std::process::id());
            let path = std::env::temp_dir().join(name).display().to_string();
            let root = ActorOptions::new().name(tree.name("c"));
            let options = ClusterOptions::new().count(1).hard_kill(hard_kill).root(root);
            open_actor_cluster(options, set_up, async |portals| -> Result<()> {
                // In a task of its own, because the drop of the body would cancel it.
                tokio::spawn(portals[0].run(leaves_a_mark(path.clone())));
                portals[0].run(seen("waits".to_owned())).await
            })
            .await?;
            assert_eq!(std::fs::remove_file(&path).is_ok(), marked, "hard kill: {hard_kill}");
        }
        Ok(())
    })
    .await
}
