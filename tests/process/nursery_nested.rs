//! Trees more than one level deep: the parents of actors, and the routes of failures and cancellations.

use support::journal::{note, seen};
use support::processes::{pid_of, process};
use support::{
    Spoiled, Tree, forever, in_nursery, in_root, spoiled, start, tree, with_deadline, with_process,
};
use tokio::sync::oneshot;
use tractor::prelude::*;
use tractor::{Error, Result};

/// Pids and actor names, the top one first.
type Line = Vec<(i32, String)>;

fn here() -> (i32, String) {
    (std::process::id().cast_signed(), tractor::current_actor().name().to_owned())
}

/// Starts a chain of actors below this one, with these names, and keeps them until its peer closes the stream.
#[tractor::context(started = Line, recv = ())]
async fn line_up(ctx: Context<Line, (), ()>, below: Vec<String>) -> tractor::Result<u32> {
    let Some((first, rest)) = below.split_first() else {
        return stay(ctx, vec![here()]).await;
    };
    tractor::open_nursery(async |an| {
        let next = start(an, first, module_path!()).await?;
        let depth = next
            .open_context(line_up(rest.to_vec()), async |lower, line| {
                stay(ctx, [vec![here()], line].concat()).await?;
                let lower_handle = lower.handle();
                let stream = lower.open_stream();
                stream.finish();
                lower_handle.wait_for_result().await
            })
            .await?;
        next.cancel_actor().await?;
        Ok(depth + 1)
    })
    .await
}

async fn stay(ctx: Context<Line, (), ()>, line: Line) -> tractor::Result<u32> {
    let ctx = ctx.started(line).await?;
    let mut stream = ctx.open_stream();
    while stream.receive().await?.is_some() {}
    Ok(1)
}

/// Fails in an actor below the last one of these names.
#[tractor::actor_fn]
async fn fail_below(names: Vec<String>) -> std::result::Result<(), Failure> {
    let Some((first, rest)) = names.split_first() else {
        return Err(Failure::Ours(Spoiled("deep down".to_owned())));
    };
    tractor::open_nursery(async |an| {
        let next = start(an, first, module_path!()).await?;
        next.run(fail_below(rest.to_vec())).await?;
        Ok(())
    })
    .await
}

#[derive(Debug)]
enum Failure {
    Ours(Spoiled),
    Theirs(Error),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Theirs(error)
    }
}

impl From<Failure> for Box<dyn std::error::Error + Send + Sync> {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Ours(error) => error.into(),
            Failure::Theirs(error) => error.into(),
        }
    }
}

#[tractor::actor_fn]
async fn parallel_sum(name: String, numbers: Vec<i64>) -> tractor::Result<i64> {
    tractor::open_nursery(async |an| {
        let mut parts = Vec::new();
        for (index, number) in numbers.into_iter().enumerate() {
            parts.push(an.run_in_actor(square(number)).name(format!("{name}{index}")).await?);
        }
        let mut sum = 0;
        for part in parts {
            sum += part.wait_for_result().await?;
        }
        Ok(sum)
    })
    .await
}

#[tractor::actor_fn]
async fn square(n: i64) -> i64 {
    n * n
}

/// Opens a nursery that outlives this call, until its actor ends.
#[tractor::context(started = ())]
async fn leaves_a_nursery_open(ctx: Context<(), (), ()>, name: String) -> tractor::Result<()> {
    tractor::open_nursery(async |an| {
        start(an, name, module_path!()).await?;
        let _ctx = ctx.started(()).await?;
        note("open");
        forever().await;
        Ok(())
    })
    .await
}

/// Opens a nursery and handles its failure.
#[tractor::actor_fn]
async fn recovers(name: String) -> std::result::Result<String, Spoiled> {
    let left: Result<()> = tractor::open_nursery(async |an| {
        let next = start(an, name, module_path!()).await?;
        next.run(fail_below(Vec::new())).await
    })
    .await;
    match left {
        Ok(()) => spoiled("nothing failed"),
        Err(error) => Ok(error.to_string()),
    }
}

#[tractor::actor_fn]
async fn opens_a_tree_outside_of_its_actor() -> bool {
    let outside = tokio::spawn(async { tractor::open_nursery(async |_| tractor::Result::Ok(())).await });
    matches!(outside.await, Ok(Err(Error::NoRuntime)))
}

/// Starts an actor in a nursery that lives in a task of its own, and returns when it runs.
async fn nursery_in_a_task(tree: &Tree) {
    let actor = tractor::current_actor();
    let name = tree.name("kid");
    let (started, is_started) = oneshot::channel();
    tokio::spawn(async move {
        let nursery = tractor::open_nursery(async |an| -> tractor::Result<()> {
            let _kid = an.start_actor(name).enable_module(module_path!()).await?;
            started.send(()).expect("the receiver waits");
            forever().await;
            Ok(())
        });
        actor.enter(nursery).await
    });
    is_started.await.expect("the actor starts");
}

#[tractor::test]
async fn three_levels_are_processes_below_one_another() -> Result<()> {
    in_nursery(async |tree, an| {
        let names: Vec<_> = ["kid", "grandkid", "greatgrandkid"].iter().map(|name| tree.name(name)).collect();
        let kid = start(an, &names[0], module_path!()).await?;
        let depth = kid
            .open_context(line_up(names[1..].to_vec()), async |ctx, line| -> Result<u32> {
                assert_eq!(line.iter().map(|(_, name)| name.clone()).collect::<Vec<_>>(), names);
                assert_eq!(tree.processes().len(), 3);
                let mut above = std::process::id().cast_signed();
                for (pid, _) in &line {
                    assert_eq!(process(*pid).map(|process| process.parent), Some(above));
                    above = *pid;
                }
                let handle = ctx.handle();
                let stream = ctx.open_stream();
                stream.finish();
                handle.wait_for_result().await
            })
            .await?;
        assert_eq!(depth, 3);
        assert_eq!(tree.processes().len(), 1, "the nurseries below have ended with their scopes");
        kid.cancel_actor().await?;
        Ok(())
    })
    .await
}

#[tractor::test]
async fn a_cancelled_nursery_takes_all_levels_with_it() -> Result<()> {
    in_nursery(async |tree, an| {
        let names: Vec<_> = ["b", "c"].iter().map(|name| tree.name(name)).collect();
        let kid = start(an, tree.name("a"), module_path!()).await?;
        let left = kid
            .open_context(line_up(names), async |_, line| -> Result<()> {
                assert_eq!(line.len(), 3);
                an.cancel().await;
                forever().await;
                Ok(())
            })
            .await;
        assert!(left.unwrap_err().is_cancelled());
        an.cancel().await;
        assert!(tree.processes().is_empty());
        Ok(())
    })
    .await
}

#[tractor::test]
async fn cancelling_a_context_ends_the_nursery_its_endpoint_has_open() -> Result<()> {
    tree(async |tree| {
        tractor::open_nursery(async |an| -> Result<()> {
            let kid = start(an, tree.name("kid"), module_path!()).await?;
            kid.open_context(leaves_a_nursery_open(tree.name("below")), async |ctx, ()| -> Result<()> {
                kid.run(seen("open".to_owned())).await?;
                assert_eq!(tree.processes().len(), 2);
                ctx.cancel().await?;
                Ok(())
            })
            .await?;
            // The endpoint was dropped with its scope: its actor finishes the teardown, and ends after it.
            kid.cancel_actor().await?;
            Ok(())
        })
        .await?;
        assert!(tree.processes().is_empty());
        Ok(())
    })
    .await
}

#[tractor::test]
async fn a_failure_three_levels_down_names_every_actor_on_its_way() -> Result<()> {
    tree(async |tree| {
        let names: Vec<_> = ["a", "b", "c"].iter().map(|name| tree.name(name)).collect();
        let left: Result<()> = tractor::open_nursery(async |an| {
            let kid = start(an, &names[0], module_path!()).await?;
            kid.run(fail_below(names[1..].to_vec())).await
        })
        .await;
        let error = left.unwrap_err();
        let remote = error.as_remote().expect("an application's failure");
        assert_eq!(remote.message(), "deep down");
        let way: Vec<_> = remote.relay_path().iter().map(|uid| uid.name().to_owned()).collect();
        assert_eq!(way, names.iter().rev().cloned().collect::<Vec<_>>());
        assert_eq!(remote.src_uid().name(), names[2]);
        for name in &names {
            assert!(error.to_string().contains(name.as_str()), "{error}");
        }
        Ok(())
    })
    .await
}

#[tractor::test]
async fn one_shot_actors_work_in_a_child_too() -> Result<()> {
    in_nursery(async |tree, an| {
        let kid = start(an, tree.name("kid"), module_path!()).await?;
        assert_eq!(kid.run(parallel_sum(tree.name("part"), vec![1, 2, 3])).await?, 14);
        assert_eq!(tree.processes().len(), 1);
        kid.cancel_actor().await?;
        Ok(())
    })
    .await
}

#[tractor::test]
async fn a_failure_dealt_with_below_is_not_seen_above() -> Result<()> {
    in_nursery(async |tree, an| {
        let kid = start(an, tree.name("kid"), module_path!()).await?;
        let text = kid.run(recovers(tree.name("below"))).await?;
        assert!(text.contains("deep down") && text.contains(&tree.name("below")), "{text}");
        assert!(process(pid_of(&kid)).is_some());
        kid.cancel_actor().await?;
        Ok(())
    })
    .await
}

#[tractor::test]
async fn nurseries_of_one_actor_end_on_their_own() -> Result<()> {
    in_root(async |tree| {
        tractor::open_nursery(async |outer| {
            let kept = start(outer, tree.name("kept"), module_path!()).await?;
            for _ in 0..3 {
                tractor::open_nursery(async |inner| -> Result<()> {
                    let brief = start(inner, tree.name("brief"), module_path!()).await?;
                    assert_eq!(brief.run(square(3)).await?, 9);
                    brief.cancel_actor().await?;
                    Ok(())
                })
                .await?;
                assert_eq!(tree.processes().len(), 1);
            }
            assert_eq!(kept.run(square(4)).await?, 16);
            kept.cancel_actor().await?;
            Ok(())
        })
        .await
    })
    .await
}

#[tractor::test]
async fn an_actor_does_not_wait_for_ever_for_a_nursery_in_a_task_of_its_own() -> tractor::Result<()> {
    tree(async |tree| {
        with_deadline(
            20,
            in_root(async |_| {
                nursery_in_a_task(tree).await;
                Ok(())
            }),
        )
        .await
    })
    .await
}

#[tractor::test]
async fn a_task_of_a_child_that_has_left_its_actor_starts_no_tree_of_its_own() -> tractor::Result<()> {
    with_process(module_path!(), async |worker| {
        assert!(worker.run(opens_a_tree_outside_of_its_actor()).await?);
        Ok(())
    })
    .await
}
